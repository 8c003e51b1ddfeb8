//! Which fields a message is taken without, whatever it came with: those that would be taken for
//! the word of this server, and those that are nobody's to read.

use mailauth::results::is_forged;
use message::{EXTERNAL_FIELD, Field};

use crate::header::is_of_checks;
use crate::settings::Role;

/// Who brings a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Anybody, on port 25.
    Stranger,
    /// An account that signed in (RFC 6409): nobody else comes as far as a message there.
    Submission,
    /// What stands in front of us (RFC 2033), and has checked the message.
    Lmtp,
}

impl From<Role> for Origin {
    fn from(role: Role) -> Self {
        match role {
            Role::Mx => Self::Stranger,
            Role::Submission => Self::Submission,
            Role::Lmtp => Self::Lmtp,
        }
    }
}

/// Whether a field is removed from a message of that origin. `authserv_id` is our name in
/// Authentication-Results.
pub(super) fn is_removed(field: &Field<'_>, origin: Origin, authserv_id: &str) -> bool {
    // RFC 5321 §4.4: final delivery removes a Return-Path that was there before and writes the true
    // one; what is sent on goes without. R-ADDR-13: only this server says that a message is
    // external.
    let is_ours_alone = field.is("Return-Path") || field.is(EXTERNAL_FIELD);
    // RFC 8601 §5: a field from outside that has our name is forged.
    let is_forged = || field.is("Authentication-Results") && is_forged(field.value, authserv_id);
    is_ours_alone
        || match origin {
            Origin::Stranger => is_forged() || is_of_checks(field),
            // RFC 5322 §3.6.3: a Bcc field is removed before the message is sent, so that nobody
            // reads who else got it. Many programs leave that to the server.
            Origin::Submission => is_forged() || field.is("Bcc") || field.is("Resent-Bcc"),
            Origin::Lmtp => false,
        }
}

#[cfg(test)]
mod tests {
    use message::header_fields;

    use super::*;

    #[test]
    fn what_is_removed_goes_by_who_brings_it() {
        const ORIGINS: [Origin; 3] = [Origin::Stranger, Origin::Submission, Origin::Lmtp];
        for (field, expect) in [
            ("Return-Path: <a@b.test>", [true, true, true]),
            ("return-path : <>", [true, true, true]),
            ("X-Posthorn-External: yes", [true, true, true]),
            ("X-POSTHORN-EXTERNAL: no", [true, true, true]),
            ("Authentication-Results: mx.here.test; spf=pass", [true, true, false]),
            ("authentication-results: (a) MX.here.test. 1;\r\n none", [true, true, false]),
            ("Authentication-Results: mx.there.test; spf=pass", [false, false, false]),
            ("Authentication-Results:", [false, false, false]),
            ("ARC-Authentication-Results: i=1; mx.here.test; spf=pass", [false, false, false]),
            ("Bcc: a@b.test", [false, true, false]),
            ("Bcc:", [false, true, false]),
            ("RESENT-BCC: a@b.test", [false, true, false]),
            ("X-Spam: yes", [true, false, false]),
            ("X-Spam-Status: No, score=-9", [true, false, false]),
            ("x-spamd-bar: -", [true, false, false]),
            ("X-Virus-Scanned: clean", [true, false, false]),
            ("X-Rspamd-Action: no action", [true, false, false]),
            ("X-Posthorn-Anything: 1", [true, false, false]),
            ("X-Virus: none", [false, false, false]),
            ("Cc: a@b.test", [false, false, false]),
            ("Delivered-To: a@b.test", [false, false, false]),
            ("Received: from a by b", [false, false, false]),
            ("DKIM-Signature: v=1", [false, false, false]),
            ("Subject: Return-Path: <>", [false, false, false]),
            ("no field", [false, false, false]),
        ] {
            let line = format!("{field}\r\n");
            let mut fields = header_fields(line.as_bytes());
            let found = fields.next().unwrap();
            assert_eq!(fields.next(), None, "{field}");
            let removed = ORIGINS.map(|origin| is_removed(&found, origin, "mx.here.test"));
            assert_eq!(removed, expect, "{field}");
        }
    }

    #[test]
    fn listeners_say_who_brings_it() {
        for (role, origin) in [
            (Role::Mx, Origin::Stranger),
            (Role::Submission, Origin::Submission),
            (Role::Lmtp, Origin::Lmtp),
        ] {
            assert_eq!(Origin::from(role), origin);
        }
    }
}
