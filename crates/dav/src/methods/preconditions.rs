//! On what condition a request is done: If (RFC 4918 §10.4), If-Match, If-None-Match and
//! If-Unmodified-Since (RFC 9110 §13.1), If-Schedule-Tag-Match (RFC 6638 §8.3). Decided in the
//! transaction that writes.

use hyper::StatusCode;
use ids::{AccountId, Timestamp};
use storage::{AccountTx, EtagCondition, Object, WriteTx};

use crate::error::{DavError, Result};
use crate::methods::if_header::IfHeader;
use crate::path::Place;
use crate::request::Request;

/// What a request says of the resource it is about, and of others.
#[derive(Debug)]
pub(crate) struct Preconditions {
    states: IfHeader,
    names: Vec<String>,
    if_match: Option<EtagCondition>,
    if_none_match: Option<EtagCondition>,
    unmodified_since: Option<Timestamp>,
    schedule_tag: Option<String>,
}

impl Preconditions {
    /// Reads the conditions from the headers of a request for `place`.
    pub(crate) fn parse(request: &Request, place: &Place) -> Result<Self> {
        let names = match place {
            Place::Member(_, _, names) => names.clone(),
            _ => Vec::new(),
        };
        let if_match = request.if_match()?;
        // RFC 9110 §13.1.4: not looked at where there is If-Match.
        let unmodified_since = match if_match {
            Some(_) => None,
            None => request.header("if-unmodified-since").and_then(parse_date),
        };
        Ok(Self {
            states: IfHeader::parse(request)?,
            names,
            if_match,
            if_none_match: request.if_none_match()?,
            unmodified_since,
            schedule_tag: request.schedule_tag(),
        })
    }

    /// The schedule-tag that the resource must have.
    pub(crate) fn schedule_tag(&self) -> Option<&str> {
        self.schedule_tag.as_deref()
    }

    /// The tokens of locks that are submitted.
    pub(crate) fn tokens(&self) -> Vec<String> {
        self.states.tokens()
    }

    /// Fails with 412 unless every condition holds.
    pub(crate) fn check(&self, tx: &mut AccountTx<'_, '_>, home: storage::Home) -> Result<()> {
        self.states.check(tx)?;
        self.check_headers(tx, home)
    }

    /// Like `check`, where something is brought from one account to another: the header If tells of
    /// both places.
    pub(crate) fn check_between(
        &self,
        tx: &mut WriteTx<'_>,
        actor: AccountId,
        [from, to]: [AccountId; 2],
        home: storage::Home,
    ) -> Result<()> {
        self.states.check_among(tx, actor, &[from, to])?;
        self.check_headers(&mut tx.account_as(from, actor)?, home)
    }

    fn check_headers(&self, tx: &mut AccountTx<'_, '_>, home: storage::Home) -> Result<()> {
        let asks = self.if_match.is_some()
            || self.if_none_match.is_some()
            || self.unmodified_since.is_some()
            || self.schedule_tag.is_some();
        if !asks {
            return Ok(());
        }
        let there = find(tx, home, &self.names)?;
        let is_named = |named: &EtagCondition| match &there {
            There::Nothing => false,
            // Folders and the like have no etags.
            There::Collection => *named == EtagCondition::Any,
            There::Object(object) => named.names(Some(object)),
        };
        let modified = match &there {
            There::Object(object) => object.dated().map(Timestamp::as_secs),
            There::Nothing | There::Collection => None,
        };
        let tag = match &there {
            There::Object(object) => object.schedule_tag(),
            There::Nothing | There::Collection => None,
        };
        // RFC 6638 §3.2.10.1, §3.2.10.2: and those of HTTP in their order (RFC 9110 §13.2.2).
        let fails = (self.schedule_tag.is_some() && self.schedule_tag != tag)
            || self.if_match.as_ref().is_some_and(|named| !is_named(named))
            || self
                .unmodified_since
                .is_some_and(|since| modified.is_some_and(|at| at > since.as_secs()))
            || self.if_none_match.as_ref().is_some_and(is_named);
        match fails {
            true => Err(DavError::Status(StatusCode::PRECONDITION_FAILED)),
            false => Ok(()),
        }
    }
}

enum There {
    Nothing,
    Collection,
    Object(Box<Object>),
}

fn find(tx: &mut AccountTx<'_, '_>, home: storage::Home, names: &[String]) -> Result<There> {
    if names.is_empty() {
        // A home, or another place of the server's own.
        return Ok(There::Collection);
    }
    let (account, actor) = (tx.id(), tx.actor());
    let as_guest = crate::resource::names_at(tx, home, names)?;
    let names = as_guest.as_deref().unwrap_or(names);
    if tx.find_collection(account, home, &names.join("/"))?.is_some() {
        return Ok(There::Collection);
    }
    let Some((name, above)) = names.split_last() else { return Ok(There::Nothing) };
    let parent = tx.find_collection(account, home, &above.join("/"))?;
    let parent = match (parent, as_guest.is_some()) {
        (Some(parent), true) => tx.as_guest(actor, parent)?,
        (parent, _) => parent,
    };
    let Some(parent) = parent else { return Ok(There::Nothing) };
    let found = tx.find_shown_object(&parent, name)?;
    Ok(found.map_or(There::Nothing, |object| There::Object(Box::new(object))))
}

/// RFC 9110 §5.6.7: a date that cannot be read is none.
pub(crate) fn parse_date(text: &str) -> Option<Timestamp> {
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Timestamp::from_secs(at.as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fixture, file_href};

    #[test]
    fn conditions_hold_for_every_method() {
        assert_eq!(parse_date("Mon, 05 Jan 2026 08:00:00 GMT").unwrap().as_secs(), 1_767_600_000);
        let fixture = Fixture::new();
        assert_eq!(fixture.status("MKCOL", "/a", &[], ""), 201);
        assert_eq!(fixture.status("PUT", "/a/x", &[], "1"), 201);
        let to = file_href("/a/y");
        let to = ("destination", to.as_str());
        let lock = "<D:lockinfo xmlns:D=\"DAV:\"><D:lockscope><D:exclusive/></D:lockscope>\
            <D:locktype><D:write/></D:locktype></D:lockinfo>";
        let patch = "<D:propertyupdate xmlns:D=\"DAV:\"><D:set><D:prop><z xmlns=\"z:\"/></D:prop>\
            </D:set></D:propertyupdate>";
        let folder = file_href("/b");
        let moved = ("destination", folder.as_str());
        let before = ("if-unmodified-since", "Mon, 05 Jan 2026 07:59:59 GMT");
        for condition in [("if-match", "\"other\""), ("if-none-match", "*"), before] {
            assert_eq!(fixture.status("PUT", "/a/x", &[condition], "2"), 412, "{condition:?}");
            assert_eq!(fixture.status("MOVE", "/a/x", &[condition, to], ""), 412);
            assert_eq!(fixture.status("COPY", "/a/x", &[condition, to], ""), 412);
            assert_eq!(fixture.status("DELETE", "/a/x", &[condition], ""), 412);
            assert_eq!(fixture.status("LOCK", "/a/x", &[condition], lock), 412);
            assert_eq!(fixture.status("PROPPATCH", "/a/x", &[condition], patch), 412);
        }
        for condition in [("if-match", "\"other\""), ("if-none-match", "*")] {
            assert_eq!(fixture.status("DELETE", "/a", &[condition], ""), 412);
            assert_eq!(fixture.status("MOVE", "/a", &[condition, moved], ""), 412);
            assert_eq!(fixture.status("COPY", "/a", &[condition, moved], ""), 412);
            assert_eq!(fixture.status("LOCK", "/a", &[condition], lock), 412);
            assert_eq!(fixture.status("PROPPATCH", "/a", &[condition], patch), 412);
        }
        assert_eq!(fixture.body("/a/x"), "1");
        let since = ("if-unmodified-since", "Mon, 05 Jan 2026 08:00:00 GMT");
        assert_eq!(fixture.status("PUT", "/a/x", &[since], "2"), 204);
        assert_eq!(fixture.status("PUT", "/a/x", &[before, ("if-match", "*")], "3"), 204);
        assert_eq!(fixture.status("MOVE", "/a/x", &[("if-match", "*"), to], ""), 201);
        assert_eq!(fixture.status("DELETE", "/a", &[("if-match", "*")], ""), 204);
    }
}
