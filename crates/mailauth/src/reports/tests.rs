use std::io::Write;

use base64::Engine;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};

use super::*;
use crate::dkim::{Signer, sign};
use crate::testing::{Zone, block_on};
use crate::{Algorithm, SigningKey};

const AGGREGATE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0">
  <version>1.0</version>
  <report_metadata>
    <org_name>Sample Reporter &amp; Co</org_name>
    <email>report_sender@example-reporter.com</email>
    <report_id>3v98abbp8ya9n3va8yr8oa3ya</report_id>
    <date_range><begin>302832000</begin><end>302918399</end></date_range>
  </report_metadata>
  <policy_published><domain>Example.com</domain><p>quarantine</p></policy_published>
  <record>
    <row><source_ip>192.0.2.123</source_ip><count>123</count>
      <policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>fail</spf>
      </policy_evaluated></row>
    <identifiers><header_from>example.com</header_from></identifiers>
    <auth_results><dkim><domain>example.com</domain><result>pass</result></dkim></auth_results>
  </record>
  <record>
    <row><source_ip>2001:db8::1</source_ip><count>7</count>
      <policy_evaluated><disposition>quarantine</disposition><dkim>fail</dkim><spf>fail</spf>
      </policy_evaluated></row>
    <identifiers><header_from>news.example.com</header_from></identifiers>
  </record>
</feedback>
"#;

// RFC 8460 §B.
const TLS: &str = r#"{
  "organization-name": "Company-X",
  "date-range": {"start-datetime": "2016-04-01T00:00:00Z", "end-datetime": "2016-04-01T23:59:59Z"},
  "contact-info": "sts-reporting@company-x.example",
  "report-id": "5065427c-23d3-47ca-b6e0-946ea0e8c4be",
  "policies": [{
    "policy": {"policy-type": "sts", "policy-string": ["version: STSv1","mode: testing"],
      "policy-domain": "company-y.example", "mx-host": ["*.mail.company-y.example"]},
    "summary": {"total-successful-session-count": 5326, "total-failure-session-count": 303},
    "failure-details": [
      {"result-type": "certificate-expired", "sending-mta-ip": "2001:db8:abcd:0012::1",
       "receiving-mx-hostname": "mx1.mail.company-y.example", "failed-session-count": 100},
      {"result-type": "starttls-not-supported", "failed-session-count": 200}]
  }]
}"#;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zip(text: &[u8], deflate: bool) -> Vec<u8> {
    let data = if deflate {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    } else {
        text.to_vec()
    };
    let size = u32::try_from(data.len()).unwrap().to_le_bytes();
    let mut bytes = b"PK\x03\x04\x14\0\0\0".to_vec();
    bytes.extend([if deflate { 8 } else { 0 }, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(size);
    bytes.extend(size);
    bytes.extend([5, 0, 2, 0]);
    bytes.extend(b"r.xmlEX");
    bytes.extend(data);
    bytes
}

fn message(attachment: &[u8]) -> Vec<u8> {
    let encoded = base64::engine::general_purpose::STANDARD.encode(attachment);
    let lines: Vec<String> =
        encoded.as_bytes().chunks(76).map(|l| String::from_utf8_lossy(l).into_owned()).collect();
    format!(
        "From: a@b.example\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=x\r\n\r\n\
         --x\r\nContent-Type: text/plain\r\n\r\nThis is a report.\r\n\
         --x\r\nContent-Type: application/octet-stream\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}\r\n--x--\r\n",
        lines.join("\r\n")
    )
    .into_bytes()
}

#[test]
fn an_aggregate_report_is_read_however_it_is_packed() {
    let text = AGGREGATE.as_bytes();
    for packed in [gzip(text), zip(text, true), zip(text, false), text.to_vec()] {
        let found = read(&message(&packed));
        let [Ok(report)] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((report.kind, report.domain.as_str()), (ReportKind::Dmarc, "example.com"));
        assert_eq!(report.reporter, "Sample Reporter & Co");
        assert_eq!(report.source.as_deref(), Some("example-reporter.com"));
        assert_eq!(report.id, "3v98abbp8ya9n3va8yr8oa3ya");
        assert_eq!((report.begins, report.ends), (302_832_000, 302_918_399));
        assert_eq!((report.passed, report.failed), (123, 7));
        let second = Row {
            host: "2001:db8::1".to_owned(),
            count: 7,
            result: "quarantine".to_owned(),
            subject: "news.example.com".to_owned(),
            ..Row::default()
        };
        assert_eq!(report.rows[1], second);
        assert!(report.rows[0].dkim && !report.rows[0].spf);
    }
    // Alone in a message, without any MIME.
    let plain = [b"From: a@b.example\r\n\r\n", text].concat();
    assert!(matches!(read(&plain).as_slice(), [Ok(_)]));
}

#[test]
fn the_example_of_rfc_8460() {
    let found = read(&message(&gzip(TLS.as_bytes())));
    let [Ok(report)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((report.kind, report.domain.as_str()), (ReportKind::Tls, "company-y.example"));
    assert_eq!((report.begins, report.ends), (1_459_468_800, 1_459_555_199));
    assert_eq!((report.passed, report.failed), (5326, 303));
    let results: Vec<_> = report.rows.iter().map(|row| (row.result.as_str(), row.count)).collect();
    assert_eq!(results, [("certificate-expired", 100), ("starttls-not-supported", 200)]);
}

#[test]
fn bombs_and_rubbish_are_refused() {
    let bomb = vec![b' '; 17 * 1024 * 1024];
    let laughs = "<?xml version=\"1.0\"?><!DOCTYPE f [<!ENTITY a \"ha\">]><feedback>&a;</feedback>";
    let deep = format!("<?xml version=\"1.0\"?>{}", "<a>".repeat(100));
    let cut = &AGGREGATE[..AGGREGATE.len() - 20];
    for (attachment, error) in [
        (gzip(&bomb), ReportError::TooLarge),
        (zip(&bomb, true), ReportError::TooLarge),
        (gzip(b"<?xml")[..15].to_vec(), ReportError::Archive),
        (b"PK\x03\x04".to_vec(), ReportError::Archive),
        (laughs.as_bytes().to_vec(), ReportError::Malformed),
        (deep.into_bytes(), ReportError::Malformed),
        (cut.as_bytes().to_vec(), ReportError::Malformed),
        (b"<?xml version=\"1.0\"?><html/>".to_vec(), ReportError::Malformed),
        (b"{\"a\": 1}".to_vec(), ReportError::Malformed),
        (TLS.replace("2016-04-01T00", "yesterday").into_bytes(), ReportError::Malformed),
    ] {
        assert_eq!(read(&message(&attachment)), [Err(error)]);
    }
    for nothing in [&b"GIF89a"[..], b"", b"hello"] {
        assert_eq!(read(&message(nothing)), []);
    }
}

/// Microsoft's reports say nothing of a time zone.
#[test]
fn times_without_an_offset_are_in_utc() {
    for zone in ["", ".25", "+00:00"] {
        let text =
            TLS.replace(":00Z", &format!(":00{zone}")).replace(":59Z", &format!(":59{zone}"));
        let found = read(&message(&gzip(text.as_bytes())));
        let [Ok(report)] = found.as_slice() else { panic!("{found:?} {zone}") };
        assert_eq!((report.begins, report.ends), (1_459_468_800, 1_459_555_199), "{zone}");
    }
}

#[test]
fn rows_and_texts_are_bounded() {
    let record =
        &AGGREGATE[AGGREGATE.find("<record>").unwrap()..AGGREGATE.rfind("<record>").unwrap()];
    let name = "n".repeat(3_000);
    let text = AGGREGATE.replace(record, &record.repeat(ROWS_MAX + 10)).replace("Sample", &name);
    let found = read(&message(&gzip(text.as_bytes())));
    let [Ok(report)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(report.rows.len(), ROWS_MAX);
    assert_eq!(report.passed, 123 * (ROWS_MAX as u64 + 10));
    assert_eq!(report.reporter.len(), TEXT_BYTES_MAX);
}

#[test]
fn domains_of_one_report_are_bounded() {
    let begin = TLS.find("[{").unwrap();
    let head = &TLS[..=begin];
    let policy =
        |n: usize| format!(r#"{{"policy":{{"policy-type":"sts","policy-domain":"{n}.test"}}}}"#);
    let many: Vec<String> = (0..100_000).chain([7]).map(policy).collect();
    let text = format!("{head}{}]}}", many.join(","));
    let found = read(&message(&gzip(text.as_bytes())));
    let domains: Vec<&str> =
        found.iter().map(|report| report.as_ref().unwrap().domain.as_str()).collect();
    assert_eq!((domains.len(), domains[7]), (100, "7.test"));
}

/// A report of TLS with these contact and author, signed by these.
fn signed(contact: &str, author: &str, signers: &[&Signer]) -> String {
    let text = TLS.replace("sts-reporting@company-x.example", contact);
    let message = String::from_utf8(message(&gzip(text.as_bytes()))).unwrap();
    let message = message.replace("a@b.example", author);
    sign(message.as_bytes(), signers, 1_000) + &message
}

fn judged(zone: &Zone, message: &str) -> Vec<Result<Report, ReportError>> {
    block_on(ReportMessage::of(message.as_bytes()).judge(Some(zone), 1_000))
}

fn signer(domain: &str) -> Signer {
    let pair = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap();
    let der = aws_lc_rs::encoding::AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair);
    let key = SigningKey::from_pkcs8(Algorithm::Ed25519Sha256, der.unwrap().as_ref()).unwrap();
    Signer { domain: domain.to_owned(), selector: "s".to_owned(), key }
}

fn publish(zone: Zone, signer: &Signer, services: &str) -> Zone {
    let name = format!("s._domainkey.{}", signer.domain);
    let key = base64::engine::general_purpose::STANDARD.encode(signer.key.public_key());
    zone.text(&name, &format!("v=DKIM1; k=ed25519; {services}p={key}"))
}

fn reasons(found: Vec<Result<Report, ReportError>>) -> Vec<Option<&'static str>> {
    let reason = |one| match one {
        Ok(_) => None,
        Err(ReportError::Unsigned { reason, .. }) => Some(reason),
        Err(ReportError::Undecided { .. }) => Some("undecided"),
        Err(error) => panic!("{error}"),
    };
    found.into_iter().map(reason).collect()
}

// RFC 8460 §3
#[test]
fn reports_of_tls_are_read_where_their_domain_signed_them() {
    let [x, above, other] = ["company-x.example", "example.org", "evil.example"].map(signer);
    for services in ["", "s=tlsrpt; ", "s=email; "] {
        let zone = [&x, &above, &other]
            .into_iter()
            .fold(Zone::default(), |zone, signer| publish(zone, signer, services));
        let of = |contact: &str, author: &str, signers: &[&Signer]| {
            reasons(judged(&zone, &signed(contact, author, signers)))
        };
        let theirs = "sts-reporting@company-x.example";
        assert_eq!(of(theirs, theirs, &[&x]), [None], "{services}");
        assert_eq!(of(theirs, "a@evil.example", &[&other, &x]), [None]);
        assert_eq!(of("t@mail.example.org", theirs, &[&above]), [None]);
        // Without a contact it is the author's.
        assert_eq!(of("nobody", theirs, &[&x]), [None]);
        assert_eq!(of(theirs, theirs, &[]), [Some("there is none")]);
        let another = [Some("it is another domain's")];
        assert_eq!(of(theirs, theirs, &[&other]), another);
        assert_eq!(of(theirs, "a@evil.example", &[&other]), another);
        assert_eq!(of("t@notcompany-x.example", theirs, &[&x]), another);
        assert_eq!(
            of("nobody", "a@evil.example, b@company-x.example", &[&x]),
            [Some("it is from nobody")]
        );
        let changed = signed(theirs, theirs, &[&x]).replace("This is", "That is");
        assert_eq!(reasons(judged(&zone, &changed)), [Some("the body was changed")]);
    }
    let message = signed("t@company-x.example", "t@company-x.example", &[&x]);
    let name = "s._domainkey.company-x.example";
    for (zone, reason) in [
        (Zone::default(), "there is no key"),
        (Zone::default().silent(name), "undecided"),
        (publish(Zone::default(), &x, "s=other; "), "the key is not for mail"),
    ] {
        assert_eq!(reasons(judged(&zone, &message)), [Some(reason)]);
    }
    let unasked = block_on(ReportMessage::of(message.as_bytes()).judge(None, 1_000));
    assert_eq!(reasons(unasked), [Some("the DNS is not asked")]);
}

/// A host below a domain signs with a key beside it.
#[test]
fn a_report_may_be_signed_by_the_same_organisation() {
    let beside = signer("out.company-x.example");
    let message = signed("t@company-x.example", "t@company-x.example", &[&beside]);
    let zone = publish(Zone::default(), &beside, "");
    assert_eq!(reasons(judged(&zone, &message)), [Some("it is another domain's")]);
    let zone = zone.text("_dmarc.company-x.example", "v=DMARC1; p=none");
    assert_eq!(reasons(judged(&zone, &message)), [None]);
    let silent = publish(Zone::default(), &beside, "").silent("_dmarc.company-x.example");
    assert_eq!(reasons(judged(&silent, &message)), [Some("undecided")]);
    // One suffix is not one organisation.
    let suffix = zone.text("_dmarc.out.company-x.example", "v=DMARC1; psd=n");
    assert_eq!(reasons(judged(&suffix, &message)), [Some("it is another domain's")]);
}

#[test]
fn reports_of_dmarc_need_no_signature() {
    let found = block_on(ReportMessage::of(&message(AGGREGATE.as_bytes())).judge(None, 1_000));
    assert!(matches!(found.as_slice(), [Ok(_)]), "{found:?}");
    // Without an address it is the author's.
    let nobody = AGGREGATE.replace("report_sender@example-reporter.com", "nobody");
    let found = block_on(ReportMessage::of(&message(nobody.as_bytes())).judge(None, 1_000));
    assert_eq!(found[0].as_ref().unwrap().source.as_deref(), Some("b.example"));
    let found = block_on(ReportMessage::of(&message(b"{\"a\": 1}")).judge(None, 1_000));
    assert_eq!(found, [Err(ReportError::Malformed)]);
}
