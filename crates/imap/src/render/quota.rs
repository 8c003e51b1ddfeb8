//! The QUOTA and QUOTAROOT responses (RFC 9208 §4.2).

use super::{astring, mailbox, number};
use crate::parse::Dialect;
use crate::types::QuotaResource;

/// What is used of a resource, and its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaLine {
    /// The resource that the usage and limit are of.
    pub resource: QuotaResource,
    /// How much is used: KiB of STORAGE, else a count (RFC 9208 §5).
    pub used: u64,
    /// The limit, in the same unit.
    pub limit: u64,
}

/// `quota-response = "QUOTA" SP quota-root-name SP quota-list` (RFC 9208 §7), the whole untagged
/// line.
pub fn quota(out: &mut Vec<u8>, root: &str, lines: &[QuotaLine]) {
    out.extend_from_slice(b"* QUOTA ");
    astring(out, root.as_bytes());
    out.extend_from_slice(b" (");
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(line.resource.name().as_bytes());
        out.push(b' ');
        number(out, line.used);
        out.push(b' ');
        number(out, line.limit);
    }
    out.extend_from_slice(b")\r\n");
}

/// `quotaroot-response = "QUOTAROOT" SP mailbox *(SP quota-root-name)` (RFC 9208 §7), the whole
/// untagged line, with one root.
pub fn quota_root(out: &mut Vec<u8>, name: &str, root: &str, dialect: Dialect) {
    out.extend_from_slice(b"* QUOTAROOT ");
    mailbox(out, name, dialect);
    out.push(b' ');
    astring(out, root.as_bytes());
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_of_the_rfc() {
        let line = |resource, used, limit| QuotaLine { resource, used, limit };
        let mut out = Vec::new();
        let lines = [line(QuotaResource::Storage, 54, 111), line(QuotaResource::Message, 42, 1000)];
        quota(&mut out, "#user/alice", &lines);
        quota(&mut out, "", &[line(QuotaResource::Storage, 10, 512)]);
        quota_root(&mut out, "INBOX", "", Dialect::Rev1);
        assert_eq!(
            String::from_utf8_lossy(&out),
            "* QUOTA #user/alice (STORAGE 54 111 MESSAGE 42 1000)\r\n\
             * QUOTA \"\" (STORAGE 10 512)\r\n* QUOTAROOT INBOX \"\"\r\n"
        );
    }
}
