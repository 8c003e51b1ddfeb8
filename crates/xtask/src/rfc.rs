//! RFC citations: each must point at a section that exists, and together they say which
//! sections the code obeys and where.
//!
//! The texts lie in `../shared/rfc/` beside the repository; where that folder is absent the
//! headings cannot be checked and the committed coverage is left as it is. An RFC without a text
//! there must be listed in `outside.txt` with its title.

mod citations;
mod coverage;
mod texts;

use std::collections::BTreeMap;
use std::path::PathBuf;

use citations::Citation;
use texts::Texts;

use crate::tree::{self, Finding};

/// The document this writes.
const COVERAGE: &str = "docs/rfc-coverage.md";

/// Whether the coverage is written or compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Writes `docs/rfc-coverage.md`.
    Write,
    /// Fails if `docs/rfc-coverage.md` no longer names the files that cite each section.
    Check,
}

/// Checks all citations, then writes or compares the coverage.
pub(crate) fn run(mode: Mode) -> Result<(), String> {
    let cited = collect()?;
    let texts = Texts::load(&texts_folder(), &cited)?;
    tree::report("rfc citations", &check(&cited, &texts))?;
    if !texts.available() {
        println!("rfc coverage: left as it is, there are no RFC texts in ../shared/rfc");
        return Ok(());
    }
    let rendered = coverage::render(&obeyed(cited), &texts);
    let path = tree::root().join(COVERAGE);
    match mode {
        Mode::Write => {
            std::fs::write(&path, rendered).map_err(|error| format!("{COVERAGE}: {error}"))?;
            println!("rfc coverage: written to {COVERAGE}");
            Ok(())
        }
        Mode::Check => {
            let committed = std::fs::read_to_string(&path).unwrap_or_default();
            // Line numbers move with every edit; which file obeys which section does not.
            if coverage::without_lines(&committed) == coverage::without_lines(&rendered) {
                println!("rfc coverage: ok");
                return Ok(());
            }
            Err(format!("{COVERAGE} is out of date; run `cargo xtask rfc`"))
        }
    }
}

/// `../shared/rfc` beside the repository, or what `POSTHORN_RFC_DIR` names (in a second worktree,
/// say).
fn texts_folder() -> PathBuf {
    let named = std::env::var_os("POSTHORN_RFC_DIR").map(PathBuf::from);
    named.unwrap_or_else(|| tree::root().join("../shared/rfc"))
}

/// All citations in the tree, by RFC and section.
type Cited = BTreeMap<u32, BTreeMap<texts::Section, Vec<Citation>>>;

fn collect() -> Result<Cited, String> {
    let mut sources = tree::rust_sources()?;
    sources.extend(tree::sources("fuzz", &[".rs"])?);
    let mut cited = Cited::new();
    // This program cites RFCs only as examples.
    let others = sources.iter().filter(|source| source.crate_name() != Some("xtask"));
    for source in others {
        for (line, text) in source.lines() {
            for citation in citations::find(&source.path, line, text) {
                let sections = cited.entry(citation.rfc).or_default();
                sections.entry(citation.section.clone()).or_default().push(citation);
            }
        }
    }
    Ok(cited)
}

/// Only what Posthorn obeys: a test client follows an RFC too, but serves nobody.
fn obeyed(mut cited: Cited) -> Cited {
    for sections in cited.values_mut() {
        for citations in sections.values_mut() {
            citations.retain(|citation| citation.path.starts_with("crates/"));
            citations.retain(|citation| !citation.path.starts_with("crates/testkit/"));
        }
        sections.retain(|_, citations| !citations.is_empty());
    }
    cited.retain(|_, sections| !sections.is_empty());
    cited
}

fn check(cited: &Cited, texts: &Texts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (&rfc, sections) in cited {
        for (section, citations) in sections {
            let Some(problem) = texts.problem(rfc, section) else { continue };
            findings.extend(citations.iter().map(|at| Finding::new(at.place(), problem.clone())));
        }
    }
    findings
}
