//! THREAD=REFERENCES (RFC 5256 §3), step by step. The work on messages that refer to each other in
//! every way is bounded.

use super::tree::{Head, Links, Message, Threads, by_date};

/// LIMIT: steps up the tree in search of loops, for each node. Mail of people takes a handful;
/// messages made to refer to each other in every way would take the square of their number.
const STEPS_PER_NODE: u64 = 1000;
/// LIMIT: such steps of one THREAD, whatever the number of nodes: about a second.
const STEPS_MAX: u64 = 200_000_000;

/// The bound on the search for loops was reached.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooTangled;

/// Threads of `messages`, in mailbox order; their ids are numbers below `ids`.
pub(super) fn threads(messages: &[Message<'_>], ids: usize) -> Result<Threads, TooTangled> {
    threads_within(messages, ids, STEPS_MAX)
}

/// [`threads`] with at most so many steps.
fn threads_within(
    messages: &[Message<'_>],
    ids: usize,
    steps_max: u64,
) -> Result<Threads, TooTangled> {
    let forest = Forest::link(messages, ids, steps_max)?;
    let order = by_date(messages);
    let (mut parents, heads) = forest.prune(messages.len());
    let heads = by_first(heads, &order);
    let heads = gather(messages, heads, &mut parents);
    Ok(Threads::new(heads, &parents, &order))
}

/// Nodes linked as parent and child: one for each id, and one for each message that has none of
/// its own. A node without a message is what the standard calls a dummy.
struct Forest {
    parent: Links,
    /// How many children a node has: one without cannot be in a loop.
    children: Vec<u32>,
    message: Links,
    steps_left: u64,
}

impl Forest {
    /// Step 1 of RFC 5256 §3: links messages to their parents by References and In-Reply-To.
    fn link(messages: &[Message<'_>], ids: usize, steps_max: u64) -> Result<Self, TooTangled> {
        let most = ids + messages.len();
        let mut forest = Self {
            parent: Links::new(ids),
            children: vec![0; most],
            message: Links::new(ids),
            steps_left: STEPS_PER_NODE.saturating_mul(most as u64).min(steps_max),
        };
        let nodes: Vec<u32> =
            (0..).zip(messages).map(|(at, message)| forest.node_of(at, message)).collect();
        for (message, node) in messages.iter().zip(nodes) {
            let ancestors = message.thread.map_or(&[][..], |thread| thread.ancestors);
            // Step 1.A: an existing link is kept, as References may have been truncated.
            for pair in ancestors.windows(2) {
                if let [parent, child] = pair
                    && forest.parent.to(*child).is_none()
                {
                    forest.join(*parent, *child)?;
                }
            }
            // Step 1.B: what the message says of its own parent counts more.
            forest.cut(node);
            if let Some(parent) = ancestors.last() {
                forest.join(*parent, node)?;
            }
        }
        Ok(forest)
    }

    /// The node of a message: that of its id, unless an earlier message has it.
    fn node_of(&mut self, at: u32, message: &Message<'_>) -> u32 {
        let own = message.thread.and_then(|thread| thread.id);
        let node = match own.filter(|id| self.message.to(*id).is_none()) {
            Some(id) => id,
            None => {
                self.message.push();
                self.parent.push()
            }
        };
        self.message.set(node, Some(at));
        node
    }

    /// Makes `parent` the parent of `child`, which has none, unless that would make a loop.
    fn join(&mut self, parent: u32, child: u32) -> Result<(), TooTangled> {
        if parent == child || self.is_below(parent, child)? {
            return Ok(());
        }
        self.parent.set(child, Some(parent));
        if let Some(count) = self.children.get_mut(parent as usize) {
            *count += 1;
        }
        Ok(())
    }

    fn cut(&mut self, child: u32) {
        if let Some(parent) = self.parent.to(child) {
            self.parent.set(child, None);
            if let Some(count) = self.children.get_mut(parent as usize) {
                *count -= 1;
            }
        }
    }

    fn is_below(&mut self, node: u32, above: u32) -> Result<bool, TooTangled> {
        if self.children.get(above as usize).is_none_or(|count| *count == 0) {
            return Ok(false);
        }
        let mut node = node;
        while let Some(parent) = self.parent.to(node) {
            if parent == above {
                return Ok(true);
            }
            self.steps_left = self.steps_left.checked_sub(1).ok_or(TooTangled)?;
            node = parent;
        }
        Ok(false)
    }

    /// Steps 2 and 3: the parents of messages among messages, and the heads of threads.
    ///
    /// Promoting the children of every dummy leaves each message below the nearest message above
    /// it; those with none above are siblings, one thread for each root of the forest.
    fn prune(&self, messages: usize) -> (Links, Vec<Head>) {
        let mut nearest = Nearest::new(self);
        let mut parents = Links::new(messages);
        let mut thread_of_root = Links::new(self.parent.len() as usize);
        let mut heads: Vec<Head> = Vec::new();
        for node in 0..self.parent.len() {
            let Some(message) = self.message.to(node) else { continue };
            match nearest.above(node) {
                Above::Message(parent) => parents.set(message, Some(parent)),
                Above::Root(root) => match thread_of_root.to(root) {
                    None => {
                        thread_of_root.set(root, Some(heads.len() as u32));
                        heads.push(Head::Message(message));
                    }
                    Some(thread) => {
                        if let Some(head) = heads.get_mut(thread as usize) {
                            head.join(&[message]);
                        }
                    }
                },
            }
        }
        (parents, heads)
    }
}

/// The nearest message above a node, dummies passed over, or the root of its tree.
#[derive(Clone, Copy)]
enum Above {
    /// The nearest message above.
    Message(u32),
    /// No message: this is the root of the tree.
    Root(u32),
}

/// Finds what is above nodes, remembering it for dummies.
struct Nearest<'f> {
    forest: &'f Forest,
    known: Vec<Option<Above>>,
}

impl<'f> Nearest<'f> {
    fn new(forest: &'f Forest) -> Self {
        Self { forest, known: vec![None; forest.parent.len() as usize] }
    }

    fn above(&mut self, node: u32) -> Above {
        let mut passed = Vec::new();
        let mut at = node;
        let above = loop {
            let Some(parent) = self.forest.parent.to(at) else { break Above::Root(at) };
            if let Some(message) = self.forest.message.to(parent) {
                break Above::Message(message);
            }
            if let Some(known) = self.known.get(parent as usize).copied().flatten() {
                break known;
            }
            passed.push(parent);
            at = parent;
        };
        for dummy in passed {
            if let Some(place) = self.known.get_mut(dummy as usize) {
                *place = Some(above);
            }
        }
        above
    }
}

/// Step 4: heads by sent date, siblings by the first of them.
fn by_first(heads: Vec<Head>, order: &[u32]) -> Vec<Head> {
    let threads = Threads::new(heads, &Links::default(), order);
    threads.into_heads()
}

/// Step 5: gathers threads with the same base subject.
fn gather(messages: &[Message<'_>], heads: Vec<Head>, parents: &mut Links) -> Vec<Head> {
    let message = |at: u32| messages.get(at as usize);
    // Step 5.B.i: the subject of a dummy is that of its first child.
    let subject = |head: &Head| {
        head.members().first().and_then(|at| message(*at)).map_or(0, |message| message.subject)
    };
    let is_reply = |head: &Head| match head {
        Head::Message(at) => {
            message(*at).and_then(|message| message.thread).is_some_and(|thread| thread.is_reply)
        }
        Head::Siblings(_) => false,
    };
    let is_dummy = |head: &Head| matches!(head, Head::Siblings(_));
    let subjects = messages.iter().map(|message| message.subject as usize + 1).max();
    // Steps 5.A and 5.B.
    let mut table = Links::new(subjects.unwrap_or_default());
    for (at, head) in (0..).zip(&heads) {
        // Step 5.B.ii: an empty subject, whose rank is 0, gathers nothing.
        let subject = subject(head);
        if subject == 0 {
            continue;
        }
        let replaces = match table.to(subject).and_then(|entry| heads.get(entry as usize)) {
            None => true,
            Some(entry) => {
                !is_dummy(entry) && (is_dummy(head) || (is_reply(entry) && !is_reply(head)))
            }
        };
        if replaces {
            table.set(subject, Some(at));
        }
    }
    // Step 5.C.
    let subjects: Vec<u32> = heads.iter().map(subject).collect();
    let mut heads: Vec<Option<Head>> = heads.into_iter().map(Some).collect();
    for (at, subject) in (0_u32..).zip(subjects) {
        let Some(entry) = table.to(subject).filter(|entry| subject != 0 && *entry != at) else {
            continue;
        };
        let Some(current) = heads.get_mut(at as usize).and_then(Option::take) else { continue };
        let Some(Some(kept)) = heads.get_mut(entry as usize) else { continue };
        match (kept, current) {
            (Head::Message(above), Head::Message(below))
                if is_reply(&Head::Message(below)) && !is_reply(&Head::Message(*above)) =>
            {
                parents.set(below, Some(*above));
            }
            // Two dummies become one, a message joins the children of a dummy, and two messages
            // become children of a new one.
            (kept, current) => kept.join(current.members()),
        }
    }
    heads.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests;
