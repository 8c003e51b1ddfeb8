//! Who there is and which addresses lead where: domains, accounts, aliases (R-ADDR).
//!
//! **Invariant:** an address leads to one account; a domain alias has no addresses of its own,
//! every address of its domain exists under it.

mod account;
mod alias;
mod credentials;
mod domain;
mod quota;
mod resolve;

pub use account::{Account, NewAccount, Role};
pub use alias::ALIASES_MAX;
pub use credentials::Credentials;
pub use domain::Domain;
pub(crate) use quota::Usage;
pub use quota::{QuotaResource, Quotas};
pub use resolve::{Recipient, Resolution};

#[cfg(test)]
mod tests;
