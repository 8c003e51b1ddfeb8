//! The RFC texts: titles and section headings.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use super::Cited;

/// RFCs that the code cites and whose text is not in the folder: number, then title.
const OUTSIDE: &str = include_str!("outside.txt");

/// A section number such as `6.4.5` or `A.1`, ordered as in a table of contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section(Vec<String>);

impl Section {
    /// `None` unless there is a digit or a single letter in each place.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let components: Vec<String> = text.split('.').map(str::to_owned).collect();
        let well_formed = |part: &String| {
            !part.is_empty() && (part.bytes().all(|b| b.is_ascii_digit()) || part.len() == 1)
        };
        components.iter().all(well_formed).then_some(Self(components))
    }

    /// Whether a text may begin with it.
    fn is_first(&self) -> bool {
        matches!(self.0.as_slice(), [one] if one == "0" || one == "1")
    }

    /// Whether it is the first below `last`, or the next on that level or one above.
    fn follows(&self, last: &Self) -> bool {
        let Some((part, above)) = self.0.split_last() else { return false };
        if above == last.0.as_slice() {
            return part == "1" || part == "0";
        }
        let Some(before) = last.0.get(above.len()) else { return false };
        let is_next = match (before.parse::<u32>(), part.parse::<u32>()) {
            (Ok(before), Ok(part)) => before + 1 == part,
            // The appendices come behind the sections.
            (Ok(_), Err(_)) => above.is_empty() && part == "A",
            (Err(_), Err(_)) => before.bytes().map(|b| b + 1).eq(part.bytes()),
            (Err(_), Ok(_)) => false,
        };
        last.0.starts_with(above) && is_next
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

impl PartialOrd for Section {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Section {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |section: &Self| -> Vec<(bool, u32, String)> {
            let parts = section.0.iter();
            parts
                .map(|part| (part.parse::<u32>().is_err(), part.parse().unwrap_or(0), part.clone()))
                .collect()
        };
        key(self).cmp(&key(other))
    }
}

/// One RFC.
#[derive(Debug, Default)]
pub(super) struct Text {
    pub(super) title: String,
    /// Section number to heading.
    pub(super) headings: BTreeMap<Section, String>,
}

/// The texts of all cited RFCs.
#[derive(Debug)]
pub(super) struct Texts {
    available: bool,
    texts: BTreeMap<u32, Text>,
    outside: BTreeMap<u32, String>,
}

impl Texts {
    /// Reads the text of each cited RFC from `folder`, if there is such a folder.
    pub(super) fn load(folder: &Path, cited: &Cited) -> Result<Self, String> {
        let mut texts = BTreeMap::new();
        for &rfc in cited.keys() {
            // Some of the texts begin with a byte order mark, and some are not UTF-8.
            if let Ok(bytes) = std::fs::read(folder.join(format!("rfc{rfc}.txt"))) {
                texts.insert(rfc, read_text(&String::from_utf8_lossy(&bytes)));
            }
        }
        Ok(Self { available: folder.is_dir(), texts, outside: read_outside(OUTSIDE)? })
    }

    /// Whether there are texts to check against.
    pub(super) const fn available(&self) -> bool {
        self.available
    }

    pub(super) fn title(&self, rfc: u32) -> &str {
        let inside = self.texts.get(&rfc).map(|text| text.title.as_str());
        inside.or_else(|| self.outside.get(&rfc).map(String::as_str)).unwrap_or("")
    }

    pub(super) fn heading(&self, rfc: u32, section: &Section) -> &str {
        let text = self.texts.get(&rfc);
        text.and_then(|text| text.headings.get(section)).map_or("", String::as_str)
    }

    pub(super) fn section_count(&self, rfc: u32) -> Option<usize> {
        self.texts.get(&rfc).map(|text| text.headings.len())
    }

    /// What is wrong with a citation, if anything.
    pub(super) fn problem(&self, rfc: u32, section: &Section) -> Option<String> {
        match self.texts.get(&rfc) {
            Some(text) if text.headings.contains_key(section) => None,
            Some(_) => Some(format!("RFC {rfc} has no section {section}")),
            None if self.outside.contains_key(&rfc) || !self.available => None,
            None => Some(format!(
                "RFC {rfc} is neither in ../shared/rfc nor in crates/xtask/src/rfc/outside.txt"
            )),
        }
    }
}

fn read_text(text: &str) -> Text {
    let mut headings = Headings::default();
    text.lines().filter_map(read_heading).for_each(|heading| headings.add(heading));
    if headings.found.is_empty() {
        // A text that stands for a chapter of another: its sections have that one's numbers.
        let at_margin = text.lines().filter_map(read_heading).filter(|heading| heading.indent == 0);
        headings.found = at_margin.map(|heading| (heading.section, heading.title)).collect();
    }
    Text { title: read_title(text), headings: headings.found }
}

/// A line that may be a heading; items of lists and addresses of authors look like one too.
#[derive(Debug, PartialEq, Eq)]
struct Heading {
    indent: usize,
    section: Section,
    title: String,
    /// Whether a page number is led to, as in a table of contents.
    has_leader: bool,
}

/// The headings of a text, told from other lines with a number by where they stand: at one margin,
/// their numbers in order, behind the table of contents.
#[derive(Debug, Default)]
struct Headings {
    found: BTreeMap<Section, String>,
    last: Option<Section>,
    margin: usize,
    has_leaders: bool,
}

impl Headings {
    fn add(&mut self, heading: Heading) {
        if self.begins_anew(&heading) {
            *self = Self::default();
        }
        let is_next = match &self.last {
            None => heading.section.is_first(),
            Some(last) if heading.indent > self.margin || heading.section <= *last => false,
            // Whatever else has a number is indented.
            Some(_) if self.margin == 0 => true,
            Some(last) => heading.section.follows(last),
        };
        if !is_next {
            return;
        }
        if self.last.is_none() {
            self.margin = heading.indent;
        }
        self.has_leaders |= heading.has_leader;
        self.last = Some(heading.section.clone());
        self.found.insert(heading.section, heading.title);
    }

    /// Whether what was read until here was the table of contents: with leaders, or its first
    /// title comes again.
    fn begins_anew(&self, heading: &Heading) -> bool {
        let Some((first, title)) = self.found.first_key_value() else { return false };
        heading.section == *first
            && heading.indent <= self.margin
            && !heading.has_leader
            && (self.has_leaders || heading.title == *title)
    }
}

/// `6.4.5.  FETCH Command`, `4.1 The NOTIFY parameter`, `Appendix A.  Scenarios`.
fn read_heading(line: &str) -> Option<Heading> {
    let indent = line.bytes().take_while(|&b| b == b' ').count();
    if indent > 3 {
        return None;
    }
    let text = line.trim();
    let appendix = text.strip_prefix("Appendix ").or_else(|| text.strip_prefix("APPENDIX "));
    let text = appendix.unwrap_or(text);
    let (number, title) = text.split_once([' ', '\t'])?;
    let number = number.trim_end_matches(['.', ':']);
    // LIMIT: no RFC has 100 sections on one level; a larger number is a year in running text.
    let section = Section::parse(number).filter(|s| s.0.iter().all(|part| part.len() <= 2))?;
    // A lone letter is a heading only where the line says so: "A client MUST …".
    let lone_letter = number.len() == 1 && !number.starts_with(|c: char| c.is_ascii_digit());
    if lone_letter && appendix.is_none() && !text[number.len()..].starts_with('.') {
        return None;
    }
    let whole = title.trim().trim_start_matches('-').trim();
    let title = whole.split(" . .").next().unwrap_or(whole).split("....").next().unwrap_or(whole);
    let has_leader = title.len() < whole.len();
    let title = title.trim().to_owned();
    (!title.is_empty()).then_some(Heading { indent, section, title, has_leader })
}

/// The centred lines after the header block.
fn read_title(text: &str) -> String {
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| line.to_ascii_lowercase().starts_with("request for comments"));
    let after = lines.skip_while(|line| !line.is_empty()).skip_while(|line| line.is_empty());
    let title: Vec<&str> = after.take_while(|line| !line.is_empty()).collect();
    title.join(" ")
}

fn read_outside(text: &str) -> Result<BTreeMap<u32, String>, String> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let wrong = || format!("outside.txt: expected a number and a title: {line}");
            let (number, title) = line.split_once(' ').ok_or_else(wrong)?;
            Ok((number.parse().map_err(|_| wrong())?, title.trim().to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_headings() {
        let check = |line: &str, expect: Option<(&str, &str)>| {
            let found = read_heading(line).map(|found| (found.section.to_string(), found.title));
            let expect = expect.map(|(number, title)| (number.to_owned(), title.to_owned()));
            assert_eq!(found, expect, "{line}");
        };
        check("6.4.5.  FETCH Command", Some(("6.4.5", "FETCH Command")));
        check("4.1 The NOTIFY parameter", Some(("4.1", "The NOTIFY parameter")));
        check("   2.  Overview . . . . . . . 7", Some(("2", "Overview")));
        check("Appendix A.  Scenarios", Some(("A", "Scenarios")));
        check("A.1.  Names", Some(("A.1", "Names")));
        check("A client MUST NOT", None);
        check("        4.  deeper in a paragraph", None);
        check("1995 was a year.", None);
        check("", None);
    }

    #[test]
    fn headings_are_told_from_what_looks_like_them() {
        let contents =
            "   1.  Introduction . . . 1\n   2.  Commands . . . 1\n   2.1.  GO . . . 2\n";
        let without_pages = "   1.  Introduction\n   2.  Commands\n     2.1.  GO\n";
        let body = "1.  Introduction\n   1.  The first item\n   2.  The second\n2.  Commands\n\
                    2.1.  GO\n   3.  Anything\n1.  An item at the margin\nAppendix A.  Notes\n\
                    Author's Address\n   5 Castle Village\n";
        let indented = "   1.  Introduction\n   2.  Commands\n   2.1.  GO\n   5 Castle Village\n   \
                        2.  An item\n   Appendix A.  Notes\n   14 Castle Mews\n";
        let expect = [("1", "Introduction"), ("2", "Commands"), ("2.1", "GO"), ("A", "Notes")];
        for text in [
            body.to_owned(),
            format!("{contents}{body}"),
            format!("{without_pages}{body}"),
            format!("{contents}{indented}"),
        ] {
            let found = read_text(&text).headings;
            let found: Vec<(String, String)> =
                found.into_iter().map(|(section, title)| (section.to_string(), title)).collect();
            let expect = expect.map(|(section, title)| (section.to_owned(), title.to_owned()));
            assert_eq!(found, expect, "{text}");
        }
        let chapter = read_text("   This document replaces 6.3.\n6.3.11. APPEND Command\n");
        assert!(chapter.headings.contains_key(&Section::parse("6.3.11").unwrap()));
    }

    #[test]
    fn reads_a_title() {
        let text =
            "\n\nNetwork\nRequest for Comments: 1\nISSN: 2\n\n   A Title\n   in two\n\nAbstract";
        assert_eq!(read_title(text), "A Title in two");
    }

    #[test]
    fn sections_stand_in_document_order() {
        let mut sections = ["A.1", "10", "2", "2.10", "2.9"].map(|s| Section::parse(s).unwrap());
        sections.sort();
        assert_eq!(sections.map(|s| s.to_string()), ["2", "2.9", "2.10", "10", "A.1"]);
    }

    #[test]
    fn the_list_of_outside_rfcs_is_well_formed() {
        assert!(!read_outside(OUTSIDE).unwrap().is_empty());
    }
}
