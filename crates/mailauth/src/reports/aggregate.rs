//! DMARC aggregate reports: RFC 7489 §7.2 and its appendix C.

use quick_xml::Reader;
use quick_xml::events::Event;

use super::{ROWS_MAX, Report, ReportError, ReportKind, Row, clean, domain_of_address};
use crate::dns::domain_of;

/// LIMIT: elements inside each other; reports have six.
const DEPTH_MAX: usize = 20;

pub(super) fn parse(text: &[u8]) -> Result<Report, ReportError> {
    // Whatever it declares: names and numbers are ASCII in every encoding that is sent.
    let text = String::from_utf8_lossy(text);
    let mut reader = Reader::from_str(&text);
    let mut document = Document::default();
    loop {
        match reader.read_event().map_err(|_| ReportError::Malformed)? {
            Event::Start(start) => document.begin(start.local_name().as_ref())?,
            Event::End(_) => document.end(),
            Event::Text(part) => document.add(&part),
            Event::CData(part) => document.add(&part),
            Event::GeneralRef(reference) => document.add(match &*reference {
                "amp" => "&",
                "lt" => "<",
                "gt" => ">",
                _ => "",
            }),
            // Nothing of a document type is used; one that defines entities is a bomb.
            Event::DocType(_) => return Err(ReportError::Malformed),
            Event::Empty(_) | Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
            Event::Eof => return document.finish(),
        }
    }
}

/// The document as far as it was read.
#[derive(Default)]
struct Document {
    /// Names of the open elements.
    path: Vec<String>,
    text: String,
    is_feedback: bool,
    domain: Option<String>,
    reporter: String,
    source: Option<String>,
    id: String,
    begins: i64,
    ends: i64,
    passed: u64,
    failed: u64,
    rows: Vec<Row>,
    row: Row,
}

impl Document {
    fn begin(&mut self, name: &str) -> Result<(), ReportError> {
        if self.path.len() == DEPTH_MAX {
            return Err(ReportError::Malformed);
        }
        self.path.push(name.to_owned());
        self.is_feedback |= self.path == ["feedback"];
        if self.path == ["feedback", "record"] {
            self.row = Row::default();
        }
        self.text.clear();
        Ok(())
    }

    fn add(&mut self, text: &str) {
        // No text of interest is longer.
        if self.text.len() < 4096 {
            self.text.push_str(text);
        }
    }

    fn end(&mut self) {
        let text = clean(&self.text);
        self.text.clear();
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["feedback", "report_metadata", "org_name"] => self.reporter = text,
            ["feedback", "report_metadata", "email"] => self.source = domain_of_address(&text),
            ["feedback", "report_metadata", "report_id"] => self.id = text,
            ["feedback", "report_metadata", "date_range", "begin"] => {
                self.begins = text.parse().unwrap_or(0);
            }
            ["feedback", "report_metadata", "date_range", "end"] => {
                self.ends = text.parse().unwrap_or(0);
            }
            ["feedback", "policy_published", "domain"] => self.domain = domain_of(&text),
            ["feedback", "record", "row", "source_ip"] => self.row.host = text,
            ["feedback", "record", "row", "count"] => self.row.count = text.parse().unwrap_or(0),
            ["feedback", "record", "row", "policy_evaluated", "disposition"] => {
                self.row.result = text;
            }
            ["feedback", "record", "row", "policy_evaluated", "dkim"] => {
                self.row.dkim = text == "pass";
            }
            ["feedback", "record", "row", "policy_evaluated", "spf"] => {
                self.row.spf = text == "pass";
            }
            ["feedback", "record", "identifiers", "header_from"] => self.row.subject = text,
            ["feedback", "record"] => self.end_record(),
            _ => {}
        }
        self.path.pop();
    }

    fn end_record(&mut self) {
        let row = std::mem::take(&mut self.row);
        let sum = if row.dkim || row.spf { &mut self.passed } else { &mut self.failed };
        *sum = sum.saturating_add(row.count);
        if self.rows.len() < ROWS_MAX {
            self.rows.push(row);
        }
    }

    fn finish(self) -> Result<Report, ReportError> {
        if !self.is_feedback || self.id.is_empty() || !self.path.is_empty() {
            return Err(ReportError::Malformed);
        }
        Ok(Report {
            kind: ReportKind::Dmarc,
            domain: self.domain.ok_or(ReportError::Malformed)?,
            reporter: self.reporter,
            source: self.source,
            id: self.id,
            begins: self.begins,
            ends: self.ends,
            passed: self.passed,
            failed: self.failed,
            rows: self.rows,
        })
    }
}
