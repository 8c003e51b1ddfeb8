//! Arguments of GETQUOTA, GETQUOTAROOT and SETQUOTA (RFC 9208 §4.1).

use super::mailbox::mailbox;
use super::{Cursor, Parsed};
use crate::types::{Command, QuotaArgs, QuotaResource};

/// `getquota = "GETQUOTA" SP quota-root-name`, `quota-root-name = astring` (RFC 9208 §7).
pub(crate) fn quota(c: &mut Cursor<'_>) -> Parsed<Command> {
    c.sp()?;
    c.astring_text().map(QuotaArgs::Get).map(Command::Quota)
}

/// `getquotaroot = "GETQUOTAROOT" SP mailbox` (RFC 9208 §7).
pub(crate) fn quota_root(c: &mut Cursor<'_>) -> Parsed<Command> {
    c.sp()?;
    mailbox(c).map(QuotaArgs::GetRoot).map(Command::Quota)
}

/// `setquota = "SETQUOTA" SP quota-root-name SP "(" [setquota-resource *(SP setquota-resource)]
/// ")"`, `setquota-resource = resource-name SP resource-limit` (RFC 9208 §7).
pub(crate) fn set_quota(c: &mut Cursor<'_>) -> Parsed<Command> {
    c.sp()?;
    let root = c.astring_text()?;
    c.sp()?;
    let mut limits = Vec::new();
    let max = c.limits.items_max;
    c.list(max, "too many quota resources", |c| {
        let resource = QuotaResource::by_name(c.atom()?);
        c.sp()?;
        limits.push((resource, c.number64()?));
        Ok(())
    })?;
    Ok(Command::Quota(QuotaArgs::Set { root, limits }))
}
