//! Runs the Sieve test scripts of Pigeonhole (`.svtest`, <https://github.com/dovecot/pigeonhole>)
//! from where they are: `cargo r -p responder --example svtest -- PATH/tests`.
//!
//! A test script is Sieve with words of its own, which compile other scripts, run them, execute
//! their actions and look at what came of it. What a message says of an error is Pigeonhole's own
//! wording; where a test asks for it, that there is one counts.
#![expect(clippy::print_stdout, reason = "a program that prints")]

mod suite;
mod words;
mod world;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use suite::Suite;

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let verbose = arguments.iter().any(|argument| argument == "--verbose");
    arguments.retain(|argument| !argument.starts_with("--"));
    let mut scripts = Vec::new();
    let root = arguments.first().map_or_else(|| PathBuf::from("."), PathBuf::from);
    for path in &arguments {
        collect(Path::new(path), &mut scripts);
    }
    scripts.sort();
    let mut groups: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for path in &scripts {
        let name = path.strip_prefix(&root).unwrap_or(path).display().to_string();
        let tests = Suite::run(path);
        let failed: Vec<_> = tests.iter().filter(|test| test.result.is_err()).collect();
        let group = name.rsplit_once('/').map_or("", |(group, _)| group);
        let group = group.strip_prefix("extensions/").unwrap_or(group).to_owned();
        let count = groups.entry(group).or_default();
        count.0 += tests.len() - failed.len();
        count.1 += tests.len();
        for test in &failed {
            println!("{name}: {}: {}", test.name, test.result.as_ref().err().map_or("", |e| e));
        }
        if verbose {
            println!("{name}: {} of {}", tests.len() - failed.len(), tests.len());
        }
    }
    let (mut passed, mut all) = (0, 0);
    for (group, (good, count)) in &groups {
        println!("{group:<32} {good:>4} of {count:>4}");
        passed += good;
        all += count;
    }
    println!("{:<32} {passed:>4} of {all:>4}", "all");
}

fn collect(path: &Path, scripts: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            collect(&entry.path(), scripts);
        }
    } else if path.extension().is_some_and(|extension| extension == "svtest") {
        scripts.push(path.to_owned());
    }
}
