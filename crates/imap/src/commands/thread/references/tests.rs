use std::collections::{BTreeMap, BTreeSet};

use storage::ThreadRow;

use super::super::ordered_subject;
use super::*;
use crate::render;

/// A message as a test writes it: id, references, subject, sent date.
#[derive(Debug, Clone)]
struct Mail {
    id: Option<u32>,
    references: Vec<u32>,
    subject: String,
    sent: i64,
}

impl Mail {
    fn is_reply(&self) -> bool {
        self.subject.starts_with("Re: ")
    }

    fn base(&self) -> &str {
        self.subject.strip_prefix("Re: ").unwrap_or(&self.subject)
    }
}

/// `id < oldest … parent | subject @ date`, ids being letters; `-` for none.
fn mail(text: &str) -> Mail {
    let letter = |word: &str| word.bytes().next().filter(|b| *b != b'-').map(u32::from);
    let (head, tail) = text.split_once('|').unwrap();
    let (subject, sent) = tail.split_once('@').unwrap();
    let (id, references) = head.split_once('<').unwrap_or((head, ""));
    Mail {
        id: letter(id.trim()),
        references: references.split_whitespace().filter_map(letter).collect(),
        subject: subject.trim().to_owned(),
        sent: sent.trim().parse().unwrap(),
    }
}

fn messages(mails: &[Mail]) -> Vec<Message<'_>> {
    let subjects: BTreeSet<&str> = mails.iter().map(Mail::base).chain([""]).collect();
    let rank = |mail: &Mail| subjects.iter().position(|s| *s == mail.base()).unwrap() as u32;
    mails
        .iter()
        .map(|mail| Message {
            sent: mail.sent,
            subject: rank(mail),
            thread: Some(ThreadRow {
                id: mail.id,
                ancestors: &mail.references,
                is_reply: mail.is_reply(),
            }),
        })
        .collect()
}

fn rendered(threads: &Threads, count: usize) -> String {
    let numbers: Vec<u32> = (1..=count as u32).collect();
    let mut out = Vec::new();
    render::thread(&mut out, |each| threads.for_each(&numbers, each));
    String::from_utf8(out).unwrap().replace("* THREAD", "").trim().to_owned()
}

fn by_references(mails: &[Mail]) -> String {
    rendered(&threads(&messages(mails), 256).unwrap(), mails.len())
}

fn by_subject(mails: &[Mail]) -> String {
    rendered(&ordered_subject::threads(&messages(mails)), mails.len())
}

#[test]
fn references() {
    for (mails, expect) in [
        (&[][..], ""),
        (&["a | x @ 1"], "(1)"),
        // The tree of RFC 5256 §4: 3, 6 below it, and two threads below that.
        (
            &[
                "a | q @ 1",
                "b | x @ 2",
                "c < b | Re: x @ 3",
                "d < b c | Re: x @ 4",
                "e < b c d | Re: x @ 6",
                "f < b c | Re: x @ 5",
                "g < c f | Re: x @ 7",
                "h < f g | Re: x @ 8",
            ],
            "(1)(2 3 (4 5)(6 7 8))",
        ),
        // RFC 5256 §4: siblings of a parent that is not there.
        (&["a < z | Re: x @ 1", "b < z | Re: x @ 2"], "((1)(2))"),
        // One child alone takes the place of a parent that is not there.
        (&["a < z | Re: x @ 1"], "(1)"),
        // Parents that are not there, one below the other: their children are siblings.
        (&["a < y z | Re: x @ 2", "b < y | Re: x @ 1"], "((2)(1))"),
        (&["a < w x y | Re: s @ 1", "b < w z | Re: s @ 2", "c < w | Re: s @ 3"], "((1)(2)(3))"),
        // A message between two that are there, itself not there.
        (&["a | x @ 1", "c < a b | Re: x @ 2"], "(1 2)"),
        // Replies that came before what they answer.
        (&["c < a b | Re: x @ 3", "b < a | Re: x @ 2", "a | x @ 1"], "(3 2 1)"),
        // Loops: the first link stays.
        (&["a < b | x @ 1", "b < a | x @ 2"], "(2 1)"),
        (&["a < a | x @ 1"], "(1)"),
        (&["a < c | p @ 1", "b < a | q @ 2", "c < b | r @ 3"], "(3 1 2)"),
        (&["a < b a b a | x @ 1"], "(1)"),
        // The same id twice: the second message has one of its own.
        (&["a | x @ 1", "a | y @ 2", "b < a | Re: x @ 3"], "(1 3)(2)"),
        (&["a < z | x @ 1", "a < z | y @ 2"], "((1)(2))"),
        // No ids at all.
        (&["- | x @ 2", "- | y @ 1"], "(2)(1)"),
        // A message's own word counts more than what later ones said of it, and none is none.
        (&["b < a c | Re: x @ 3", "a | x @ 1", "c < d | y @ 2", "d | z @ 4"], "(2)(4 3 1)"),
        (&["b < a c | Re: p @ 3", "a | q @ 1", "c | r @ 2"], "(2)(3 1)"),
        // Equal dates: mailbox order.
        (&["a < z | Re: x @ 5", "b < z | Re: x @ 5", "c < z | Re: x @ 5"], "((1)(2)(3))"),
    ] {
        let mails: Vec<Mail> = mails.iter().map(|text| mail(text)).collect();
        assert_eq!(by_references(&mails), expect, "{mails:?}");
        assert_eq!(naive(&mails), expect, "{mails:?}");
    }
}

#[test]
fn subjects_gather_threads() {
    for (mails, expect) in [
        // A reply goes below what is none.
        (&["a | x @ 1", "b | Re: x @ 2"][..], "(1 2)"),
        (&["b | Re: x @ 1", "a | x @ 2"], "(2 1)"),
        // Two that are alike become siblings.
        (&["a | x @ 1", "b | x @ 2"], "((1)(2))"),
        (&["a | Re: x @ 1", "b | Re: x @ 2"], "((1)(2))"),
        (&["a | x @ 1", "b | x @ 2", "c | Re: x @ 3"], "((1)(2)(3))"),
        // A parent that is not there takes messages and others like it.
        (&["a < z | Re: x @ 1", "b < z | Re: x @ 2", "c | x @ 3"], "((1)(2)(3))"),
        (
            &["a < z | Re: x @ 1", "b < z | Re: x @ 4", "c < y | Re: x @ 2", "d < y | Re: x @ 3"],
            "((1)(3)(4)(2))",
        ),
        // Empty subjects gather nothing.
        (&["a | @ 1", "b | @ 2", "c | Re: @ 3"], "(1)(2)(3)"),
    ] {
        let mails: Vec<Mail> = mails.iter().map(|text| mail(text)).collect();
        assert_eq!(by_references(&mails), expect, "{mails:?}");
        assert_eq!(naive(&mails), expect, "{mails:?}");
    }
}

#[test]
fn ordered_subjects() {
    for (mails, expect) in [
        (&[][..], ""),
        (&["a | x @ 3", "b | y @ 2", "c | Re: x @ 1", "d | x @ 4"], "(3 (1)(4))(2)"),
        (&["a | x @ 1", "b | y @ 1", "c | Re: x @ 1"], "(1 3)(2)"),
        (&["a | @ 1", "b | x @ 2", "c | @ 3"], "(1 3)(2)"),
    ] {
        let mails: Vec<Mail> = mails.iter().map(|text| mail(text)).collect();
        assert_eq!(by_subject(&mails), expect, "{mails:?}");
    }
}

#[test]
fn random_mail_as_the_plain_algorithm_does() {
    let seed = fastrand::u64(..);
    let mut rng = fastrand::Rng::with_seed(seed);
    for round in 0..5000 {
        let ids = rng.u32(1..12);
        let subjects = ["", "x", "y", "Re: x", "Re: y", "Re: "];
        let mails: Vec<Mail> = (0..rng.usize(0..14))
            .map(|_| Mail {
                id: (rng.u8(0..8) > 0).then(|| rng.u32(0..ids)),
                references: (0..rng.usize(0..5)).map(|_| rng.u32(0..ids)).collect(),
                subject: subjects[rng.usize(0..subjects.len())].to_owned(),
                sent: rng.i64(0..6),
            })
            .collect();
        assert_eq!(by_references(&mails), naive(&mails), "seed {seed} round {round}: {mails:?}");
    }
}

#[test]
fn chains_of_any_depth_are_no_trouble() {
    const COUNT: u32 = 10_000;
    let chain = |ids: &mut dyn Iterator<Item = u32>| -> Vec<Mail> {
        ids.map(|id| Mail {
            id: Some(id),
            references: id.checked_sub(1).into_iter().collect(),
            subject: "Re: x".to_owned(),
            sent: id.into(),
        })
        .collect()
    };
    for mails in [chain(&mut (0..COUNT)), chain(&mut (0..COUNT).rev())] {
        let found = threads(&messages(&mails), COUNT as usize).unwrap();
        let text = rendered(&found, mails.len());
        assert_eq!(text.matches(' ').count(), COUNT as usize - 1);
        assert_eq!(text.matches('(').count(), 1);
    }
    // Each a list of its own: two children at each level.
    let mails: Vec<Mail> = (0..COUNT)
        .map(|id| Mail {
            id: Some(id),
            references: (id / 2 * 2).checked_sub(1).into_iter().collect(),
            subject: "Re: x".to_owned(),
            sent: id.into(),
        })
        .collect();
    let found = threads(&messages(&mails), COUNT as usize).unwrap();
    assert!(rendered(&found, mails.len()).ends_with(")))))))"));
}

#[test]
fn tangles_end() {
    // A long chain, and messages that each have a child and are put below its end anew.
    const COUNT: u32 = 4000;
    let mut mails: Vec<Mail> = Vec::new();
    for id in 1..COUNT {
        mails.push(Mail {
            id: Some(id),
            references: vec![id - 1],
            subject: String::new(),
            sent: 0,
        });
    }
    for id in COUNT..2 * COUNT {
        let child = id + COUNT;
        let references = vec![COUNT - 1, id, child];
        mails.push(Mail { id: None, references, subject: String::new(), sent: 0 });
        let references = vec![COUNT - 1];
        mails.push(Mail { id: Some(id), references, subject: String::new(), sent: 0 });
    }
    let (messages, ids) = (messages(&mails), 4 * COUNT as usize);
    assert_eq!(threads(&messages, ids).err(), None::<TooTangled>);
    // Whatever each node may take, all together take no more than so much.
    let steps = STEPS_PER_NODE * (ids + messages.len()) as u64;
    let mut forest = Forest::link(&messages, ids, STEPS_MAX).unwrap();
    let taken = steps - forest.steps_left;
    assert!(taken > 1_000_000, "{taken}");
    assert_eq!(threads_within(&messages, ids, taken).err(), None::<TooTangled>);
    assert_eq!(threads_within(&messages, ids, taken - 1).err(), Some(TooTangled));
    forest.steps_left = 10;
    assert_eq!(forest.is_below(COUNT - 1, COUNT), Err(TooTangled));
}

/// A node of the plain algorithm.
#[derive(Debug, Clone, Default)]
struct Node {
    parent: Option<usize>,
    children: Vec<usize>,
    mail: Option<usize>,
}

/// RFC 5256 §3 written down as it reads, without a thought of time.
fn naive(mails: &[Mail]) -> String {
    let mut tree = Plain { mails, nodes: Vec::new() };
    let mut of_id: BTreeMap<u32, usize> = BTreeMap::new();
    let mut nodes = Vec::new();
    for (at, mail) in mails.iter().enumerate() {
        let node = tree.add(Some(at));
        if let Some(id) = mail.id {
            of_id.entry(id).or_insert(node);
        }
        nodes.push(node);
    }
    for (at, mail) in mails.iter().enumerate() {
        let references: Vec<usize> = mail
            .references
            .iter()
            .map(|id| *of_id.entry(*id).or_insert_with(|| tree.add(None)))
            .collect();
        for pair in references.windows(2) {
            if tree.nodes[pair[1]].parent.is_none() {
                tree.link(pair[0], pair[1]);
            }
        }
        tree.unlink(nodes[at]);
        if let Some(parent) = references.last() {
            tree.link(*parent, nodes[at]);
        }
    }
    let roots: Vec<usize> =
        (0..tree.nodes.len()).filter(|node| tree.nodes[*node].parent.is_none()).collect();
    let mut roots = tree.pruned(&roots, true);
    roots.sort_by_key(|root| tree.date(*root));
    let roots = tree.gathered(roots);
    tree.told(roots)
}

struct Plain<'m> {
    mails: &'m [Mail],
    nodes: Vec<Node>,
}

impl Plain<'_> {
    fn add(&mut self, mail: Option<usize>) -> usize {
        self.nodes.push(Node { mail, ..Node::default() });
        self.nodes.len() - 1
    }

    fn link(&mut self, parent: usize, child: usize) {
        let mut above = Some(parent);
        while let Some(node) = above {
            if node == child {
                return;
            }
            above = self.nodes[node].parent;
        }
        self.nodes[child].parent = Some(parent);
        self.nodes[parent].children.push(child);
    }

    fn unlink(&mut self, child: usize) {
        if let Some(parent) = self.nodes[child].parent.take() {
            self.nodes[parent].children.retain(|other| *other != child);
        }
    }

    fn pruned(&mut self, level: &[usize], is_root: bool) -> Vec<usize> {
        let mut kept = Vec::new();
        for &node in level {
            let children = self.nodes[node].children.clone();
            let children = self.pruned(&children, false);
            self.nodes[node].children = children.clone();
            match self.nodes[node].mail {
                None if !is_root || children.len() < 2 => kept.extend(children),
                _ => kept.push(node),
            }
        }
        kept
    }

    fn first(&self, node: usize) -> usize {
        match self.nodes[node].mail {
            Some(mail) => mail,
            None => {
                let children = self.nodes[node].children.iter().map(|child| self.first(*child));
                children.min_by_key(|mail| (self.mails[*mail].sent, *mail)).unwrap()
            }
        }
    }

    fn date(&self, node: usize) -> (i64, usize) {
        let mail = self.first(node);
        (self.mails[mail].sent, mail)
    }

    fn subject(&self, node: usize) -> &str {
        self.mails[self.first(node)].base()
    }

    fn is_reply(&self, node: usize) -> bool {
        self.nodes[node].mail.is_some_and(|mail| self.mails[mail].is_reply())
    }

    fn gathered(&mut self, mut roots: Vec<usize>) -> Vec<usize> {
        let mut table: BTreeMap<String, usize> = BTreeMap::new();
        for &root in &roots {
            let subject = self.subject(root).to_owned();
            if subject.is_empty() {
                continue;
            }
            let Some(&entry) = table.get(&subject) else {
                table.insert(subject, root);
                continue;
            };
            let is_dummy = |node: usize| self.nodes[node].mail.is_none();
            if !is_dummy(entry)
                && (is_dummy(root) || (self.is_reply(entry) && !self.is_reply(root)))
            {
                table.insert(subject, root);
            }
        }
        for root in roots.clone() {
            let subject = self.subject(root).to_owned();
            let Some(&entry) = table.get(&subject).filter(|entry| **entry != root) else {
                continue;
            };
            let is_dummy = |node: usize| self.nodes[node].mail.is_none();
            match (is_dummy(entry), is_dummy(root)) {
                (true, true) => {
                    let children = std::mem::take(&mut self.nodes[root].children);
                    self.nodes[entry].children.extend(children);
                }
                (true, false) => self.nodes[entry].children.push(root),
                (false, false) if self.is_reply(root) && !self.is_reply(entry) => {
                    self.nodes[entry].children.push(root);
                }
                _ => {
                    let dummy = self.add(None);
                    self.nodes[dummy].children = vec![entry, root];
                    roots.push(dummy);
                    roots.retain(|other| *other != entry);
                    table.insert(subject, dummy);
                }
            }
            roots.retain(|other| *other != root);
        }
        roots
    }

    fn told(&self, mut level: Vec<usize>) -> String {
        level.sort_by_key(|node| self.date(*node));
        level.iter().map(|node| format!("({})", self.chain(*node))).collect()
    }

    fn chain(&self, node: usize) -> String {
        let children = &self.nodes[node].children;
        let below = match children.as_slice() {
            [only] => self.chain(*only),
            several => self.told(several.to_vec()),
        };
        match self.nodes[node].mail {
            None => below,
            Some(mail) if below.is_empty() => (mail + 1).to_string(),
            Some(mail) => format!("{} {below}", mail + 1),
        }
    }
}
