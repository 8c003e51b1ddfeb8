//! Before sign-in: what is offered (RFC 5804 §1.7), STARTTLS (RFC 5804 §2.2) and AUTHENTICATE
//! (RFC 5804 §2.1).

use auth::{Link, Protocol, SessionWatch, Turn};
use sasl::wire::{self, RESPONSE_BYTES_MAX};
use storage::ValueListName;
use tokio::time::Instant;

use crate::error::{CommandError, Farewell, Result};
use crate::parse::{Frame, SyntaxError, Word, literal_size, without_literal};
use crate::render::{Code, response, string};
use crate::server::{Reply, Session};

/// RFC 5804 §1.7: mandatory, and its value is this.
const VERSION: &str = "1.0";

impl Session {
    fn link(&self) -> Link {
        let settings = &self.shared.settings;
        let authenticator = &self.shared.authenticator;
        let plaintext_auth = settings.plaintext_auth;
        Link::new(authenticator, Protocol::ManageSieve, &self.connection, plaintext_auth)
    }

    /// The capabilities, and OK.
    pub(crate) fn push_capabilities(&mut self, text: &str) {
        let settings = &self.shared.settings;
        let language = &settings.language;
        let sieve: Vec<&str> = language.capabilities.iter().map(|one| one.name()).collect();
        let offered = self.link().offered(&settings.mechanisms);
        let mechanisms: Vec<&str> = offered.iter().map(|name| name.as_str()).collect();
        let redirects = language.limits.redirects_max.to_string();
        let implementation = format!("Posthorn {}", env!("CARGO_PKG_VERSION"));
        let mut lines: Vec<(&str, Option<String>)> = vec![
            ("IMPLEMENTATION", Some(implementation)),
            // RFC 5804 §1.7: empty where TLS comes first.
            ("SASL", Some(if self.user.is_some() { String::new() } else { mechanisms.join(" ") })),
            ("SIEVE", Some(sieve.join(" "))),
            ("NOTIFY", Some("mailto".to_owned())),
            ("MAXREDIRECTS", Some(redirects)),
            // RFC 6134 §2.8: how the names of lists begin.
            ("EXTLISTS", Some(ValueListName::SCHEMES.join(" "))),
        ];
        if self.connection.can_start_tls() {
            lines.push(("STARTTLS", None));
        }
        if let Some(user) = &self.user {
            lines.push(("OWNER", Some(user.address.to_string())));
        }
        lines.push(("UNAUTHENTICATE", None));
        lines.push(("VERSION", Some(VERSION.to_owned())));
        self.push(|out| {
            for (name, value) in lines {
                string(name.as_bytes(), out);
                if let Some(value) = value {
                    out.push(b' ');
                    string(value.as_bytes(), out);
                }
                out.extend_from_slice(b"\r\n");
            }
            response("OK", None, text, out);
        });
    }

    /// TLS from here on, and the capabilities anew. What was said before counts for nothing.
    pub(crate) async fn start_tls(&mut self) -> Result<Reply> {
        if !self.connection.can_start_tls() {
            let active = self.connection.is_tls();
            let text = if active { "TLS is active already" } else { "TLS is not offered" };
            return Err(CommandError::Refused(None, text));
        }
        if !self.connection.look_ahead().is_empty() {
            return Err(CommandError::Ended(Farewell::Injected));
        }
        self.push(|out| response("OK", None, "Begin TLS negotiation", out));
        self.connection.start_tls().await?;
        self.push_capabilities("TLS is active");
        Ok(Reply::Sent)
    }

    /// A SASL exchange.
    pub(crate) async fn authenticate(
        &mut self,
        mechanism: &str,
        initial: Option<Vec<u8>>,
    ) -> Result<Reply> {
        let settings = &self.shared.settings;
        if !self.connection.is_tls() && !settings.plaintext_auth {
            let text = "Sign-in needs TLS, say STARTTLS first";
            return Err(CommandError::Refused(Some(Code::EncryptNeeded), text));
        }
        let shared = self.shared.clone();
        let link = self.link();
        let mechanisms = &shared.settings.mechanisms;
        let begun = shared.authenticator.begin(link, mechanisms, mechanism.as_bytes())?;
        let unknown = CommandError::Refused(None, "Unknown authentication mechanism");
        let mut dialog = begun.ok_or(unknown)?;
        let initial = initial.map(|text| wire::decode_line(&text)).transpose();
        let mut given = initial.map_err(CommandError::Sasl)?;
        loop {
            let taken = given.take();
            let taken = taken.as_ref().map(|bytes| bytes.as_slice());
            match dialog.advance(&shared.authenticator, taken).await {
                Turn::Challenge(challenge) => {
                    let challenge = wire::encode(&challenge);
                    self.push(|out| {
                        string(challenge.as_bytes(), out);
                        out.extend_from_slice(b"\r\n");
                    });
                    let text = self.read_string().await?;
                    given = Some(wire::decode_line(&text).map_err(CommandError::Sasl)?);
                }
                Turn::SignedIn(user) => {
                    let authenticator = &shared.authenticator;
                    let watch =
                        SessionWatch::begin(&shared.store, authenticator, user.clone()).await?;
                    self.ending.watch(watch);
                    self.connection.set_read_timeout(shared.settings.idle_timeout);
                    self.user = Some(user);
                    return Ok(Reply::text("Signed in"));
                }
                Turn::Refused(error) => return Err(error.into()),
                Turn::Failed(failure) => return Err(CommandError::Sasl(failure)),
            }
        }
    }

    /// A response of an exchange: one string.
    async fn read_string(&mut self) -> Result<Vec<u8>> {
        let mut frame = Frame::default();
        let mut line = Vec::new();
        self.read_line(&mut line, RESPONSE_BYTES_MAX).await?;
        if let Some(size_bytes) = literal_size(&line) {
            frame.line(without_literal(&line));
            if let Some(bytes) = self.read_literal(size_bytes, RESPONSE_BYTES_MAX as u64).await? {
                frame.literal(bytes);
            }
            line.clear();
            self.read_line(&mut line, RESPONSE_BYTES_MAX).await?;
        }
        frame.line(&line);
        let words = frame.finish()?;
        match <[Word; 1]>::try_from(words) {
            Ok([Word::Text(text)]) => Ok(text),
            _ => Err(SyntaxError::Unreadable.into()),
        }
    }

    /// RFC 5804 §2.14: as before sign-in, TLS aside.
    pub(crate) fn unauthenticate(&mut self) -> Reply {
        let timeout = self.shared.settings.login_timeout;
        self.user = None;
        self.ending.forget(Instant::now() + timeout);
        self.connection.set_read_timeout(timeout);
        Reply::text("Nobody is signed in")
    }
}
