//! DAV:multistatus (RFC 4918 §13, §14.16), written response by response, with a property status per
//! status code.

use super::name::Name;
use super::write::Writer;

/// A status of HTTP, as answers within an answer have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(pub u16);

impl Status {
    /// 200 OK.
    pub const OK: Self = Self(200);
    /// 403 Forbidden.
    pub const FORBIDDEN: Self = Self(403);
    /// 404 Not Found.
    pub const NOT_FOUND: Self = Self(404);
    /// 409 Conflict.
    pub const CONFLICT: Self = Self(409);
    /// 424 Failed Dependency (RFC 4918 §11.4).
    pub const FAILED_DEPENDENCY: Self = Self(424);
    /// 507 Insufficient Storage (RFC 4918 §11.5).
    pub const INSUFFICIENT_STORAGE: Self = Self(507);

    fn phrase(self) -> &'static str {
        match self.0 {
            200 => "OK",
            201 => "Created",
            204 => "No Content",
            207 => "Multi-Status",
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            409 => "Conflict",
            410 => "Gone",
            412 => "Precondition Failed",
            413 => "Content Too Large",
            415 => "Unsupported Media Type",
            423 => "Locked",
            424 => "Failed Dependency",
            500 => "Internal Server Error",
            501 => "Not Implemented",
            502 => "Bad Gateway",
            503 => "Service Unavailable",
            507 => "Insufficient Storage",
            _ => "Other",
        }
    }
}

/// DAV:status.
fn push_status(writer: &mut Writer, status: Status) {
    // Nearly all there are.
    if status == Status::OK {
        return writer.text_element(&Name::dav("status"), "HTTP/1.1 200 OK");
    }
    let line = format!("HTTP/1.1 {} {}", status.0, status.phrase());
    writer.text_element(&Name::dav("status"), &line);
}

/// DAV:need-privileges (RFC 3744 §7.1.1): each with the path of its resource.
pub(crate) fn write_need_privileges<'n>(
    writer: &mut Writer,
    privileges: impl IntoIterator<Item = (&'n str, &'n Name)>,
) {
    writer.element(&Name::dav("need-privileges"), |writer| {
        for (href, name) in privileges {
            writer.element(&Name::dav("resource"), |writer| {
                writer.href(href);
                writer.element(&Name::dav("privilege"), |writer| writer.empty(name));
            });
        }
    });
}

/// The body of a 207. What is written can be taken away piece by piece.
#[derive(Debug)]
pub struct Multistatus {
    writer: Writer,
    root: Name,
}

impl Multistatus {
    /// An answer without any response yet.
    pub fn new() -> Self {
        Self::with_root(Name::dav("multistatus"))
    }

    /// A document with another root: MKCOL answers with DAV:mkcol-response, MKCALENDAR with
    /// CALDAV:mkcalendar-response.
    pub fn with_root(root: Name) -> Self {
        let mut writer = Writer::default();
        writer.begin_document(&root);
        Self { writer, root }
    }

    /// What is said of one resource.
    pub fn response(&mut self, href: &str, content: impl FnOnce(&mut Response<'_>)) {
        self.writer.element(&Name::dav("response"), |writer| {
            writer.href(href);
            let before = writer.len();
            content(&mut Response { writer });
            // RFC 4918 §14.24: a response has a status, or a propstat at least. One without any
            // property is one that has none.
            if writer.len() == before {
                writer.element(&Name::dav("propstat"), |writer| {
                    writer.empty(&Name::dav("prop"));
                    push_status(writer, Status::OK);
                });
            }
        });
    }

    /// The status of one resource, and the precondition that failed.
    pub fn status(&mut self, href: &str, status: Status, failed: Option<&Name>) {
        self.writer.element(&Name::dav("response"), |writer| {
            writer.href(href);
            push_status(writer, status);
            if let Some(failed) = failed {
                writer.element(&Name::dav("error"), |writer| writer.empty(failed));
            }
        });
    }

    /// Writes the answer of MKCOL, which has no DAV:response: the propstats stand in the root.
    pub fn propstats(&mut self, content: impl FnOnce(&mut Response<'_>)) {
        content(&mut Response { writer: &mut self.writer });
    }

    /// DAV:responsedescription of the whole.
    pub fn description(&mut self, text: &str) {
        self.writer.text_element(&Name::dav("responsedescription"), text);
    }

    /// DAV:sync-token (RFC 6578 §6.2), behind all responses.
    pub fn sync_token(&mut self, token: &str) {
        self.writer.text_element(&Name::dav("sync-token"), token);
    }

    /// How many bytes wait to be taken.
    pub fn len(&self) -> usize {
        self.writer.len()
    }

    /// Whether none do.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was written since it was taken last.
    pub fn take(&mut self) -> Vec<u8> {
        self.writer.take()
    }

    /// Closes the document and returns its bytes.
    pub fn finish(mut self) -> Vec<u8> {
        self.writer.end(&self.root);
        self.writer.take()
    }
}

impl Default for Multistatus {
    fn default() -> Self {
        Self::new()
    }
}

/// What is said of one resource.
#[derive(Debug)]
pub struct Response<'w> {
    writer: &'w mut Writer,
}

impl Response<'_> {
    /// Properties that share a status; nothing where there are none.
    pub fn propstat(&mut self, status: Status, properties: impl FnOnce(&mut Writer)) {
        self.propstat_failed(status, None, None, properties);
    }

    /// Like `propstat`, with the precondition that failed and a description in words.
    pub fn propstat_failed(
        &mut self,
        status: Status,
        failed: Option<&Name>,
        description: Option<&str>,
        properties: impl FnOnce(&mut Writer),
    ) {
        self.propstat_with(status, properties, |writer| {
            if let Some(failed) = failed {
                writer.element(&Name::dav("error"), |writer| writer.empty(failed));
            }
            if let Some(description) = description {
                writer.text_element(&Name::dav("responsedescription"), description);
            }
        });
    }

    /// Properties by name alone that are not told for want of a privilege of the resource at
    /// `href`; nothing where there are none.
    pub fn withheld<'n>(
        &mut self,
        href: &str,
        privilege: &Name,
        names: impl IntoIterator<Item = &'n Name>,
    ) {
        let properties =
            |writer: &mut Writer| names.into_iter().for_each(|name| writer.empty(name));
        self.propstat_with(Status::FORBIDDEN, properties, |writer| {
            writer.element(&Name::dav("error"), |writer| {
                write_need_privileges(writer, [(href, privilege)]);
            });
        });
    }

    fn propstat_with(
        &mut self,
        status: Status,
        properties: impl FnOnce(&mut Writer),
        why: impl FnOnce(&mut Writer),
    ) {
        let before = self.writer.len();
        let mut is_empty = false;
        self.writer.element(&Name::dav("propstat"), |writer| {
            writer.element(&Name::dav("prop"), |writer| {
                let inside = writer.len();
                properties(writer);
                is_empty = writer.len() == inside;
            });
            push_status(writer, status);
            why(writer);
        });
        if is_empty {
            self.writer.truncate(before);
        }
    }

    /// Properties by name alone, under one status.
    pub fn names<'n>(&mut self, status: Status, names: impl IntoIterator<Item = &'n Name>) {
        self.propstat(status, |writer| names.into_iter().for_each(|name| writer.empty(name)));
    }
}
