//! DMARC aggregate reports to others: what is told of a message, and what a report is
//! (RFC 7489 §7.2 and its appendix C).
//!
//! **Invariant:** no text of a peer's is longer than [`TEXT_BYTES_MAX`](super) or breaks out of its
//! element.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use super::clean;
use crate::check::{Report, Sender, SpfResult};
use crate::dkim::DkimVerdict;
use crate::dmarc::{DmarcResult, DmarcVerdict, Policy, PublishedPolicy, Told};
use crate::spf::SpfVerdict;

/// LIMIT: signatures of one message that are told of, those that hold first.
const SIGNATURES_MAX: usize = 4;

/// What there is to tell a domain of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The domain that publishes the policy, and so gets the report.
    pub domain: String,
    /// Whether the message is authentic for the domain.
    pub verdict: DmarcVerdict,
    /// What the domain publishes for such mail.
    pub published: Policy,
    /// What it asks for this message.
    pub asked: Policy,
    /// The observation as a row of a report; what was done is filled in by who does it.
    pub row: DmarcRow,
}

/// Messages that are alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DmarcRow {
    /// The published policy.
    pub policy: PublishedPolicy,
    /// Where they came from.
    pub source: String,
    /// The policy that was applied to them.
    pub disposition: Policy,
    /// Why that is not what was asked for: a type of RFC 7489's, and a comment.
    pub reason: Option<(String, String)>,
    /// Whether a signature in line with the author holds.
    pub dkim: bool,
    /// Whether the reverse-path in line with the author is whose it says.
    pub spf: bool,
    /// The author's domain.
    pub header_from: String,
    /// The domain of the reverse-path; empty for the null one.
    pub envelope_from: String,
    /// The DKIM signatures.
    pub signatures: Vec<DmarcSignature>,
    /// The result of SPF.
    pub path: DmarcSpf,
}

/// A DKIM signature of a message (RFC 7489 appendix C, `DKIMAuthResultType`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DmarcSignature {
    /// The signing domain (`d=`).
    pub domain: String,
    /// The selector of the signature (`s=`).
    pub selector: String,
    /// What checking the signature came to, as a report spells it: `pass`, `fail` and so on
    /// (RFC 8601 §2.7.1).
    pub result: String,
}

/// What SPF found about the sending host (RFC 7489 appendix C, `SPFAuthResultType`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DmarcSpf {
    /// The domain whose SPF record was looked at.
    pub domain: String,
    /// Where that stood: `mfrom` or `helo`.
    pub scope: String,
    /// What SPF came to, as a report spells it: `pass`, `softfail` and so on (RFC 8601 §2.7.2).
    pub result: String,
}

/// A report on the mail of one day in the name of one domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DmarcReport {
    /// The name of the organisation that reports.
    pub organization: String,
    /// An address for questions.
    pub contact: String,
    /// The report's id, unique among those of this reporter: letters and digits.
    pub id: String,
    /// The first second of the period, Unix time.
    pub begins: i64,
    /// The last second of the period, Unix time, inclusive.
    pub ends: i64,
    /// The domain whose DMARC record was applied, which is the report's subject.
    pub domain: String,
    /// How many messages there were of each row; messages alike in everything share a row.
    pub rows: Vec<(DmarcRow, u64)>,
    /// How many messages had no room in `rows`.
    pub unlisted: u64,
}

impl Report {
    /// What is told of the message, to each domain that wants to hear it.
    pub fn observations(&self, sender: Sender<'_>) -> Vec<Observation> {
        let results = self.dmarc.iter().flatten();
        let observation = |result: &DmarcResult| {
            let told = result.told.as_ref()?;
            Some(Observation {
                domain: told.at.clone(),
                verdict: result.verdict,
                published: result.published.unwrap_or(Policy::None),
                asked: result.policy,
                row: self.row(&result.domain, told, sender),
            })
        };
        results.filter_map(observation).collect()
    }

    fn row(&self, author: &str, told: &Told, sender: Sender<'_>) -> DmarcRow {
        let mut signatures: Vec<_> = self.dkim.iter().flatten().collect();
        signatures.sort_by_key(|result| result.verdict != DkimVerdict::Pass);
        let signature = |result: &&crate::dkim::DkimResult| DmarcSignature {
            domain: clean(&result.label.domain),
            selector: clean(&result.label.selector),
            result: result.verdict.as_str().to_owned(),
        };
        DmarcRow {
            policy: told.policy.clone(),
            source: sender.ip.to_string(),
            disposition: Policy::None,
            reason: None,
            dkim: told.dkim,
            spf: told.spf,
            header_from: author.to_owned(),
            envelope_from: sender.mail_from.map_or_else(String::new, |(_, domain)| clean(domain)),
            signatures: signatures.iter().take(SIGNATURES_MAX).map(signature).collect(),
            path: path(self.spf.as_ref(), sender),
        }
    }
}

/// RFC 7489 appendix C: there is always a result of SPF.
fn path(spf: Option<&SpfResult>, sender: Sender<'_>) -> DmarcSpf {
    let (scope, domain, verdict) =
        match (spf.map(|spf| (&spf.mail_from, spf.helo)), sender.mail_from) {
            (Some((Some((verdict, domain)), _)), _) => ("mfrom", domain.as_str(), *verdict),
            (Some((None, helo)), _) => ("helo", sender.helo, helo),
            (None, Some((_, domain))) => ("mfrom", domain, SpfVerdict::None),
            (None, None) => ("helo", sender.helo, SpfVerdict::None),
        };
    DmarcSpf { domain: clean(domain), scope: scope.to_owned(), result: verdict.as_str().to_owned() }
}

impl DmarcReport {
    /// The report as XML.
    pub fn to_xml(&self) -> String {
        let mut xml =
            Xml("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feedback>\n<version>1.0</version>\n"
                .to_owned());
        xml.inside("report_metadata", |xml| {
            xml.text("org_name", &self.organization);
            xml.text("email", &self.contact);
            xml.text("report_id", &self.id);
            xml.inside("date_range", |xml| {
                xml.text("begin", &self.begins.to_string());
                xml.text("end", &self.ends.to_string());
            });
            if self.unlisted > 0 {
                xml.text("error", &format!("{} more messages are not listed", self.unlisted));
            }
        });
        if let Some(policy) = self.policy() {
            xml.inside("policy_published", |xml| self.write_policy(xml, policy));
        }
        for (row, count) in &self.rows {
            xml.inside("record", |xml| write_record(xml, row, *count));
        }
        xml.0 + "</feedback>\n"
    }

    /// RFC 7489 §7.2: of several policies in one day, that of most messages.
    fn policy(&self) -> Option<&PublishedPolicy> {
        let of = |policy: &PublishedPolicy| -> u64 {
            let rows = self.rows.iter().filter(|(row, _)| row.policy == *policy);
            rows.map(|(_, count)| count).sum()
        };
        self.rows.iter().map(|(row, _)| &row.policy).max_by_key(|policy| of(policy))
    }

    fn write_policy(&self, xml: &mut Xml, policy: &PublishedPolicy) {
        let mode = |strict: bool| if strict { "s" } else { "r" };
        xml.text("domain", &self.domain);
        xml.text("adkim", mode(policy.dkim_strict));
        xml.text("aspf", mode(policy.spf_strict));
        xml.text("p", policy.policy.as_str());
        xml.text("sp", policy.subdomains.as_str());
        xml.text("pct", &policy.percent.to_string());
        xml.text("fo", &policy.failure_options);
    }

    /// The report as XML, compressed with gzip (RFC 7489 §7.2.1.1).
    pub fn packed(&self) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        // Nothing fails that goes into memory.
        let _ = encoder.write_all(self.to_xml().as_bytes());
        encoder.finish().unwrap_or_default()
    }

    /// RFC 7489 §7.2.1.1: what its file is called.
    pub fn file_name(&self, receiver: &str) -> String {
        let Self { domain, begins, ends, id, .. } = self;
        format!("{receiver}!{domain}!{begins}!{ends}!{id}.xml.gz")
    }
}

fn write_record(xml: &mut Xml, row: &DmarcRow, count: u64) {
    let result = |passes: bool| if passes { "pass" } else { "fail" };
    xml.inside("row", |xml| {
        xml.text("source_ip", &row.source);
        xml.text("count", &count.to_string());
        xml.inside("policy_evaluated", |xml| {
            xml.text("disposition", row.disposition.as_str());
            xml.text("dkim", result(row.dkim));
            xml.text("spf", result(row.spf));
            if let Some((kind, comment)) = &row.reason {
                xml.inside("reason", |xml| {
                    xml.text("type", kind);
                    xml.text("comment", comment);
                });
            }
        });
    });
    xml.inside("identifiers", |xml| {
        xml.text("envelope_from", &row.envelope_from);
        xml.text("header_from", &row.header_from);
    });
    xml.inside("auth_results", |xml| {
        for signature in &row.signatures {
            xml.inside("dkim", |xml| {
                xml.text("domain", &signature.domain);
                xml.text("selector", &signature.selector);
                xml.text("result", &signature.result);
            });
        }
        xml.inside("spf", |xml| {
            xml.text("domain", &row.path.domain);
            xml.text("scope", &row.path.scope);
            xml.text("result", &row.path.result);
        });
    });
}

/// Elements, one after another.
struct Xml(String);

impl Xml {
    fn inside(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "<{name}>");
        content(self);
        let _ = writeln!(self.0, "</{name}>");
    }

    fn text(&mut self, name: &str, text: &str) {
        let text = quick_xml::escape::escape(text);
        let _ = writeln!(self.0, "<{name}>{text}</{name}>");
    }
}

#[cfg(test)]
mod tests {
    use super::super::{parse, unpack};
    use super::*;

    fn row(source: &str) -> DmarcRow {
        DmarcRow {
            policy: PublishedPolicy {
                policy: Policy::Reject,
                subdomains: Policy::Quarantine,
                dkim_strict: false,
                spf_strict: true,
                percent: 100,
                failure_options: "0".to_owned(),
            },
            source: source.to_owned(),
            disposition: Policy::None,
            reason: None,
            dkim: true,
            spf: false,
            header_from: "example.com".to_owned(),
            envelope_from: "<&>.example".to_owned(),
            signatures: vec![DmarcSignature {
                domain: "example.com".to_owned(),
                selector: "s1".to_owned(),
                result: "pass".to_owned(),
            }],
            path: DmarcSpf {
                domain: "list.example".to_owned(),
                scope: "mfrom".to_owned(),
                result: "softfail".to_owned(),
            },
        }
    }

    fn report(rows: Vec<(DmarcRow, u64)>) -> DmarcReport {
        DmarcReport {
            organization: "Here & There".to_owned(),
            contact: "reports@here.test".to_owned(),
            id: "172800examplecom".to_owned(),
            begins: 172_800,
            ends: 259_199,
            domain: "example.com".to_owned(),
            rows,
            unlisted: 0,
        }
    }

    // RFC 7489 appendix C, in the order of its schema.
    #[test]
    fn a_report_is_written_as_the_schema_has_it() {
        let xml = report(vec![(row("2001:db8::1"), 7)]).to_xml();
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feedback>\n\
            <version>1.0</version>\n<report_metadata>\n<org_name>Here &amp; There</org_name>\n\
            <email>reports@here.test</email>\n<report_id>172800examplecom</report_id>\n\
            <date_range>\n<begin>172800</begin>\n<end>259199</end>\n</date_range>\n\
            </report_metadata>\n<policy_published>\n<domain>example.com</domain>\n\
            <adkim>r</adkim>\n<aspf>s</aspf>\n<p>reject</p>\n<sp>quarantine</sp>\n\
            <pct>100</pct>\n<fo>0</fo>\n</policy_published>\n<record>\n<row>\n\
            <source_ip>2001:db8::1</source_ip>\n<count>7</count>\n<policy_evaluated>\n\
            <disposition>none</disposition>\n<dkim>pass</dkim>\n<spf>fail</spf>\n\
            </policy_evaluated>\n</row>\n<identifiers>\n\
            <envelope_from>&lt;&amp;&gt;.example</envelope_from>\n\
            <header_from>example.com</header_from>\n</identifiers>\n<auth_results>\n<dkim>\n\
            <domain>example.com</domain>\n<selector>s1</selector>\n<result>pass</result>\n\
            </dkim>\n<spf>\n<domain>list.example</domain>\n<scope>mfrom</scope>\n\
            <result>softfail</result>\n</spf>\n</auth_results>\n</record>\n</feedback>\n";
        assert_eq!(xml, expected);
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let mut failed = row("192.0.2.1");
        failed.disposition = Policy::Reject;
        (failed.dkim, failed.spf) = (false, false);
        failed.reason = Some(("local_policy".to_owned(), "arc=pass".to_owned()));
        failed.policy.policy = Policy::None;
        let report =
            DmarcReport { unlisted: 3, ..report(vec![(row("2001:db8::1"), 7), (failed, 2)]) };
        let text = unpack::unpack(&report.packed()).unwrap().unwrap();
        let xml = String::from_utf8(text.clone()).unwrap();
        assert!(xml.contains("<error>3 more messages are not listed</error>"), "{xml}");
        assert!(xml.contains("<p>reject</p>"), "{xml}");
        assert!(
            xml.contains("<reason>\n<type>local_policy</type>\n<comment>arc=pass</comment>"),
            "{xml}"
        );
        let found = parse(&text);
        let [Ok(read)] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((read.domain.as_str(), read.passed, read.failed), ("example.com", 7, 2));
        assert_eq!(read.reporter, "Here & There");
        assert_eq!(read.rows[1].result, "reject");
        let name = "here.test!example.com!172800!259199!172800examplecom.xml.gz";
        assert_eq!(report.file_name("here.test"), name);
    }
}
