//! What went wrong, and its only way to an answer (RFC 4918 §16).

use hyper::StatusCode;
use hyper::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use storage::{ObjectFault, StorageError};

use crate::answer::{self, Answer};
use crate::methods::privilege::Privilege;
use crate::path::BadPath;
use crate::xml::{Name, Writer, XmlError, write_need_privileges};

pub(crate) type Result<T> = std::result::Result<T, DavError>;

/// Why a request was not done.
#[derive(Debug)]
pub(crate) enum DavError {
    /// This status, and nothing more to say.
    Status(StatusCode),
    /// This status, and why, for people: the account is in no state to do anything.
    Told(StatusCode, &'static str),
    /// This status, and which precondition failed: exactly one (RFC 4918 §16), with the resource
    /// it is about if it is about one.
    Failed(StatusCode, Name, Option<String>),
    /// 403, which precondition failed, and why, for people.
    Explained(Name, String),
    /// 403, and which privileges whoever asks lacks of which resources (RFC 3744 §7.1.1).
    Lacks(Vec<Privilege>),
    /// Whoever asks has to sign in first, or again.
    SignIn,
    /// Too many wrong passwords.
    Throttled(u64),
    /// Storage refused or failed; the answer depends on the error.
    Storage(StorageError),
}

impl DavError {
    /// 403 with a precondition.
    pub(crate) fn forbidden(name: Name) -> Self {
        Self::Failed(StatusCode::FORBIDDEN, name, None)
    }

    /// 409 with a precondition.
    pub(crate) fn conflict(name: Name) -> Self {
        Self::Failed(StatusCode::CONFLICT, name, None)
    }

    /// R-CAL-5: an attachment that is handed to the server has more bytes than it takes
    /// (RFC 8607 §3.11).
    pub(crate) fn attachment_too_big(limit_bytes: u64) -> Self {
        let text = format!("an attachment has at most {limit_bytes} bytes");
        Self::Explained(Name::caldav("max-attachment-size"), text)
    }

    /// R-ADDR-12: the account, or that whose calendars or contacts it is about, is in maintenance.
    pub(crate) const MAINTENANCE: Self = Self::Told(
        StatusCode::SERVICE_UNAVAILABLE,
        "This account is in maintenance; mail is still received",
    );
    /// R-ADDR-12: the account may do nothing.
    pub(crate) const BLOCKED: Self = Self::Told(StatusCode::FORBIDDEN, "This account is blocked");
    /// The account has neither calendars nor contacts nor files.
    pub(crate) const MAIL_ONLY: Self =
        Self::Told(StatusCode::FORBIDDEN, "This account is for mail alone");
    pub(crate) const NOT_FOUND: Self = Self::Status(StatusCode::NOT_FOUND);
    pub(crate) const BAD_REQUEST: Self = Self::Status(StatusCode::BAD_REQUEST);

    /// Whether the resource has no such method.
    pub(crate) fn is_not_allowed(&self) -> bool {
        let (Self::Status(status) | Self::Failed(status, ..)) = self else { return false };
        *status == StatusCode::METHOD_NOT_ALLOWED
    }

    /// Whether it is for want of a privilege, and it is not said yet of which.
    pub(crate) fn is_for_want(&self) -> bool {
        match self {
            Self::Failed(StatusCode::FORBIDDEN, name, None) => {
                *name == Name::dav("need-privileges")
            }
            Self::Storage(error) => matches!(error, StorageError::NoPermission(_)),
            _ => false,
        }
    }

    /// Whether something is locked, and it is not said yet what.
    pub(crate) fn is_locked(&self) -> bool {
        match self {
            Self::Failed(StatusCode::LOCKED, name, None) => {
                *name == Name::dav("lock-token-submitted")
            }
            _ => false,
        }
    }

    /// The answer that tells the client of the error.
    pub(crate) fn into_answer(self) -> Answer {
        match self {
            Self::Status(status) => answer::plain(status),
            Self::Told(status, text) => answer::told(status, text),
            Self::Failed(status, name, href) => failed(status, &name, href.as_deref()),
            Self::Explained(name, text) => explained(&name, &text),
            Self::Lacks(privileges) => lacks(&privileges),
            Self::SignIn => sign_in(),
            Self::Throttled(secs) => {
                let mut answer = answer::plain(StatusCode::TOO_MANY_REQUESTS);
                answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(secs));
                answer
            }
            Self::Storage(error) => of_storage(error).into_answer(),
        }
    }
}

/// RFC 7617 §2.1: passwords are UTF-8.
fn sign_in() -> Answer {
    let mut answer = answer::plain(StatusCode::UNAUTHORIZED);
    for challenge in ["Basic realm=\"Posthorn\", charset=\"UTF-8\"", "Bearer realm=\"Posthorn\""] {
        answer.headers_mut().append(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    answer
}

fn failed(status: StatusCode, name: &Name, href: Option<&str>) -> Answer {
    let body = Writer::document(&Name::dav("error"), |writer| match href {
        Some(href) => writer.element(name, |writer| writer.href(href)),
        None => writer.empty(name),
    });
    answer::xml(status, body)
}

/// RFC 4918 §14.5: what a program does not look for in DAV:error, it passes over.
fn explained(name: &Name, text: &str) -> Answer {
    let body = Writer::document(&Name::dav("error"), |writer| {
        writer.empty(name);
        writer.text_element(&Name::dav("responsedescription"), text);
    });
    answer::xml(StatusCode::FORBIDDEN, body)
}

fn lacks(privileges: &[Privilege]) -> Answer {
    let body = Writer::document(&Name::dav("error"), |writer| {
        let each = privileges.iter().map(|(href, name)| (href.as_str(), name));
        write_need_privileges(writer, each);
    });
    answer::xml(StatusCode::FORBIDDEN, body)
}

/// What storage says, as WebDAV says it. Never [`DavError::Storage`].
fn of_storage(error: StorageError) -> DavError {
    use StatusCode as S;
    match error {
        StorageError::NotFound(_) => DavError::NOT_FOUND,
        StorageError::AlreadyExists(_) => {
            DavError::Failed(S::METHOD_NOT_ALLOWED, Name::dav("resource-must-be-null"), None)
        }
        // RFC 3744 §7.1.1.
        StorageError::NoPermission(_) => DavError::forbidden(Name::dav("need-privileges")),
        StorageError::Maintenance => DavError::MAINTENANCE,
        // RFC 4331 §6.
        StorageError::OverQuota { .. } => {
            DavError::Failed(S::INSUFFICIENT_STORAGE, Name::dav("quota-not-exceeded"), None)
        }
        StorageError::TooBig { .. } => DavError::Status(S::PAYLOAD_TOO_LARGE),
        StorageError::Limit { .. } => {
            DavError::Failed(S::INSUFFICIENT_STORAGE, Name::dav("sufficient-disk-space"), None)
        }
        StorageError::Conflict(_) => DavError::Status(S::PRECONDITION_FAILED),
        StorageError::InUse(_) => DavError::Status(S::LOCKED),
        StorageError::Expunged => DavError::Status(S::GONE),
        StorageError::Invalid(_) => DavError::BAD_REQUEST,
        StorageError::NoSpace(detail) => {
            tracing::warn!(detail, "no room");
            DavError::Failed(S::INSUFFICIENT_STORAGE, Name::dav("sufficient-disk-space"), None)
        }
        StorageError::Unavailable(detail) => {
            tracing::warn!(detail, "storage is unavailable");
            DavError::Status(S::SERVICE_UNAVAILABLE)
        }
        StorageError::Corrupt(detail) | StorageError::Internal(detail) => {
            tracing::error!(detail, "storage failed");
            DavError::Status(S::INTERNAL_SERVER_ERROR)
        }
    }
}

impl From<StorageError> for DavError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl From<BadPath> for DavError {
    fn from(_: BadPath) -> Self {
        Self::BAD_REQUEST
    }
}

impl From<XmlError> for DavError {
    fn from(error: XmlError) -> Self {
        match error {
            XmlError::Malformed | XmlError::Unexpected(_) => Self::BAD_REQUEST,
            XmlError::TooLarge(_) => Self::Status(StatusCode::PAYLOAD_TOO_LARGE),
            XmlError::Precondition(name) => Self::forbidden(name),
        }
    }
}

/// Which format an object was to have: its preconditions differ in name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// RFC 4791 §5.3.2.1
    Calendar,
    /// RFC 6352 §6.3.2.1
    Card,
    /// Files, which may hold any bytes.
    File,
}

/// The precondition that an object failed, with the limit where it is one.
pub(crate) fn of_fault(fault: ObjectFault, format: Format) -> DavError {
    let name = |calendar: &'static str, card: &'static str| match format {
        Format::Calendar => Name::caldav(calendar),
        Format::Card | Format::File => Name::carddav(card),
    };
    tracing::debug!(%fault, "object refused");
    let limit = match &fault {
        ObjectFault::TooBig { .. }
        | ObjectFault::AttachmentTooBig { .. }
        | ObjectFault::TooManyInstances { .. } => Some(fault.to_string()),
        _ => None,
    };
    let failed = match fault {
        // RFC 4791 §5.3.2.1: well-formed, and more than is worth following.
        ObjectFault::Malformed(ical::Invalid::Data(ical::Error::Endless)) => {
            name("max-instances", "max-resource-size")
        }
        ObjectFault::Malformed(_) => name("valid-calendar-data", "valid-address-data"),
        ObjectFault::Invalid(_) => name("valid-calendar-object-resource", "valid-address-data"),
        ObjectFault::TooBig { .. } if format == Format::File => {
            return DavError::Status(StatusCode::PAYLOAD_TOO_LARGE);
        }
        ObjectFault::TooBig { .. } => name("max-resource-size", "max-resource-size"),
        // RFC 8607 §3.11 has the name; this is the limit of inline ones (R-CAL-5).
        ObjectFault::AttachmentTooBig { .. } => name("max-attachment-size", "max-resource-size"),
        ObjectFault::TooManyInstances { .. } => name("max-instances", "max-resource-size"),
        ObjectFault::UnsupportedScale => Name::caldav("supported-rscale"),
        ObjectFault::Unsupported(_) => name("supported-calendar-data", "supported-address-data"),
    };
    match limit {
        Some(text) => DavError::Explained(failed, text),
        None => DavError::forbidden(failed),
    }
}
