//! What a server says, as far as it is used: RFC 8555 §7.1, RFC 9773 §4.2.

use std::fmt;

use serde::Deserialize;

/// Where everything is (RFC 8555 §7.1.1).
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Directory {
    pub(super) new_nonce: String,
    pub(super) new_account: String,
    pub(super) new_order: String,
    /// The URL of renewal information (RFC 9773 §4.1), where the server has it.
    pub(super) renewal_info: Option<String>,
}

/// How far an order, an authorization or a challenge is (RFC 8555 §7.1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// Something is to be done by us.
    Pending,
    /// Every name of the order is proved.
    Ready,
    /// The server works on it.
    Processing,
    /// The challenge, authorization or order is complete.
    Valid,
    /// The challenge, authorization or order failed.
    Invalid,
    /// Expired, deactivated or revoked.
    #[serde(alias = "deactivated", alias = "expired")]
    Revoked,
}

/// An order for a certificate (RFC 8555 §7.1.3).
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Order {
    pub(crate) status: Status,
    pub(crate) authorizations: Vec<String>,
    pub(crate) finalize: String,
    pub(crate) certificate: Option<String>,
    pub(crate) error: Option<Problem>,
}

/// The authorization of one host name (RFC 8555 §7.1.4).
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Authorization {
    pub(crate) identifier: Identifier,
    pub(crate) status: Status,
    pub(crate) challenges: Vec<Challenge>,
}

/// A name; of a wildcard the one below the asterisk.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Identifier {
    pub(crate) value: String,
}

/// A challenge by which a host name can be proved (RFC 8555 §8).
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Challenge {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) token: String,
    pub(crate) error: Option<Problem>,
}

/// When a certificate should be renewed (RFC 9773 §4.2).
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RenewalInfo {
    suggested_window: Window,
}

#[derive(Debug, Clone, Deserialize)]
struct Window {
    start: String,
    end: String,
}

impl RenewalInfo {
    /// When it should be renewed, in seconds of Unix time: from, until.
    pub(crate) fn window(&self) -> Option<(i64, i64)> {
        let secs = |text: &str| text.parse::<jiff::Timestamp>().ok().map(|at| at.as_second());
        secs(&self.suggested_window.start).zip(secs(&self.suggested_window.end))
    }
}

/// Why something was refused (RFC 7807, RFC 8555 §6.7).
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Problem {
    /// The type of the problem, a URN.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The problem in words.
    pub(crate) detail: String,
    pub(super) subproblems: Vec<Problem>,
}

/// LIMIT: problems within one that are told.
const SUBPROBLEMS_MAX: usize = 3;

impl Problem {
    /// Whether the problem is of this type of `urn:ietf:params:acme:error:`.
    pub(crate) fn is(&self, kind: &str) -> bool {
        self.kind.strip_prefix("urn:ietf:params:acme:error:") == Some(kind)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.rsplit(':').next().unwrap_or_default();
        write!(f, "{kind}: {}", self.detail)?;
        self.subproblems.iter().take(SUBPROBLEMS_MAX).try_for_each(|one| write!(f, "; {one}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_say() {
        // RFC 8555 §7.1.3, shortened.
        let order: Order = serde_json::from_str(
            r#"{"status": "valid", "expires": "2016-01-20T14:09:07.99Z",
                "identifiers": [{"type": "dns", "value": "www.example.org"}],
                "authorizations": ["https://example.com/acme/authz/PAniVnsZcis"],
                "finalize": "https://example.com/acme/order/TOlocE8rfgo/finalize",
                "certificate": "https://example.com/acme/cert/mAt3xBGaobw"}"#,
        )
        .unwrap();
        assert_eq!((order.status, order.authorizations.len()), (Status::Valid, 1));
        // RFC 8555 §6.7.1.
        let problem: Problem = serde_json::from_str(
            r#"{"type": "urn:ietf:params:acme:error:malformed", "detail": "Some of it",
                "subproblems": [
                {"type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "This CA",
                 "identifier": {"type": "dns", "value": "_example.org"}}]}"#,
        )
        .unwrap();
        assert!(problem.is("malformed") && !problem.is("badNonce"));
        let said = "malformed: Some of it; rejectedIdentifier: This CA";
        assert_eq!(problem.to_string(), said);
        // RFC 9773 §4.2.
        let info: RenewalInfo = serde_json::from_str(
            r#"{"suggestedWindow": {"start": "2025-01-02T04:00:00Z",
                "end": "2025-01-03T04:00:00Z"}, "explanationURL": "https://acme.test/docs"}"#,
        )
        .unwrap();
        assert_eq!(info.window(), Some((1_735_790_400, 1_735_876_800)));
    }
}
