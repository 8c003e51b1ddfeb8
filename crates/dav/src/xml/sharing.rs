//! What Apple's programs send to share and publish calendars (calendarserver-sharing,
//! caldav-sharing and calendarserver-publish drafts).

use super::element::Element;
use super::error::XmlError;
use super::limits::Limits;
use super::name::{CALENDAR_SERVER, DAV};

/// The body of a POST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SharingRequest {
    /// CS:share: whom a calendar is shared with, and with whom no longer.
    Share {
        /// Sharees that are added, or whose rights change.
        set: Vec<Sharee>,
        /// The addresses of sharees that are removed.
        remove: Vec<String>,
    },
    /// CS:invite-reply: what an invited person says.
    Reply(Invitation),
    /// CS:publish-calendar
    Publish,
    /// CS:unpublish-calendar
    Unpublish,
}

/// CS:set of CS:share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sharee {
    /// The address, as `mailto:` or as the path of a principal.
    pub href: String,
    /// The name of the person.
    pub common_name: Option<String>,
    /// What the calendar is to be called.
    pub summary: Option<String>,
    /// Whether it may be changed.
    pub may_write: bool,
}

/// CS:invite-reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The address of the sharee who replies.
    pub href: String,
    /// Whether the invitation is accepted.
    pub accepted: bool,
    /// The calendar that is shared: CS:hosturl.
    pub host_href: Option<String>,
    /// The CS:uid of the invitation.
    pub in_reply_to: Option<String>,
    /// What the calendar is to be called.
    pub summary: Option<String>,
}

impl SharingRequest {
    /// Reads the body of a POST.
    pub fn parse(body: &[u8], limits: &Limits) -> Result<Self, XmlError> {
        let root = Element::parse(body, limits)?;
        match (root.name.namespace(), root.name.local()) {
            (CALENDAR_SERVER, "share") => share(&root, limits),
            (CALENDAR_SERVER, "invite-reply") => Ok(Self::Reply(reply(&root)?)),
            (CALENDAR_SERVER, "publish-calendar") => Ok(Self::Publish),
            (CALENDAR_SERVER, "unpublish-calendar") => Ok(Self::Unpublish),
            _ => Err(XmlError::Unexpected("CS:share")),
        }
    }
}

fn share(root: &Element, limits: &Limits) -> Result<SharingRequest, XmlError> {
    if root.elements().count() > limits.tests_max {
        return Err(XmlError::TooLarge("CS:set"));
    }
    let set = root.elements_named(CALENDAR_SERVER, "set").map(sharee);
    let remove = root.elements_named(CALENDAR_SERVER, "remove").map(href);
    Ok(SharingRequest::Share {
        set: set.collect::<Result<_, _>>()?,
        remove: remove.collect::<Result<_, _>>()?,
    })
}

fn sharee(set: &Element) -> Result<Sharee, XmlError> {
    let has = |local| set.element(CALENDAR_SERVER, local).is_some();
    let may_write = match (has("read"), has("read-write")) {
        (_, true) => true,
        (true, false) => false,
        (false, false) => return Err(XmlError::Unexpected("CS:read")),
    };
    Ok(Sharee {
        href: href(set)?,
        common_name: word(set, "common-name"),
        summary: word(set, "summary"),
        may_write,
    })
}

fn reply(root: &Element) -> Result<Invitation, XmlError> {
    let has = |local| root.element(CALENDAR_SERVER, local).is_some();
    let accepted = match (has("invite-accepted"), has("invite-declined")) {
        (true, false) => true,
        (false, true) => false,
        _ => return Err(XmlError::Unexpected("CS:invite-accepted")),
    };
    let host = root.element(CALENDAR_SERVER, "hosturl");
    Ok(Invitation {
        href: href(root)?,
        accepted,
        host_href: host.map(href).transpose()?,
        in_reply_to: word(root, "in-reply-to"),
        summary: word(root, "summary"),
    })
}

fn href(parent: &Element) -> Result<String, XmlError> {
    let href = parent.only(DAV, "href")?.map(Element::word);
    href.filter(|href| !href.is_empty()).ok_or(XmlError::Unexpected("DAV:href"))
}

fn word(parent: &Element, local: &str) -> Option<String> {
    let word = parent.element(CALENDAR_SERVER, local).map(Element::word);
    word.filter(|word| !word.is_empty())
}
