//! Everything on one machine with nothing else installed: a directory with a configuration, a
//! self-signed certificate, a domain and accounts, served on loopback.
//!
//! Run again on the same directory it goes on with what is there. Only what was asked for
//! explicitly changes: other ports, a further domain, further accounts or their passwords.

mod configuration;
mod settings_text;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use config::Config;

use self::configuration::Plan;
use crate::admin::{Admin, NewAccount, Password, Policy, Request, Response, Role};
use crate::cli::{Failure, Output};
use crate::daemon::{self, OpenError};

/// The domain of a new directory, unless another is asked for.
const DOMAIN: &str = "example.test";

/// What quickstart was asked for.
pub(crate) struct Wish {
    pub(crate) directory: PathBuf,
    pub(crate) port_base: Option<u16>,
    pub(crate) domain: Option<String>,
    pub(crate) accounts: Vec<(String, Password)>,
}

/// An account as the printed text shows it.
struct Shown {
    address: String,
    /// Only one that was made up here; the others are known to whoever chose them.
    password: Option<Password>,
}

/// Makes what is missing, prints the settings and serves.
pub(crate) fn run(wish: Wish, output: &mut Output) -> Result<(), Failure> {
    let directory = make_directory(&wish.directory)?;
    let path = directory.join("posthorn.toml");
    let plan = Plan::make(&path, wish.port_base, wish.domain.as_deref().unwrap_or(DOMAIN))?;
    let shown = prepare(&plan.config, wish)?;
    // What is refused until here, such as a directory that a daemon owns, has changed no file.
    plan.write(&path)?;
    let config = plan.config;
    let certificate = daemon::tls_files(&config)?.0;
    daemon::run(config.clone(), &path, output, |output| {
        let text = settings_text::render(&config, &directory, &certificate, &shown);
        output.line(text.trim_end())
    })
}

fn make_directory(directory: &Path) -> Result<PathBuf, Failure> {
    let named = |error| Failure::new(format!("{}: {error}", directory.display()));
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(named)?;
    directory.canonicalize().map_err(named)
}

/// Makes the domains and accounts that are missing; answers the accounts to show.
fn prepare(config: &Config, wish: Wish) -> Result<Vec<Shown>, Failure> {
    let mut admin = daemon::open_admin(config).map_err(|error| match error {
        OpenError::InUse => daemon::in_use(&config.data_dir),
        OpenError::Failed(failure) => failure,
    })?;
    admin.policy = Policy::TryingOut;
    let store = admin.store.clone();
    let shown = daemon::block_on(async move { Preparation { admin }.run(wish).await });
    store.close();
    shown?
}

struct Preparation {
    admin: Admin,
}

impl Preparation {
    async fn run(&self, wish: Wish) -> Result<Vec<Shown>, Failure> {
        let mut domains = self.domains().await?;
        let wanted = match wish.domain {
            Some(domain) => Some(domain),
            None if domains.is_empty() => Some(DOMAIN.to_owned()),
            None => None,
        };
        let of_accounts = wish.accounts.iter().filter_map(|(address, _)| domain_of(address));
        for domain in wanted.clone().into_iter().chain(of_accounts.map(str::to_owned)) {
            let domain = domain.to_ascii_lowercase();
            if !domains.contains(&domain) {
                self.execute(Request::DomainAdd { name: domain.clone() }).await?;
                domains.push(domain);
            }
        }
        let mut shown = self.accounts().await?;
        for (address, password) in wish.accounts {
            self.make_account(&mut shown, address, password).await?;
        }
        if shown.is_empty() {
            let domain = wanted.as_ref().or(domains.first()).map_or(DOMAIN, String::as_str);
            let password = invent_password()?;
            self.make_account(&mut shown, format!("user@{domain}"), password.clone()).await?;
            if let Some(account) = shown.first_mut() {
                account.password = Some(password);
            }
        }
        Ok(shown)
    }

    /// An account that is there already gets the password, so that the same command line
    /// always leads to the same sign-in.
    async fn make_account(
        &self,
        shown: &mut Vec<Shown>,
        address: String,
        password: Password,
    ) -> Result<(), Failure> {
        if shown.iter().any(|account| account.address.eq_ignore_ascii_case(&address)) {
            if !self.admin.has_password(&address, &password).await {
                self.execute(Request::AccountPassword { address, password }).await?;
            }
            return Ok(());
        }
        // The first account of a new server is the one that may do everything.
        let role = if shown.is_empty() { Role::Owner } else { Role::Collaborator };
        shown.push(Shown { address: address.clone(), password: None });
        let account = NewAccount {
            address,
            password,
            name: String::new(),
            quota_bytes: None,
            role,
            mail_only: false,
            shared: false,
        };
        self.execute(Request::AccountAdd(account)).await.map(|_| ())
    }

    async fn domains(&self) -> Result<Vec<String>, Failure> {
        match self.execute(Request::DomainList).await? {
            Response::Domains(rows) => Ok(rows.into_iter().map(|row| row.name).collect()),
            _ => Err(Failure::unexpected()),
        }
    }

    async fn accounts(&self) -> Result<Vec<Shown>, Failure> {
        match self.execute(Request::AccountList { domain: None }).await? {
            Response::Accounts(rows) => Ok(rows
                .into_iter()
                .map(|row| Shown { address: row.address, password: None })
                .collect()),
            _ => Err(Failure::unexpected()),
        }
    }

    async fn execute(&self, request: Request) -> Result<Response, Failure> {
        self.admin.execute(request).await.map_err(|refusal| Failure::new(refusal.0))
    }
}

fn domain_of(address: &str) -> Option<&str> {
    address.rsplit_once('@').map(|(_, domain)| domain)
}

/// Sixteen letters and digits that cannot be mistaken for one another, in groups of four:
/// 79 bits.
fn invent_password() -> Result<Password, Failure> {
    const ALPHABET: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
    let mut password = String::new();
    let mut letters = 0;
    while letters < 16 {
        let mut byte = [0];
        getrandom::fill(&mut byte)
            .map_err(|error| Failure::new(format!("no random numbers: {error}")))?;
        // A byte past the last whole multiple of the alphabet would favour its first letters.
        let Some(letter) = usable(byte[0], ALPHABET) else { continue };
        if letters > 0 && letters % 4 == 0 {
            password.push('-');
        }
        password.push(char::from(letter));
        letters += 1;
    }
    Ok(Password::new(&password))
}

fn usable(byte: u8, alphabet: &[u8]) -> Option<u8> {
    let multiple = 256 / alphabet.len() * alphabet.len();
    let index = usize::from(byte);
    if index < multiple { alphabet.get(index % alphabet.len()).copied() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invented_passwords_have_their_form() {
        let first = invent_password().unwrap();
        assert_eq!(first.expose().len(), 19);
        assert_eq!(first.expose().split('-').map(str::len).collect::<Vec<_>>(), [4, 4, 4, 4]);
        assert_ne!(first, invent_password().unwrap());
    }

    #[test]
    fn letters_are_equally_likely() {
        let alphabet = b"abc";
        let counts =
            (0..=255).filter_map(|byte| usable(byte, alphabet)).fold([0; 3], |mut n, b| {
                n[usize::from(b - b'a')] += 1;
                n
            });
        assert_eq!(counts, [85; 3]);
    }
}
