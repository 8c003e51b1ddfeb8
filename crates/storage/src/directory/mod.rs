//! Who there is and which addresses lead where: domains, accounts, aliases (R-ADDR).
//!
//! **Invariant:** an address leads to one account; a domain alias has no addresses of its own,
//! every address of its domain exists under it.

mod access_key;
mod account;
mod alias;
pub(crate) mod book;
mod cache;
mod capabilities;
mod credentials;
mod domain;
mod external;
mod organisation;
mod password_link;
mod protocol;
mod quota;
mod resolve;
mod scram;
mod sending;
mod signing_key;
mod withdrawn;

pub use access_key::{ACCESS_KEYS_MAX, AccessKey, AccessKeyKind, NewAccessKey};
pub use account::{Account, NewAccount, Role};
pub use alias::ALIASES_MAX;
pub use cache::DirectoryQuestion;
pub(crate) use cache::RecipientCache;
pub use credentials::{Credentials, Grant};
pub use domain::Domain;
pub use password_link::{MadePasswordLink, PASSWORD_LINK_HOURS_MAX, PasswordLink};
pub use protocol::{Protocol, Protocols};
pub(crate) use quota::Usage;
pub use quota::{QuotaResource, Quotas};
pub use resolve::{AuthorsElsewhere, Authorship, Recipient, Resolution, Sending};
pub use scram::ScramVerifier;
pub use sending::{SendingLimits, SendingUse};
pub use signing_key::{SigningKey, SigningState};
pub use withdrawn::{ScriptUses, Withdrawn};

#[cfg(test)]
mod tests;
