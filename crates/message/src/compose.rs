//! Lines this server adds on top of a message: Received and Return-Path (RFC 5321 §4.4).
//!
//! **Invariant:** whatever a peer said, a rendered field holds no line break but its own folding
//! and no bracket or parenthesis but its own.

use std::fmt::Write as _;
use std::net::IpAddr;

use crate::date::{DateTime, format_rfc5322};

/// LIMIT: RFC 5321 §4.5.3.1.2 for names and §4.5.3.1.3 for paths; nothing written is longer.
const WORD_BYTES_MAX: usize = 256;

/// What one Received field tells of how a message came here.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// What the client called itself in HELO, EHLO or LHLO.
    pub helo: &'a str,
    /// The name its address resolves to, if it was looked up.
    pub peer_name: Option<&'a str>,
    /// Its address; absent for a local socket or where privacy asks to leave it out.
    pub peer_ip: Option<IpAddr>,
    /// The name of this server.
    pub by: &'a str,
    /// The protocol keyword: ESMTP, ESMTPS, ESMTPSA, LMTP, UTF8SMTP… (RFC 3848 §2).
    pub with: &'a str,
    /// TLS version and cipher, for a comment.
    pub tls: Option<&'a str>,
    /// Under what id our log knows the transaction.
    pub id: &'a str,
    /// The recipient, only where there is one: more would tell recipients of each other
    /// (RFC 5321 §7.2).
    pub recipient: Option<&'a str>,
    /// The priority, where one was given (RFC 6710 §4.1).
    pub priority: Option<i8>,
    /// When it came.
    pub at: DateTime,
}

impl Received<'_> {
    /// `Time-stamp-line = "Received:" FWS Stamp <CRLF>` (RFC 5321 §4.4), folded.
    pub fn render(&self) -> String {
        let mut field = String::from("Received: from ");
        push_word(&mut field, self.helo);
        let peer_ip = self.peer_ip.map(|ip| ip.to_canonical());
        if self.peer_name.is_some() || peer_ip.is_some() {
            field.push_str(" (");
            if let Some(name) = self.peer_name {
                push_word(&mut field, name);
            }
            let blank = if self.peer_name.is_some() { " " } else { "" };
            // RFC 5321 §4.1.3: an IPv6 literal carries its tag. Writing to a String cannot fail.
            let _ = match peer_ip {
                Some(IpAddr::V6(ip)) => write!(field, "{blank}[IPv6:{ip}]"),
                Some(ip) => write!(field, "{blank}[{ip}]"),
                None => Ok(()),
            };
            field.push(')');
        }
        field.push_str("\r\n\tby ");
        push_word(&mut field, self.by);
        field.push_str(" with ");
        push_word(&mut field, self.with);
        if let Some(tls) = self.tls {
            field.push_str(" (");
            push_text(&mut field, tls);
            field.push(')');
        }
        field.push_str("\r\n\tid ");
        push_word(&mut field, self.id);
        if let Some(recipient) = self.recipient {
            field.push_str("\r\n\tfor <");
            push_path(&mut field, recipient);
            field.push('>');
        }
        if let Some(priority) = self.priority {
            let _ = write!(field, "\r\n\tPRIORITY {priority}");
        }
        field.push_str(";\r\n\t");
        field.push_str(&format_rfc5322(self.at));
        field.push_str("\r\n");
        field
    }
}

/// `Return-path-line = "Return-Path:" FWS Reverse-path <CRLF>` (RFC 5321 §4.4); `None` or an
/// empty path is the null reverse-path of notifications.
pub fn return_path(reverse_path: Option<&str>) -> String {
    let mut field = String::from("Return-Path: <");
    push_path(&mut field, reverse_path.unwrap_or_default());
    field.push_str(">\r\n");
    field
}

// One word without blanks; a peer that gave nothing usable is "unknown".
fn push_word(field: &mut String, word: &str) {
    let start = field.len();
    let kept = bounded(word)
        .chars()
        .filter(|c| !c.is_control() && !c.is_whitespace() && !"()<>\\\";,".contains(*c));
    field.extend(kept);
    if field.len() == start {
        field.push_str("unknown");
    }
}

// The inside of a comment.
fn push_text(field: &mut String, text: &str) {
    field.extend(bounded(text).chars().filter(|c| !c.is_control() && !"()\\".contains(*c)));
}

// A path keeps its quoting; what could end it or the line goes.
fn push_path(field: &mut String, path: &str) {
    field.extend(bounded(path).chars().filter(|c| !c.is_control() && !"<>".contains(*c)));
}

fn bounded(text: &str) -> &str {
    text.get(..text.floor_char_boundary(WORD_BYTES_MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received() -> Received<'static> {
        Received {
            helo: "mx.example.org",
            peer_name: Some("out.example.org"),
            peer_ip: Some("192.0.2.1".parse().unwrap()),
            by: "mail.example.com",
            with: "ESMTPS",
            tls: Some("TLSv1.3 TLS13_AES_256_GCM_SHA384"),
            id: "7f3a",
            priority: None,
            recipient: Some("julie@example.com"),
            at: DateTime::with_offset(880_127_706, -360),
        }
    }

    #[test]
    fn trace_fields() {
        assert_eq!(
            received().render(),
            "Received: from mx.example.org (out.example.org [192.0.2.1])\r\n\
             \tby mail.example.com with ESMTPS (TLSv1.3 TLS13_AES_256_GCM_SHA384)\r\n\
             \tid 7f3a\r\n\tfor <julie@example.com>;\r\n\tFri, 21 Nov 1997 09:55:06 -0600\r\n"
        );
        let bare = Received {
            peer_name: None,
            peer_ip: Some("2001:db8::1".parse().unwrap()),
            tls: None,
            recipient: None,
            priority: None,
            ..received()
        };
        assert_eq!(
            bare.render(),
            "Received: from mx.example.org ([IPv6:2001:db8::1])\r\n\
             \tby mail.example.com with ESMTPS\r\n\tid 7f3a;\r\n\
             \tFri, 21 Nov 1997 09:55:06 -0600\r\n"
        );
        assert_eq!(return_path(None), "Return-Path: <>\r\n");
        assert_eq!(return_path(Some("\"a b\"@c")), "Return-Path: <\"a b\"@c>\r\n");
    }

    #[test]
    fn a_peer_cannot_add_lines() {
        let long = "x".repeat(5000);
        for evil in ["a\r\nX: y", "a\nb\0c", "a) by (b", "<>", "", "\\", "\u{85}\u{2028}", &long] {
            let field = Received {
                helo: evil,
                peer_name: Some(evil),
                with: evil,
                tls: Some(evil),
                id: evil,
                recipient: Some(evil),
                priority: None,
                ..received()
            };
            let text = field.render() + &return_path(Some(evil));
            assert!(text.len() < 2100);
            let lines: Vec<&str> = text.split_inclusive("\r\n").collect();
            assert_eq!(lines.len(), 6);
            assert!(!text.replace("\r\n", "").contains(['\r', '\n', '\0']));
            assert_eq!(crate::header_fields(text.as_bytes()).count(), 2);
        }
    }
}
