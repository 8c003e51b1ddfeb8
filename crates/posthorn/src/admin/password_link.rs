//! Links by which owners of accounts set their passwords (R-ADDR-8).

use std::sync::PoisonError;

use delivery::PasswordInvitation;
use storage::{Address, WriteTx};
use zeroize::Zeroizing;

use super::access_key::instant;
use super::account::{load, parse};
use super::text::refusal;
use super::{Admin, Password, PasswordLinkRow, Refusal, Response};

/// The path of the page that a link leads to; the secret follows it.
pub(crate) const PASSWORD_PATH: &str = "/password/";

/// How links for setting passwords are built, and whether they can be mailed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LinkTerms {
    /// What they begin with, as people elsewhere reach this server; absent where they do not.
    pub(crate) base: Option<String>,
    /// Whether mail leaves this server.
    pub(crate) sends: bool,
}

impl Admin {
    /// Makes a link that is good for `valid_hours`. It is in the answer, or in a letter to
    /// `send_to`, and nowhere else.
    pub(super) async fn make_password_link(
        &self,
        address: &str,
        send_to: Option<&str>,
        valid_hours: u32,
    ) -> Result<Response, Refusal> {
        let (wanted, send_to) = (parse(address)?, send_to.map(parse).transpose()?);
        let page = self.password_page(send_to.is_some())?;
        let mut random = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *random)
            .map_err(|_| Refusal("the system has no randomness".to_owned()))?;
        let sent_to = send_to.clone();
        let made = self.write("account reset-link", move |tx| {
            let account = load(tx, &wanted)?;
            let made =
                tx.account(account)?.make_password_link(&random, valid_hours, send_to.as_ref())?;
            let link = format!("{page}{}", made.secret);
            if let Some(to) = &send_to {
                let shown = tx.load_account(account)?.display_address;
                let (account, address) = (shown.as_str(), to.to_string());
                let (address, expires) = (address.as_str(), made.expires);
                let invitation = PasswordInvitation { account, address, link: &link, expires };
                post(tx, &wanted, invitation)?;
            }
            Ok((link, made.expires))
        });
        let (link, expires) = made.await.map_err(|error| refusal(address, error))?;
        Ok(Response::PasswordLink(PasswordLinkRow {
            link: sent_to.is_none().then(|| Password::new(&link)),
            sent_to: sent_to.map(|to| to.to_string()),
            expires: instant(expires),
        }))
    }

    /// The URL of the page, to which the secret is appended.
    fn password_page(&self, is_sent: bool) -> Result<String, Refusal> {
        let terms = self.link_terms.read().unwrap_or_else(PoisonError::into_inner);
        let base = terms.base.as_ref().ok_or_else(|| {
            Refusal(
                "no link can be opened here: a password is set over https only (a listener of that \
                 protocol, or a web_url that begins so)"
                    .to_owned(),
            )
        })?;
        match is_sent && !terms.sends {
            true => Err(Refusal(
                "no letter leaves this server (queue.enabled is false); make the link without \
                 --send-to"
                    .to_owned(),
            )),
            false => Ok(format!("{base}{PASSWORD_PATH}")),
        }
    }
}

/// Puts the letter into the spool.
fn post(
    tx: &mut WriteTx<'_>,
    account: &Address,
    invitation: PasswordInvitation<'_>,
) -> storage::Result<()> {
    let letter = delivery::password_letter(account.domain(), invitation, tx.now());
    tx.spool(letter.entry, &letter.message).map(drop)
}
