//! Domains and domain aliases: made, changed, listed, removed.

use std::collections::HashMap;

use storage::{Account, Domain, StorageError};

use super::account::{load, parse};
use super::text::refusal;
use super::{Admin, DomainAliasRow, DomainRow, Refusal, Response};

impl Admin {
    pub(super) async fn add_domain(&self, name: &str) -> Result<Response, Refusal> {
        let wanted = name.to_owned();
        self.perform("domain add", name, move |tx| tx.create_domain(&wanted).map(|_| ())).await
    }

    pub(super) async fn remove_domain(&self, name: &str) -> Result<Response, Refusal> {
        let wanted = name.to_owned();
        self.perform("domain remove", name, move |tx| tx.remove_domain(&wanted)).await
    }

    /// Makes a domain part of the organisation of another one.
    pub(super) async fn join_organisation(
        &self,
        name: &str,
        of: &str,
    ) -> Result<Response, Refusal> {
        let (wanted, other) = (name.to_owned(), of.to_owned());
        self.perform("domain join", &format!("{name} with {of}"), move |tx| {
            tx.join_organisation(&wanted, &other)
        })
        .await
    }

    /// R-ADDR-13: for the whole organisation of the domain.
    pub(super) async fn set_external_mark(
        &self,
        name: &str,
        on: bool,
    ) -> Result<Response, Refusal> {
        let wanted = name.to_owned();
        self.perform("domain external-mark", name, move |tx| tx.set_external_mark(&wanted, on))
            .await
    }

    /// R-ADDR-12: for every account of the domain.
    pub(super) async fn set_domain_maintenance(
        &self,
        name: &str,
        maintenance: bool,
    ) -> Result<Response, Refusal> {
        let wanted = name.to_owned();
        self.perform("domain maintenance", name, move |tx| {
            tx.set_domain_maintenance(&wanted, maintenance)
        })
        .await
    }

    /// R-ADDR-6: who gets mail to unknown addresses of the domain.
    pub(super) async fn set_catch_all(
        &self,
        name: &str,
        account: Option<&str>,
    ) -> Result<Response, Refusal> {
        let (wanted, found) = (name.to_owned(), account.map(parse).transpose()?);
        let subject = account.map_or_else(|| name.to_owned(), |one| format!("{one} for {name}"));
        self.perform("domain catch-all", &subject, move |tx| {
            let account = found.map(|account| load(tx, &account)).transpose()?;
            tx.set_catch_all(&wanted, account)
        })
        .await
    }

    pub(super) async fn list_domains(&self) -> Result<Response, Refusal> {
        let (domains, accounts) = self
            .read(|tx| Ok((tx.list_domains()?, tx.list_accounts()?)))
            .await
            .map_err(|error| refusal("domains", error))?;
        Ok(Response::Domains(rows(&domains, &accounts)))
    }

    pub(super) async fn show_domain(&self, name: &str) -> Result<Response, Refusal> {
        let wanted = name.to_owned();
        let (found, domains, accounts) = self
            .read(move |tx| Ok((tx.find_domain(&wanted)?, tx.list_domains()?, tx.list_accounts()?)))
            .await
            .map_err(|error| refusal(name, error))?;
        let Some(found) = found else {
            return Err(refusal(name, StorageError::NotFound("domain")));
        };
        let real = found.alias_of.unwrap_or(found.name);
        let mut rows = rows(&domains, &accounts);
        rows.retain(|row| row.name == real);
        Ok(Response::Domains(rows))
    }

    /// Takes the two names in either order: the one that is there is the domain, the other one
    /// cannot be, for it is to be made.
    pub(super) async fn add_domain_alias(
        &self,
        domain: &str,
        alias: &str,
    ) -> Result<Response, Refusal> {
        let (target, wanted) = (domain.to_owned(), alias.to_owned());
        self.perform("domain alias add", &format!("{alias} for {domain}"), move |tx| {
            let swapped = tx.find_domain(&target)?.is_none() && tx.find_domain(&wanted)?.is_some();
            let (alias, target) = if swapped { (&target, &wanted) } else { (&wanted, &target) };
            tx.create_domain_alias(alias, target).map(|_| ())
        })
        .await
    }

    pub(super) async fn list_domain_aliases(
        &self,
        domain: Option<&str>,
    ) -> Result<Response, Refusal> {
        let domains = self
            .read(|tx| tx.list_domains())
            .await
            .map_err(|error| refusal("domain aliases", error))?;
        if let Some(name) = domain
            && !domains.iter().any(|row| row.name.eq_ignore_ascii_case(name))
        {
            return Err(refusal(name, StorageError::NotFound("domain")));
        }
        let aliases = domains
            .into_iter()
            .filter_map(|row| Some(DomainAliasRow { alias: row.name, domain: row.alias_of? }))
            .filter(|row| domain.is_none_or(|name| row.domain.eq_ignore_ascii_case(name)));
        Ok(Response::DomainAliases(aliases.collect()))
    }

    /// Takes the alias, and its domain before or after it to make sure.
    pub(super) async fn remove_domain_alias(&self, names: &[String]) -> Result<Response, Refusal> {
        let wanted = names.to_vec();
        self.perform("domain alias remove", &names.join(" "), move |tx| {
            let mut found = None;
            for name in &wanted {
                let domain = tx.find_domain(name)?;
                found = found.or(domain.filter(|domain| domain.alias_of.is_some()));
            }
            let found = found.ok_or(StorageError::NotFound("domain alias"))?;
            let is_meant = |name: &String| {
                let is = |other: &str| name.eq_ignore_ascii_case(other);
                is(&found.name) || found.alias_of.as_deref().is_some_and(is)
            };
            if !wanted.iter().all(is_meant) {
                return Err(StorageError::NotFound("domain alias"));
            }
            tx.remove_domain_alias(&found.name)
        })
        .await
    }
}

/// The domains that are no aliases, each with its aliases and its number of accounts.
fn rows(domains: &[Domain], accounts: &[Account]) -> Vec<DomainRow> {
    let mut counts = HashMap::new();
    for account in accounts {
        *counts.entry(account.domain).or_insert(0) += 1;
    }
    let real = domains.iter().filter(|domain| domain.alias_of.is_none());
    real.map(|domain| DomainRow {
        name: domain.name.clone(),
        accounts: counts.get(&domain.id).copied().unwrap_or(0),
        aliases: domains
            .iter()
            .filter(|alias| alias.alias_of.as_ref() == Some(&domain.name))
            .map(|alias| alias.name.clone())
            .collect(),
        maintenance: domain.maintenance,
        external_mark: domain.external_mark,
        catch_all: domain.catch_all.and_then(|id| {
            let account = accounts.iter().find(|account| account.id == id);
            account.map(|account| account.address.clone())
        }),
        organisation: domains
            .iter()
            .find(|leader| leader.id == domain.organisation)
            .map_or_else(String::new, |leader| leader.name.clone()),
    })
    .collect()
}
