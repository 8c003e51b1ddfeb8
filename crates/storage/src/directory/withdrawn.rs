//! What a manager has withdrawn from an account (R-ADDR-7): rights to change what is its own.
//!
//! **Invariant:** asked in the transaction that changes, of whoever acts for the account, itself
//! and those it lets; who runs the server is bound by nothing.

use crate::sql::Value;
use crate::{AccountTx, Result, ShareRights, StorageError};

/// Rights that an account has not. Bits, which are part of the stored format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Withdrawn(u8);

impl Withdrawn {
    /// Names of all, in the order of the bits.
    pub const NAMES: [&'static str; 5] =
        ["aliases", "responder", "redirections", "filters", "password"];

    /// Nothing is withdrawn.
    pub const NONE: Self = Self(0);
    /// Changing its aliases.
    pub const ALIASES: Self = Self(1);
    /// Changing its responders.
    pub const RESPONDER: Self = Self(2);
    /// Changing its redirections.
    pub const REDIRECTIONS: Self = Self(4);
    /// Changing its scripts.
    pub const FILTERS: Self = Self(8);
    /// Changing its password.
    pub const PASSWORD: Self = Self(16);

    /// Parses names with commas between; `None` where one of them is unknown.
    pub fn parse(names: &str) -> Option<Self> {
        names.split(',').try_fold(Self::NONE, |all, name| {
            let bit = Self::NAMES.iter().position(|known| *known == name)?;
            Some(Self(all.0 | 1 << bit))
        })
    }

    /// The names of what is withdrawn.
    pub fn names(self) -> Vec<&'static str> {
        let bits = (0..Self::NAMES.len()).filter(|bit| self.0 & 1 << bit != 0);
        bits.filter_map(|bit| Self::NAMES.get(bit).copied()).collect()
    }

    /// Whether all of `other` are in it.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What has to be left of an account for somebody to use these rights on it.
    pub(crate) fn of_share(rights: ShareRights) -> Self {
        let all = [
            (ShareRights::ALIASES, Self::ALIASES),
            (ShareRights::RESPONDER, Self::RESPONDER),
            (ShareRights::FILTERS, Self::FILTERS),
        ];
        let meant = all.iter().filter(|(right, _)| rights.contains(*right));
        meant.fold(Self::NONE, |sum, (_, one)| Self(sum.0 | one.0))
    }

    pub(crate) fn from_column(column: i64) -> Self {
        Self(u8::try_from(column).unwrap_or(0))
    }
}

/// What a script does that a right of its own is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScriptUses {
    /// It answers (`vacation`).
    pub vacation: bool,
    /// It sends mail on (`redirect`).
    pub redirect: bool,
}

impl AccountTx<'_, '_> {
    /// Withdraws these rights from the account, and gives it back all others: for administrators
    /// of the organisation (R-ORG-1), and who runs the server.
    pub fn set_withdrawn(&mut self, withdrawn: Withdrawn) -> Result<()> {
        let (account, actor) = (self.account, self.actor);
        if self.is_at_word {
            let found = self.load_account(account)?;
            if !self.administers(actor, &found)? {
                return Err(StorageError::NoPermission("this is for an administrator to do"));
            }
        }
        let changed = self.sql.execute(
            "UPDATE account SET withdrawn = ?2 WHERE id = ?1 AND withdrawn <> ?2",
            &[Value::Int(account.get()), Value::Int(withdrawn.0.into())],
        )?;
        if changed == 0 {
            return Ok(());
        }
        // Scripts go by it.
        self.touch_rules()?;
        self.record_fact(None, crate::Fact::AccountUpdated)
    }

    /// Refuses a script that does what the account may not, nor who acts for it: answer, as by a
    /// responder, or send mail on, as by a redirection. What is withdrawn from an account is not
    /// done by scripts either (see [`crate::Rules::withdrawn`]), so that nobody puts one there for
    /// nothing.
    ///
    /// # Errors
    /// [`StorageError::NoPermission`], which says what.
    pub fn check_script_uses(&mut self, uses: ScriptUses) -> Result<()> {
        let withdrawn = self.withdrawn()?;
        let (may_answer, may_redirect) = match self.is_own() {
            true => (true, true),
            // R-SHARE-6: no right to redirections is given.
            false => (self.share_contains(ShareRights::RESPONDER)?, false),
        };
        if uses.vacation && (!may_answer || withdrawn.contains(Withdrawn::RESPONDER)) {
            let what = "the script uses vacation: the right to answer is withdrawn, or not given";
            return Err(StorageError::NoPermission(what));
        }
        if uses.redirect && (!may_redirect || withdrawn.contains(Withdrawn::REDIRECTIONS)) {
            let what =
                "the script uses redirect: the right to send mail on is withdrawn, or not given";
            return Err(StorageError::NoPermission(what));
        }
        Ok(())
    }

    fn share_contains(&mut self, right: ShareRights) -> Result<bool> {
        let (account, actor) = (self.account, self.actor);
        Ok(self.share_of(account, actor)?.contains(right))
    }

    /// Refuses what a manager has withdrawn (R-ADDR-7).
    pub(crate) fn require_left(&mut self, needed: Withdrawn) -> Result<()> {
        if !self.is_at_word || needed == Withdrawn::NONE {
            return Ok(());
        }
        match self.withdrawn()?.0 & needed.0 {
            0 => Ok(()),
            _ => Err(StorageError::NoPermission("an administrator has reserved this change")),
        }
    }

    fn withdrawn(&mut self) -> Result<Withdrawn> {
        let account = self.account;
        let withdrawn = self.sql.query_one(
            "SELECT withdrawn FROM account WHERE id = ?1",
            &[Value::Int(account.get())],
            |row| Ok(Withdrawn::from_column(row.int(0)?)),
        )?;
        Ok(withdrawn.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::on_both_engines;
    use crate::{Address, ResponderBody, Role, ScriptName};

    #[test]
    fn names_are_rights() {
        assert_eq!(Withdrawn::parse("aliases,password").unwrap().names(), ["aliases", "password"]);
        assert_eq!(Withdrawn::parse("aliases,mail"), None);
        let all = ShareRights::parse("aliases,filters,read").unwrap();
        assert_eq!(Withdrawn::of_share(all).names(), ["aliases", "filters"]);
    }

    #[test]
    fn scripts_do_nothing_that_is_withdrawn_or_was_not_given() {
        on_both_engines(|store| {
            let (julie, max) = (store.account("julie"), store.account("max"));
            let share = |rights: &str| {
                let rights = ShareRights::parse(rights).unwrap();
                store.write(move |tx| tx.share_account(julie, max, rights)).unwrap();
            };
            let vacation = ScriptUses { vacation: true, ..ScriptUses::default() };
            let redirect = ScriptUses { redirect: true, ..ScriptUses::default() };
            let refused = |who, uses| {
                let check = move |tx: &mut crate::WriteTx<'_>| {
                    tx.account_as(julie, who)?.check_script_uses(uses)
                };
                match store.write(check) {
                    Ok(()) => false,
                    Err(StorageError::NoPermission(_)) => true,
                    Err(other) => panic!("{other:?}"),
                }
            };
            let all = |who| [ScriptUses::default(), vacation, redirect].map(|it| refused(who, it));
            assert_eq!(all(julie), [false, false, false]);
            share("filters");
            assert_eq!(all(max), [false, true, true]);
            share("filters,responder");
            assert_eq!(all(max), [false, false, true]);
            for (withdrawn, own, others) in [
                (Withdrawn::RESPONDER, [false, true, false], [false, true, true]),
                (Withdrawn::REDIRECTIONS, [false, false, true], [false, false, true]),
            ] {
                let version = store.read(move |tx| tx.load_rules(julie)).unwrap().version;
                store.with(julie, move |tx| tx.set_withdrawn(withdrawn)).unwrap();
                let rules = store.read(move |tx| tx.load_rules(julie)).unwrap();
                // What deliveries keep of them is void.
                assert_eq!((rules.withdrawn, rules.version > version), (withdrawn, true));
                assert_eq!((all(julie), all(max)), (own, others));
                // Neither does who runs the server put one there.
                let by_server = |uses| store.with(julie, move |tx| tx.check_script_uses(uses));
                assert_eq!(by_server(vacation).is_err(), own[1]);
                assert_eq!(by_server(redirect).is_err(), own[2]);
            }
        });
    }

    #[test]
    fn what_is_withdrawn_is_for_who_runs_the_server() {
        on_both_engines(|store| {
            let (julie, max, boss) =
                (store.account("julie"), store.account("max"), store.account("boss"));
            store.with(boss, |tx| tx.set_role(Role::Administrator)).unwrap();
            let share = ShareRights::parse("aliases,responder,filters").unwrap();
            store.write(move |tx| tx.share_account(julie, max, share)).unwrap();
            type Change = fn(&mut AccountTx<'_, '_>) -> Result<()>;
            let changes: [(&str, Change); 5] = [
                ("aliases", |tx| tx.add_alias(&Address::parse("j@example.test")?)),
                ("responder", |tx| {
                    let text = "Away.".to_owned();
                    let body = ResponderBody { text, ..ResponderBody::default() };
                    tx.add_responder(&ScriptName::parse("r")?, body).map(drop)
                }),
                ("redirections", |tx| {
                    tx.add_redirection(&Address::parse("max@example.test")?, true).map(drop)
                }),
                ("filters", |tx| tx.put_script(&ScriptName::parse("s")?, b"keep;")),
                ("password", |tx| tx.set_password_hash("$argon2id$other")),
            ];
            for (name, change) in changes {
                let reserved = |result: Result<()>| match result {
                    Err(StorageError::NoPermission(text)) => text.contains("reserved"),
                    other => panic!("{name}: {other:?}"),
                };
                let withdrawn = Withdrawn::parse(name).unwrap();
                store
                    .write(move |tx| tx.account_as(julie, boss)?.set_withdrawn(withdrawn))
                    .unwrap();
                let as_whom = |who| store.write(move |tx| change(&mut tx.account_as(julie, who)?));
                assert!(reserved(as_whom(julie)), "{name}");
                if matches!(name, "aliases" | "responder" | "filters") {
                    assert!(reserved(as_whom(max)), "{name}");
                }
                let own = store
                    .write(move |tx| tx.account_as(julie, julie)?.set_withdrawn(Withdrawn::NONE));
                assert!(matches!(own, Err(StorageError::NoPermission(_))));
                // Others are left, and nothing binds who runs the server.
                store.with(julie, change).unwrap();
            }
            store.with(julie, |tx| tx.set_withdrawn(Withdrawn::NONE)).unwrap();
            let script = ScriptName::parse("s").unwrap();
            store.write(move |tx| tx.account_as(julie, julie)?.delete_script(&script)).unwrap();
        });
    }
}
