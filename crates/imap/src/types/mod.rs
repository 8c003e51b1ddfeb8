//! The nouns of the protocol, apart from their spelling on the wire.
//!
//! **Invariant:** a value of these types can be rendered; whatever could not be was refused by
//! its constructor. Sizes were bounded by the parser that made them.

mod acl;
mod annotation;
mod append;
mod command;
mod enable;
mod fetch;
mod language;
mod list;
mod mailbox;
mod mailbox_filter;
mod metadata;
mod notify;
mod number_set;
mod pattern;
mod quota;
mod results;
mod search;
mod secret;
mod section;
mod select;
mod sequence_set;
mod sort;
mod status;
mod store;
mod tag;
mod url_auth;

pub use acl::{AclArgs, RightsAction};
pub use annotation::{
    AnnotateArgs, AnnotationAttribute, AnnotationCriterion, AnnotationEntry, AnnotationKind,
    AnnotationPattern, AnnotationQuery, AnnotationScope, AnnotationValue,
};
pub use append::{AppendArgs, AppendData, AppendMessage, CatenatePart, ReplaceArgs};
pub use command::{
    Addressing, AuthenticateArgs, Command, CopyArgs, CreateArgs, IdParams, LoginArgs, RenameArgs,
};
pub use enable::{EnableItem, EnableItems};
pub use fetch::{FetchArgs, FetchAttribute};
pub use language::Language;
pub use list::{
    ListArgs, ListAttribute, ListAttributes, ListReturn, ListSelection, SpecialUse, SpecialUses,
};
pub use mailbox::MailboxName;
pub use mailbox_filter::MailboxFilter;
pub use metadata::{EntryDepth, EntryName, MetadataArgs, SetMetadataArgs};
pub use notify::{EventGroup, NotifyArgs, NotifyEvent, NotifyEvents};
pub use number_set::NumberSet;
pub use pattern::MailboxPattern;
pub use quota::{QuotaArgs, QuotaResource};
pub use results::{Placed, Results};
pub use search::{EsearchArgs, PartialRange, SearchArgs, SearchKey, SearchReturn};
pub use secret::Secret;
pub use section::{FieldName, PartPath, Partial, Section, SectionText};
pub use select::{QresyncParams, SelectArgs, SeqMatch};
pub use sequence_set::{OutOfRange, SeqBound, SeqRange, SequenceSet};
pub use sort::{SortArgs, SortCriterion, SortKey, ThreadAlgorithm, ThreadArgs};
pub use status::{StatusItem, StatusItems};
pub use store::{StoreAction, StoreArgs};
pub use tag::Tag;
pub use url_auth::{ResetKeyArgs, UrlData, UrlMetadata, UrlToAuthorize, UrlToFetch};
