//! The page behind a link by which the owner of an account sets its password (R-ADDR-8).
//!
//! **Invariants:** looking at it uses nothing up: programs that check mail follow every link;
//! neither the secret nor the password reaches a log; nothing goes over a line that others read,
//! unless the listener permits that for passwords.
//!
//! Nobody is slowed down for wrong secrets. Of 256 bits none is guessed; and any page somebody
//! looks at can have their browser ask for wrong ones, which would count as theirs.

mod form;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use auth::{Authenticator, NewPassword, PasswordError};
use dav::Peer;
use http_body_util::Full;
use hyper::body::{Body, Bytes};
use hyper::header::{ALLOW, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};
use ids::AccountId;
use sasl::Password;
use storage::{Address, PasswordLink, StorageError, Store};

use super::secret_page::{escaped, page};
use crate::admin::PASSWORD_PATH;
use form::{BODY_BYTES_MAX, BodyError, Form, FormFault};

/// After how many seconds a form may come again for an account that had another one then.
const RETRY_SECS: u64 = 5;

/// Sets passwords over one listener. Clones are the same.
#[derive(Clone)]
pub(super) struct PasswordPage {
    pub(super) store: Store,
    pub(super) authenticator: Arc<Authenticator>,
    /// Whether passwords may come without TLS.
    pub(super) plaintext_auth: bool,
    /// The accounts for which a password is being computed: one at a time, for who has a link could
    /// have thousands computed before the first of them used it up.
    pub(super) computing: Arc<Mutex<HashSet<AccountId>>>,
}

/// An account for which a password is being computed.
struct Computing<'p>(&'p PasswordPage, AccountId);

impl Drop for Computing<'_> {
    fn drop(&mut self) {
        self.0.computing().remove(&self.1);
    }
}

/// Why the page refuses a request.
enum Refusal {
    /// The link is none, or none any more.
    Gone,
    /// Another form for the same account is being answered.
    Busy,
    NotSecret,
    Method,
    Body(BodyError),
    /// Something of ours is wrong, which the log has.
    Failed,
}

/// What a page shows that is about an account.
enum Shown {
    /// The form, with what is wrong with what came in it.
    Form {
        address: String,
        fault: Option<String>,
    },
    Done {
        address: String,
    },
}

impl PasswordPage {
    /// Whether a request is for it.
    pub(super) fn is_for<B>(request: &Request<B>) -> bool {
        request.uri().path().starts_with(PASSWORD_PATH)
    }

    /// Answers a request for the page.
    pub(super) async fn answer<B>(&self, request: Request<B>, peer: Peer) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes> + Send,
    {
        match self.respond(request, peer).await {
            Ok(Shown::Form { address, fault }) => form_page(&address, fault.as_deref()),
            Ok(Shown::Done { address }) => done_page(&address),
            Err(refusal) => refusal_page(&refusal),
        }
    }

    async fn respond<B>(&self, request: Request<B>, peer: Peer) -> Result<Shown, Refusal>
    where
        B: Body<Data = Bytes> + Send,
    {
        let (parts, body) = request.into_parts();
        let secret = parts.uri.path().strip_prefix(PASSWORD_PATH).unwrap_or_default();
        let secret = Password::from(secret);
        if !peer.is_tls && !self.plaintext_auth {
            return Err(Refusal::NotSecret);
        }
        match parts.method {
            Method::GET | Method::HEAD => {
                let link = self.find(&secret).await?;
                Ok(Shown::Form { address: link.address, fault: None })
            }
            // It may come from any page: what a browser adds of its own accord, as it does cookies
            // and passwords of HTTP, is not looked at. Whoever has it post here knows the secret,
            // and needs no browser of anybody else for that.
            Method::POST => {
                // Read first, so that the answer finds a peer that waits for it.
                let body = form::read(&parts.headers, body).await.map_err(Refusal::Body)?;
                let link = self.find(&secret).await?;
                match Form::parse(&body) {
                    Ok(form) => self.set(secret, link, form, peer.ip).await,
                    Err(FormFault::Malformed) => Err(Refusal::Body(BodyError::Malformed)),
                    Err(FormFault::Different) => {
                        Ok(faulty(link, "You did not write the same twice.".to_owned()))
                    }
                }
            }
            _ => Err(Refusal::Method),
        }
    }

    /// The link of a secret, if it can be used now.
    async fn find(&self, secret: &Password) -> Result<PasswordLink, Refusal> {
        let (asked, now) = (secret.clone(), self.store.now());
        let found = self.store.read(move |tx| tx.find_password_link(asked.as_str(), now)).await;
        match found {
            Ok(Some(link)) => Ok(link),
            Ok(None) => Err(Refusal::Gone),
            Err(error) => Err(failed(&error)),
        }
    }

    async fn set(
        &self,
        secret: Password,
        link: PasswordLink,
        Form(password): Form,
        peer: IpAddr,
    ) -> Result<Shown, Refusal> {
        let account = Address::parse(&link.address).map_err(|error| failed(&error))?;
        if !self.computing().insert(link.account) {
            return Err(Refusal::Busy);
        }
        let _computing = Computing(self, link.account);
        let made = self.authenticator.new_password(&account, &link.address, password).await;
        let NewPassword { hash, scram } = match made {
            Ok(made) => made,
            Err(PasswordError::Unavailable) => return Err(Refusal::Failed),
            // The link stays as it is.
            Err(fault) => return Ok(faulty(link, sentence(&fault.to_string()))),
        };
        let has_verifier = scram.is_some();
        let used = self.store.write("password link", move |tx| {
            tx.use_password_link(secret.as_str(), &hash, scram.as_ref(), peer)
        });
        match used.await {
            Ok(_) => {}
            Err(StorageError::NotFound(_) | StorageError::Invalid(_)) => return Err(Refusal::Gone),
            Err(error) => return Err(failed(&error)),
        }
        if has_verifier {
            self.authenticator.kept_for_scram().await;
        }
        tracing::info!(account = %link.account, %peer, "a password was set by a link");
        Ok(Shown::Done { address: link.address })
    }

    fn computing(&self) -> MutexGuard<'_, HashSet<AccountId>> {
        self.computing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn faulty(link: PasswordLink, fault: String) -> Shown {
    Shown::Form { address: link.address, fault: Some(fault) }
}

fn failed(error: &StorageError) -> Refusal {
    tracing::error!(%error, "a password could not be set by a link");
    Refusal::Failed
}

/// With a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    first.chain(chars).chain(['.']).collect()
}

fn form_page(address: &str, fault: Option<&str>) -> Response<Full<Bytes>> {
    let status = match fault {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    let fault =
        fault.map(|text| format!("<p role=\"alert\"><strong>{}</strong></p>\n", escaped(text)));
    // The name is there for programs that keep passwords.
    let form = format!(
        "{}<form method=\"post\">\n\
         <p><label>Account <input name=\"username\" value=\"{}\" autocomplete=\"username\" \
         readonly></label></p>\n\
         <p><label>New password <input name=\"password\" type=\"password\" \
         autocomplete=\"new-password\" required autofocus></label></p>\n\
         <p><label>The same again <input name=\"again\" type=\"password\" \
         autocomplete=\"new-password\" required></label></p>\n\
         <p><button>Set the password</button></p>\n</form>\n",
        fault.unwrap_or_default(),
        escaped(address),
    );
    let text = format!("Here you set the password of {address}.");
    page(status, "Set your password", &text, &form)
}

fn done_page(address: &str) -> Response<Full<Bytes>> {
    let text = format!(
        "The password of {address} is the new one from now on. Programs that know the old one ask \
         for it."
    );
    page(StatusCode::OK, "Your password is set", &text, "")
}

fn refusal_page(refusal: &Refusal) -> Response<Full<Bytes>> {
    let again = "Please try again in a few minutes.".to_owned();
    let (status, title, text) = match refusal {
        Refusal::Gone => (
            StatusCode::NOT_FOUND,
            "This link sets no password",
            "It was used already, is too old, or a newer one was made. Whoever sent it to you can \
             make another."
                .to_owned(),
        ),
        Refusal::NotSecret => (
            StatusCode::FORBIDDEN,
            "Not over this connection",
            "A password is set over https only.".to_owned(),
        ),
        Refusal::Method => (StatusCode::METHOD_NOT_ALLOWED, "Not possible", String::new()),
        Refusal::Body(BodyError::TooLarge) => (
            StatusCode::PAYLOAD_TOO_LARGE,
            "Not possible",
            format!("A form of at most {BODY_BYTES_MAX} bytes is taken here."),
        ),
        Refusal::Body(BodyError::Malformed) => (
            StatusCode::BAD_REQUEST,
            "Not possible",
            "What came is not the form of this page.".to_owned(),
        ),
        Refusal::Body(BodyError::NoForm) => (
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Not possible",
            "A form is taken here, and nothing else.".to_owned(),
        ),
        Refusal::Body(BodyError::TooSlow) => (
            StatusCode::REQUEST_TIMEOUT,
            "Not possible",
            "The form did not come in time.".to_owned(),
        ),
        Refusal::Failed | Refusal::Busy => {
            (StatusCode::SERVICE_UNAVAILABLE, "Not possible at the moment", again)
        }
    };
    let mut answer = page(status, title, &text, "");
    match refusal {
        Refusal::Busy => {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_SECS));
        }
        Refusal::Method => {
            let allow = HeaderValue::from_static("GET, HEAD, POST");
            answer.headers_mut().insert(ALLOW, allow);
        }
        _ => {}
    }
    answer
}
