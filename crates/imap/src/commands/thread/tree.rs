//! Threads as THREAD tells them: messages below messages, siblings by sent date.
//!
//! **Invariant:** nothing here recurses, however deep threads are.

use storage::ThreadRow;

use crate::render::ThreadPart;

/// The value of a link that leads to no message.
pub(super) const NONE: u32 = u32::MAX;

/// What is known of a message to be threaded. Messages are named by their place in mailbox order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'k> {
    /// Sent date in seconds.
    pub(super) sent: i64,
    /// Rank of the base subject; 0 where it is empty.
    pub(super) subject: u32,
    /// Message ids and references; present for REFERENCES only.
    pub(super) thread: Option<ThreadRow<'k>>,
}

/// Places by sent date; RFC 5256 §2.2: those sent at the same time in mailbox order.
pub(super) fn by_date(messages: &[Message<'_>]) -> Vec<u32> {
    let mut order: Vec<(i64, u32)> = (0..).zip(messages).map(|(at, m)| (m.sent, at)).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, at)| at).collect()
}

/// Numbers that messages or nodes point to each other by.
#[derive(Debug, Clone, Default)]
pub(super) struct Links(Vec<u32>);

impl Links {
    pub(super) fn new(len: usize) -> Self {
        Self(vec![NONE; len])
    }

    /// Where `from` points to.
    pub(super) fn to(&self, from: u32) -> Option<u32> {
        self.0.get(from as usize).copied().filter(|to| *to != NONE)
    }

    pub(super) fn set(&mut self, from: u32, to: Option<u32>) {
        if let Some(place) = self.0.get_mut(from as usize) {
            *place = to.unwrap_or(NONE);
        }
    }

    pub(super) fn push(&mut self) -> u32 {
        self.0.push(NONE);
        self.0.len() as u32 - 1
    }

    pub(super) fn len(&self) -> u32 {
        self.0.len() as u32
    }
}

/// The top of a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Head {
    /// A message.
    Message(u32),
    /// Siblings whose parent is not there.
    Siblings(Vec<u32>),
}

impl Head {
    /// The messages at the top.
    pub(super) fn members(&self) -> &[u32] {
        match self {
            Self::Message(message) => std::slice::from_ref(message),
            Self::Siblings(members) => members,
        }
    }

    /// Makes others siblings of what is at the top.
    pub(super) fn join(&mut self, others: &[u32]) {
        match self {
            Self::Message(message) => *self = Self::Siblings([&[*message], others].concat()),
            Self::Siblings(members) => members.extend_from_slice(others),
        }
    }
}

/// Threads with everything in order.
#[derive(Debug)]
pub(super) struct Threads {
    heads: Vec<Head>,
    first_child: Links,
    next_sibling: Links,
}

impl Threads {
    /// Puts siblings into the order of their sent dates: `order` names all messages by it.
    /// `parents` names the parent of each message that is no head.
    pub(super) fn new(mut heads: Vec<Head>, parents: &Links, order: &[u32]) -> Self {
        let mut place = Links::new(order.len());
        for (at, message) in (0..).zip(order) {
            place.set(*message, Some(at));
        }
        let place = |message: &u32| place.to(*message);
        for head in &mut heads {
            if let Head::Siblings(members) = head {
                members.sort_unstable_by_key(place);
            }
        }
        // RFC 5256 §3: siblings without a parent are sorted by the first of them.
        heads.sort_by_key(|head| head.members().first().and_then(place));
        let (mut first_child, mut next_sibling) =
            (Links::new(order.len()), Links::new(order.len()));
        for &message in order.iter().rev() {
            if let Some(parent) = parents.to(message) {
                next_sibling.set(message, first_child.to(parent));
                first_child.set(parent, Some(message));
            }
        }
        Self { heads, first_child, next_sibling }
    }

    /// The heads in their order.
    pub(super) fn into_heads(self) -> Vec<Head> {
        self.heads
    }

    /// Hands all of it to `each` in the order of the answer. `numbers` are those of the messages.
    pub(super) fn for_each(&self, numbers: &[u32], each: &mut dyn FnMut(ThreadPart)) {
        for head in &self.heads {
            each(ThreadPart::Open);
            match head.members() {
                [message] => self.for_each_below(*message, numbers, each),
                members => {
                    for member in members {
                        each(ThreadPart::Open);
                        self.for_each_below(*member, numbers, each);
                        each(ThreadPart::Close);
                    }
                }
            }
            each(ThreadPart::Close);
        }
    }

    /// A message and all below it.
    fn for_each_below(&self, top: u32, numbers: &[u32], each: &mut dyn FnMut(ThreadPart)) {
        // For each list that is open: the sibling that begins the next one.
        let mut waiting: Vec<u32> = Vec::new();
        let mut next = Some(top);
        while let Some(message) = next {
            each(ThreadPart::Number(numbers.get(message as usize).copied().unwrap_or_default()));
            let child = self.first_child.to(message);
            let sibling = child.and_then(|child| self.next_sibling.to(child));
            next = match (child, sibling) {
                // RFC 5256 §4: a single child follows its parent, several begin lists.
                (Some(child), None) => Some(child),
                (Some(child), Some(sibling)) => {
                    waiting.push(sibling);
                    each(ThreadPart::Open);
                    Some(child)
                }
                (None, _) => loop {
                    let Some(sibling) = waiting.pop() else { break None };
                    each(ThreadPart::Close);
                    if sibling == NONE {
                        continue;
                    }
                    waiting.push(self.next_sibling.to(sibling).unwrap_or(NONE));
                    each(ThreadPart::Open);
                    break Some(sibling);
                },
            };
        }
    }
}
