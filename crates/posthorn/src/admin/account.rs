//! Accounts with their passwords and aliases: made, changed, listed, removed.

use std::net::{IpAddr, Ipv4Addr};

use auth::AuthError;
use ids::AccountId;
use storage::{Account, AccountTx, Address, ReadTx, Resolution, StorageError, Withdrawn};

use super::text::refusal;
use super::{
    AccountChange, AccountRow, Admin, NewAccount, Password, Policy, Refusal, Response, Role,
};

impl Admin {
    pub(super) async fn add_account(&self, new: NewAccount) -> Result<Response, Refusal> {
        let address = parse(&new.address)?;
        let auth::NewPassword { hash, scram } = match new.shared {
            // Nobody's: nobody signs in to it.
            true => auth::NewPassword { hash: String::new(), scram: None },
            false => self.hash(&address, &new.address, &new.password).await?,
        };
        let account = storage::NewAccount {
            address,
            name: new.name,
            role: stored_role(new.role),
            password_hash: hash,
            // Storage spells "no limit" as zero.
            quota_bytes: new.quota_bytes.unwrap_or(0),
            mail_only: new.mail_only,
        };
        let shared = new.shared;
        let has_verifier = scram.is_some();
        let added = self.perform("account add", &new.address, move |tx| {
            let account = tx.create_account(account)?;
            tx.account(account)?.set_shared(shared)?;
            match &scram {
                Some(verifier) => tx.account(account)?.put_scram_verifier(None, verifier),
                None => Ok(()),
            }
        });
        let added = added.await?;
        if has_verifier {
            self.authenticator.kept_for_scram().await;
        }
        Ok(added)
    }

    pub(super) async fn list_accounts(&self, domain: Option<&str>) -> Result<Response, Refusal> {
        let wanted = domain.map(str::to_owned);
        let rows = self
            .read(move |tx| {
                let mut accounts = tx.list_accounts()?;
                if let Some(name) = wanted {
                    let domain = tx.find_domain(&name)?.ok_or(StorageError::NotFound("domain"))?;
                    accounts.retain(|account| account.domain == domain.id);
                }
                let domains = tx.list_domains()?.into_iter();
                let closed: Vec<_> =
                    domains.filter(|domain| domain.maintenance).map(|domain| domain.id).collect();
                let rows = accounts.into_iter().map(|account| {
                    let domain_maintenance =
                        !account.maintenance && closed.contains(&account.domain);
                    AccountRow { domain_maintenance, ..row(account) }
                });
                Ok(rows.collect())
            })
            .await
            .map_err(|error| refusal(domain.unwrap_or("accounts"), error))?;
        Ok(Response::Accounts(rows))
    }

    pub(super) async fn show_account(&self, address: &str) -> Result<Response, Refusal> {
        let wanted = parse(address)?;
        let shown = self.read(move |tx| {
            let account = find(tx, &wanted)?;
            let aliases = Some(tx.list_aliases(account.id)?);
            let time_zone = Some(tx.time_zone(account.id)?);
            let domain_maintenance = tx.is_in_maintenance(account.id)? && !account.maintenance;
            Ok(AccountRow { aliases, time_zone, domain_maintenance, ..row(account) })
        });
        Ok(Response::Account(shown.await.map_err(|error| refusal(address, error))?))
    }

    /// Changes what an account was given when it was made.
    pub(super) async fn edit_account(
        &self,
        address: &str,
        change: AccountChange,
    ) -> Result<Response, Refusal> {
        let AccountChange { name, quota_bytes, role, plus_to_mailbox } = change;
        self.change(address, "account edit", move |tx| {
            name.map_or(Ok(()), |name| tx.set_name(&name))?;
            quota_bytes.map_or(Ok(()), |bytes| tx.set_quota(bytes))?;
            role.map_or(Ok(()), |role| tx.set_role(stored_role(role)))?;
            plus_to_mailbox.map_or(Ok(()), |on| tx.set_plus_to_mailbox(on))
        })
        .await
    }

    pub(super) async fn remove_account(&self, address: &str) -> Result<Response, Refusal> {
        let wanted = parse(address)?;
        self.perform("account remove", address, move |tx| {
            let account = load(tx, &wanted)?;
            tx.remove_account(account)
        })
        .await
    }

    pub(super) async fn set_password(
        &self,
        address: &str,
        password: Password,
    ) -> Result<Response, Refusal> {
        let auth::NewPassword { hash, scram } =
            self.hash(&parse(address)?, address, &password).await?;
        let has_verifier = scram.is_some();
        let changed = self.change(address, "account passwd", move |tx| {
            tx.set_password_hash(&hash)?;
            match &scram {
                Some(verifier) => tx.put_scram_verifier(None, verifier),
                None => Ok(()),
            }
        });
        let changed = changed.await?;
        if has_verifier {
            self.authenticator.kept_for_scram().await;
        }
        Ok(changed)
    }

    pub(super) async fn set_blocked(
        &self,
        address: &str,
        blocked: bool,
    ) -> Result<Response, Refusal> {
        self.change(address, "account block", move |tx| tx.set_blocked(blocked)).await
    }

    pub(super) async fn set_maintenance(
        &self,
        address: &str,
        maintenance: bool,
    ) -> Result<Response, Refusal> {
        let verb = "account maintenance";
        self.change(address, verb, move |tx| tx.set_maintenance(maintenance)).await
    }

    /// R-ADDR-7: withdraws these rights, and gives back all others.
    pub(super) async fn withdraw(
        &self,
        address: &str,
        rights: Option<String>,
    ) -> Result<Response, Refusal> {
        let withdrawn = match rights {
            None => Withdrawn::NONE,
            Some(names) => Withdrawn::parse(&names).ok_or_else(|| {
                Refusal(format!(
                    "{names}: what can be withdrawn is {}",
                    Withdrawn::NAMES.join(", ")
                ))
            })?,
        };
        self.change(address, "account withdraw", move |tx| tx.set_withdrawn(withdrawn)).await
    }

    /// Switches IMAP capabilities off, or on again; on without names: all of them.
    pub(super) async fn set_capabilities(
        &self,
        address: &str,
        names: Vec<String>,
        off: bool,
    ) -> Result<Response, Refusal> {
        if let Some(unknown) = names.iter().find(|name| !imap::is_capability(name)) {
            return Err(Refusal(format!("{unknown}: no IMAP capability of this server")));
        }
        self.change(address, "account capability", move |tx| {
            let account = tx.id();
            let mut switched_off = tx.load_account(account)?.capabilities_off;
            if off {
                switched_off.extend(names);
            } else if names.is_empty() {
                switched_off.clear();
            } else {
                let is_named = |known: &String| names.iter().any(|n| n.eq_ignore_ascii_case(known));
                switched_off.retain(|known| !is_named(known));
            }
            tx.set_capabilities_off(&switched_off)
        })
        .await
    }

    pub(super) async fn add_alias(&self, account: &str, alias: &str) -> Result<Response, Refusal> {
        let (wanted, added) = (parse(account)?, Alias::parse(alias)?);
        self.perform("alias add", &format!("{alias} for {account}"), move |tx| {
            let account = load(tx, &wanted)?;
            let added = added.of(tx, account)?;
            tx.add_alias(account, &added)
        })
        .await
    }

    pub(super) async fn list_aliases(&self, account: &str) -> Result<Response, Refusal> {
        let wanted = parse(account)?;
        let aliases = self
            .read(move |tx| {
                let account = load(tx, &wanted)?;
                tx.list_aliases(account)
            })
            .await
            .map_err(|error| refusal(account, error))?;
        Ok(Response::Names(aliases))
    }

    pub(super) async fn remove_alias(
        &self,
        account: &str,
        alias: &str,
    ) -> Result<Response, Refusal> {
        let (wanted, removed) = (parse(account)?, Alias::parse(alias)?);
        self.perform("alias remove", &format!("{alias} for {account}"), move |tx| {
            let account = load(tx, &wanted)?;
            let removed = removed.of(tx, account)?;
            tx.remove_alias(account, &removed)
        })
        .await
    }

    /// Changes one account.
    pub(super) async fn change(
        &self,
        address: &str,
        verb: &'static str,
        change: impl FnOnce(&mut AccountTx<'_, '_>) -> storage::Result<()> + Send + 'static,
    ) -> Result<Response, Refusal> {
        self.change_of(address, address, verb, change).await
    }

    /// Changes something of one account. A refusal names `subject`.
    pub(super) async fn change_of(
        &self,
        subject: &str,
        address: &str,
        verb: &'static str,
        change: impl FnOnce(&mut AccountTx<'_, '_>) -> storage::Result<()> + Send + 'static,
    ) -> Result<Response, Refusal> {
        let wanted = parse(address)?;
        self.perform(verb, subject, move |tx| {
            let account = load(tx, &wanted)?;
            change(&mut tx.account(account)?)
        })
        .await
    }

    /// Checks a password against the policy and computes what is stored of it.
    async fn hash(
        &self,
        account: &Address,
        address: &str,
        password: &Password,
    ) -> Result<auth::NewPassword, Refusal> {
        let compare_with = match self.policy {
            Policy::Strict => address,
            // The rules beside the length compare with the address.
            Policy::TryingOut => "",
        };
        let password = sasl::Password::from(password.expose());
        let made = self.authenticator.new_password(account, compare_with, password).await;
        made.map_err(|error| Refusal(error.to_string()))
    }

    /// Whether the account has this password already.
    pub(crate) async fn has_password(&self, address: &str, password: &Password) -> bool {
        let credentials = sasl::Credentials {
            authzid: None,
            authcid: address.to_owned(),
            password: sasl::Password::from(password.expose()),
        };
        let here = IpAddr::from(Ipv4Addr::LOCALHOST);
        let outcome = self.authenticator.sign_in(&credentials, auth::Protocol::Imap, here).await;
        matches!(outcome, Ok(_) | Err(AuthError::Blocked | AuthError::Maintenance))
    }
}

/// Reads an address as it was typed.
pub(super) fn parse(address: &str) -> Result<Address, Refusal> {
    Address::parse(address).map_err(|error| refusal(address, error))
}

/// The account behind a primary address.
pub(super) fn load(tx: &mut ReadTx<'_>, address: &Address) -> storage::Result<AccountId> {
    let account = tx.find_account(address)?.ok_or(StorageError::NotFound("account"))?;
    Ok(account.id)
}

/// The account behind a primary address or an alias.
fn find(tx: &mut ReadTx<'_>, address: &Address) -> storage::Result<Account> {
    if let Some(account) = tx.find_account(address)? {
        return Ok(account);
    }
    match tx.resolve(address)? {
        // Mail to an unknown local part or with a detail may lead here too, but is no alias.
        Resolution::Account(found) if tx.may_send_as(found.account, address)? => {
            tx.load_account(found.account)
        }
        _ => Err(StorageError::NotFound("account")),
    }
}

/// An alias as people name it.
enum Alias {
    Address(Address),
    /// At the domain of the account's primary address.
    Local(String),
}

impl Alias {
    fn parse(text: &str) -> Result<Self, Refusal> {
        // With any domain, it has to be an address.
        match text.contains('@') {
            true => parse(text).map(Self::Address),
            false => parse(&format!("{text}@example.test"))
                .map(|_| Self::Local(text.to_owned()))
                .map_err(|_| Refusal(format!("{text}: not an e-mail address, nor a local part"))),
        }
    }

    fn of(self, tx: &mut ReadTx<'_>, account: AccountId) -> storage::Result<Address> {
        match self {
            Self::Address(address) => Ok(address),
            Self::Local(local) => {
                let primary = Address::parse(&tx.load_account(account)?.display_address)?;
                Address::parse(&format!("{local}@{}", primary.domain()))
            }
        }
    }
}

pub(super) fn row(account: Account) -> AccountRow {
    AccountRow {
        address: account.display_address,
        name: account.name,
        role: shown_role(account.role),
        mail_only: account.mail_only,
        quota_bytes: (account.quota_bytes > 0).then_some(account.quota_bytes),
        used_bytes: account.used_bytes,
        blocked: account.blocked,
        maintenance: account.maintenance,
        domain_maintenance: false,
        shared: account.is_shared,
        capabilities_off: account.capabilities_off,
        withdrawn: account.withdrawn.names().into_iter().map(str::to_owned).collect(),
        plus_to_mailbox: account.plus_to_mailbox,
        aliases: None,
        time_zone: None,
    }
}

fn stored_role(role: Role) -> storage::Role {
    match role {
        Role::Owner => storage::Role::Owner,
        Role::Administrator => storage::Role::Administrator,
        Role::Collaborator => storage::Role::Collaborator,
        Role::External => storage::Role::External,
    }
}

fn shown_role(role: storage::Role) -> Role {
    match role {
        storage::Role::Owner => Role::Owner,
        storage::Role::Administrator => Role::Administrator,
        storage::Role::Collaborator => Role::Collaborator,
        storage::Role::External => Role::External,
    }
}
