//! The parameters of an envelope, which reception leaves for who sends the message on, as the
//! columns `spool.envelope` and `spool_recipient.parameters` have them: objects in JSON.
//!
//! Members are written in the order of the alphabet. One that is missing says nothing, and one that
//! is not known here means nothing: daemons of two versions read the rows of each other.

use ids::{SpoolId, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Deadline;
use crate::{Placement, Result, StorageError};

/// The parameters of MAIL, and what else is known of a message that is not in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MailParameters {
    /// The domain of the author of a calendar message, whom reception found to be who they say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// BODY: `7BIT`, `8BITMIME` (RFC 6152 §2) or `BINARYMIME` (RFC 3030 §3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// BY (RFC 2852 §4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Deadline>,
    /// It is a message about the meeting of this UID, in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calendar: Option<String>,
    /// The reverse-path may be forged: a stranger brought the message (RFC 5321 §6.2).
    #[serde(skip_serializing_if = "is_false")]
    pub doubtful: bool,
    /// ENVID (RFC 3461 §4.4), as it came: in xtext.
    pub envid: Option<String>,
    /// HOLDFOR or HOLDUNTIL, as it is told in reports (RFC 4865 §5.1.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// MT-PRIORITY (RFC 6710 §4), -9 to 9.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i8>,
    /// Reception found that it belongs in quarantine.
    #[serde(skip_serializing_if = "is_false")]
    pub quarantine: bool,
    /// REQUIRETLS (RFC 8689 §2).
    #[serde(skip_serializing_if = "is_false")]
    pub requiretls: bool,
    /// RET (RFC 3461 §4.3): `FULL` or `HDRS`.
    pub ret: Option<String>,
    /// Its account sent it on, and did not submit it.
    #[serde(skip_serializing_if = "is_false")]
    pub sent_on: bool,
    /// This server made it in the name of its sender, and nobody signed it yet.
    #[serde(skip_serializing_if = "is_false")]
    pub sign: bool,
    /// SMTPUTF8 (RFC 6531 §3.4).
    pub smtputf8: bool,
    /// The header section says `TLS-Required: No` (RFC 8689 §3).
    #[serde(skip_serializing_if = "is_false")]
    pub tls_optional: bool,
    /// Its account sent it on, and has it nowhere else.
    #[serde(skip_serializing_if = "is_false")]
    pub unkept: bool,
    /// The reverse-path is known to be whose it says.
    #[serde(skip_serializing_if = "is_false")]
    pub verified: bool,
}

/// The parameters of RCPT.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RcptParameters {
    /// NOTIFY (RFC 3461 §4.1): `NEVER`, or `SUCCESS`, `FAILURE` and `DELAY` with commas between
    /// them.
    pub notify: Option<String>,
    /// ORCPT (RFC 3461 §4.2), as it came: in xtext.
    pub orcpt: Option<String>,
}

/// By reference, as serde asks.
fn is_false(value: &bool) -> bool {
    !value
}

impl MailParameters {
    /// From what a row has.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] of what are no such parameters.
    pub(super) fn read(spool: SpoolId, json: &str) -> Result<Self> {
        read(spool, "envelope", json)
    }

    pub(super) fn to_json(&self) -> Result<String> {
        to_json(self)
    }

    /// The UID of the meeting it is about.
    pub fn meeting(&self) -> Option<String> {
        let digits = self.calendar.as_deref().filter(|digits| !digits.is_empty())?;
        let pairs = digits.as_bytes().chunks(2);
        let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        String::from_utf8(pairs.map(byte).collect::<Option<_>>()?).ok()
    }

    /// Where it belongs in a mailbox here.
    pub fn placement(&self) -> Placement {
        if self.quarantine { Placement::Junk } else { Placement::Inbox }
    }
}

impl RcptParameters {
    /// Of a recipient of whose fate nobody is told: `NOTIFY=NEVER` (RFC 3461 §4.1).
    pub fn never() -> Self {
        Self { notify: Some("NEVER".to_owned()), orcpt: None }
    }

    /// Whether the sender wants to hear of nothing.
    pub fn is_never(&self) -> bool {
        self.notify.as_deref() == Some("NEVER")
    }

    /// From what a row has.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] of what are no such parameters.
    pub(super) fn read(spool: SpoolId, json: &str) -> Result<Self> {
        read(spool, "parameters of a recipient", json)
    }

    pub(super) fn to_json(&self) -> Result<String> {
        to_json(self)
    }
}

fn read<T: DeserializeOwned>(spool: SpoolId, what: &str, json: &str) -> Result<T> {
    // Where it is wrong, not what stands there: that is somebody's mail.
    let wrong = |line, column| {
        StorageError::Corrupt(format!("{what} of {spool} in the spool, {line}:{column}"))
    };
    // An array would be read, member by member.
    if !json.starts_with('{') {
        return Err(wrong(1, 0));
    }
    serde_json::from_str(json).map_err(|error| wrong(error.line(), error.column()))
}

fn to_json(parameters: &impl Serialize) -> Result<String> {
    serde_json::to_string(parameters).map_err(|error| StorageError::Internal(error.to_string()))
}

/// Instants in microseconds.
pub(super) mod micros {
    use super::{Deserialize, Timestamp};

    pub(in crate::spool) fn serialize<S: serde::Serializer>(
        at: &Timestamp,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(at.as_micros())
    }

    pub(in crate::spool) fn deserialize<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Timestamp, D::Error> {
        i64::deserialize(deserializer).map(Timestamp::from_micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WhenLate;

    const ID: SpoolId = SpoolId::new(7);

    /// As reception and redirections have always written them.
    #[test]
    fn parameters_are_written_as_before() {
        let plain = MailParameters { body: Some("7BIT".to_owned()), ..MailParameters::default() };
        let all = MailParameters {
            author: Some("b.test".to_owned()),
            body: Some("8BITMIME".to_owned()),
            by: Some(Deadline {
                at: Timestamp::from_micros(1_700_000_000_000_001),
                when_late: WhenLate::Return,
                trace: true,
            }),
            calendar: Some("6d".to_owned()),
            doubtful: true,
            envid: Some("Q+2B1".to_owned()),
            hold: Some("for;60".to_owned()),
            priority: Some(-2),
            quarantine: true,
            requiretls: true,
            ret: Some("HDRS".to_owned()),
            sent_on: true,
            sign: true,
            smtputf8: true,
            tls_optional: true,
            unkept: true,
            verified: true,
        };
        for (parameters, json) in [
            (plain, r#"{"body":"7BIT","envid":null,"ret":null,"smtputf8":false}"#),
            (
                all,
                concat!(
                    r#"{"author":"b.test","body":"8BITMIME","#,
                    r#""by":{"at":1700000000000001,"mode":"R","trace":true},"calendar":"6d","#,
                    r#""doubtful":true,"envid":"Q+2B1","hold":"for;60","priority":-2,"#,
                    r#""quarantine":true,"requiretls":true,"ret":"HDRS","sent_on":true,"#,
                    r#""sign":true,"smtputf8":true,"tls_optional":true,"unkept":true,"#,
                    r#""verified":true}"#
                ),
            ),
        ] {
            assert_eq!(parameters.to_json().unwrap(), json);
            assert_eq!(MailParameters::read(ID, json).unwrap(), parameters);
        }
        let orcpt = Some("rfc822;a@b.test".to_owned());
        for (parameters, json) in [
            (RcptParameters::default(), r#"{"notify":null,"orcpt":null}"#),
            (RcptParameters::never(), r#"{"notify":"NEVER","orcpt":null}"#),
            (
                RcptParameters { notify: Some("SUCCESS,DELAY".to_owned()), orcpt },
                r#"{"notify":"SUCCESS,DELAY","orcpt":"rfc822;a@b.test"}"#,
            ),
        ] {
            assert_eq!(parameters.to_json().unwrap(), json);
            assert_eq!(RcptParameters::read(ID, json).unwrap(), parameters);
        }
    }

    /// Older versions wrote some of them with every member, some with few, in any order.
    #[test]
    fn what_older_versions_wrote_is_read() {
        let json = concat!(
            r#"{"body":"7BIT","by":null,"calendar":null,"doubtful":true,"envid":null,"#,
            r#""hold":null,"priority":null,"quarantine":false,"requiretls":true,"ret":null,"#,
            r#""sent_on":false,"sign":false,"smtputf8":false,"tls_optional":false,"#,
            r#""unkept":false,"verified":false}"#
        );
        let read = MailParameters {
            body: Some("7BIT".to_owned()),
            doubtful: true,
            requiretls: true,
            ..MailParameters::default()
        };
        assert_eq!(MailParameters::read(ID, json).unwrap(), read);
        let json = r#"{"body":"7BIT","smtputf8":true,"sign":true,"calendar":"6d","later":[1]}"#;
        let read = MailParameters {
            body: Some("7BIT".to_owned()),
            calendar: Some("6d".to_owned()),
            sign: true,
            smtputf8: true,
            ..MailParameters::default()
        };
        assert_eq!(MailParameters::read(ID, json).unwrap(), read);
        assert_eq!(MailParameters::read(ID, "{}").unwrap(), MailParameters::default());
        assert_eq!(RcptParameters::read(ID, "{}").unwrap(), RcptParameters::default());
        let never = RcptParameters::read(ID, r#"{"notify":"NEVER"}"#).unwrap();
        assert_eq!(never, RcptParameters::never());
    }

    #[test]
    fn what_are_no_parameters_is_damage() {
        for json in
            ["", "{", "null", "7", "[]", r#"{"requiretls":1}"#, r#"{"by":{"at":1}}"#, "{} x"]
        {
            let read = MailParameters::read(ID, json);
            assert!(matches!(read, Err(StorageError::Corrupt(_))), "{json}");
        }
        for json in ["", "{", "null", "7", "[]", r#"{"notify":1}"#, r#"{"orcpt":{}}"#, "{} x"] {
            let read = RcptParameters::read(ID, json);
            assert!(matches!(read, Err(StorageError::Corrupt(_))), "{json}");
        }
        let Err(error) = MailParameters::read(ID, r#"{"ret":1}"#) else { panic!("it is none") };
        assert_eq!(
            error.to_string(),
            format!("stored data is damaged: envelope of {ID} in the spool, 1:8")
        );
    }

    #[test]
    fn the_meeting_of_a_letter_is_read() {
        for (digits, uid) in [
            (None, None),
            (Some(""), None),
            (Some("6d"), Some("m")),
            (Some("c3bc22"), Some("ü\"")),
            (Some("6"), Some("\u{6}")),
            (Some("xx"), None),
            (Some("ff"), None),
        ] {
            let calendar = digits.map(str::to_owned);
            let parameters = MailParameters { calendar, ..MailParameters::default() };
            assert_eq!(parameters.meeting().as_deref(), uid, "{digits:?}");
        }
    }
}
