//! Parameters of MAIL and RCPT, as a client writes them (RFC 5321 §4.1.2).

use message::date::{DateTime, format_rfc3339};

use crate::types::{Body, ByMode, DeliverBy, Hold, MailParameters, Notify, Recipient, Ret};

/// The parameters of MAIL, one by one. AUTH is not among them: nobody is trusted to vouch for
/// others (RFC 4954 §5).
pub fn mail_parameters(parameters: &MailParameters) -> Vec<String> {
    let mut out = Vec::new();
    out.extend(parameters.size_bytes.map(|bytes| format!("SIZE={bytes}")));
    out.extend(match parameters.body {
        Body::SevenBit => None,
        Body::EightBitMime => Some("BODY=8BITMIME".to_owned()),
        Body::BinaryMime => Some("BODY=BINARYMIME".to_owned()),
    });
    out.extend(parameters.smtputf8.then(|| "SMTPUTF8".to_owned()));
    out.extend(parameters.ret.map(|ret| match ret {
        Ret::Full => "RET=FULL".to_owned(),
        Ret::Hdrs => "RET=HDRS".to_owned(),
    }));
    out.extend(parameters.envelope_id.as_ref().map(|id| format!("ENVID={}", id.as_str())));
    out.extend(parameters.hold.map(|hold| match hold {
        Hold::For(secs) => format!("HOLDFOR={secs}"),
        Hold::Until(at) => {
            format!("HOLDUNTIL={}", format_rfc3339(DateTime::from_unix_secs(at.as_secs())))
        }
    }));
    out.extend(parameters.deliver_by.map(deliver_by));
    out.extend(parameters.priority.map(|priority| format!("MT-PRIORITY={}", priority.get())));
    out.extend(parameters.require_tls.then(|| "REQUIRETLS".to_owned()));
    out
}

/// RFC 2852 §4: `by-value = by-time ";" by-mode [by-trace]`.
fn deliver_by(by: DeliverBy) -> String {
    let mode = match by.mode {
        ByMode::Notify => "N",
        ByMode::Return => "R",
    };
    format!("BY={};{mode}{}", by.secs, if by.trace { "T" } else { "" })
}

/// The parameters of RCPT, one by one.
pub fn rcpt_parameters(recipient: &Recipient) -> Vec<String> {
    let notify = notify_text(recipient.notify).map(|notify| format!("NOTIFY={notify}"));
    let original =
        recipient.original.as_ref().map(|original| format!("ORCPT={}", original.as_str()));
    notify.into_iter().chain(original).collect()
}

/// The value of NOTIFY (RFC 3461 §4.1).
pub(crate) fn notify_text(notify: Notify) -> Option<String> {
    match notify {
        Notify::Unspecified => None,
        Notify::Never => Some("NEVER".to_owned()),
        Notify::On { success, failure, delay } => {
            let words = [("SUCCESS", success), ("FAILURE", failure), ("DELAY", delay)];
            let wanted: Vec<&str> =
                words.iter().filter(|(_, on)| *on).map(|(word, _)| *word).collect();
            Some(wanted.join(","))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::{Command, parse_command};

    #[test]
    fn what_was_parsed_is_written_as_it_was() {
        for written in [
            "",
            "SIZE=1000 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ314159+2B",
            "BODY=BINARYMIME RET=FULL HOLDFOR=60 BY=120;RT MT-PRIORITY=-3 REQUIRETLS",
            "HOLDUNTIL=2026-11-28T12:00:00Z BY=-5;N",
        ] {
            let line = format!("MAIL FROM:<a@x.test> {written}");
            let Ok(Command::Mail(_, parameters)) = parse_command(line.as_bytes()) else {
                panic!("{line}");
            };
            assert_eq!(mail_parameters(&parameters).join(" "), written);
        }
        for written in ["", "NOTIFY=NEVER", "NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Bob+2Bx@Y.test"] {
            let line = format!("RCPT TO:<a@x.test> {written}");
            let Ok(Command::Rcpt(recipient)) = parse_command(line.as_bytes()) else {
                panic!("{line}");
            };
            assert_eq!(rcpt_parameters(&recipient).join(" "), written);
        }
    }
}
