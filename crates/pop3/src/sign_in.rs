//! The AUTHORIZATION state: USER and PASS (RFC 1939 §7), AUTH (RFC 5034), STLS (RFC 2595 §4).

use auth::{Protocol, SessionWatch, SignedIn, Turn};
use sasl::wire::{self, RESPONSE_BYTES_MAX};
use sasl::{Credentials, Password};

use crate::capabilities;
use crate::error::{CommandError, Farewell, Result};
use crate::maildrop::Maildrop;
use crate::reply::counted;
use crate::server::{Reply, Session, State};

impl Session {
    /// Says nothing of whether there is such an account (RFC 3206 §5).
    pub(crate) fn user(&mut self, name: String) -> Result<Reply> {
        self.require_privacy()?;
        if !capabilities::may_say_password(&self.shared.settings, &self.connection) {
            return Err(CommandError::Refused("USER is switched off"));
        }
        self.state = State::Authorization { user: Some(name) };
        Ok(Reply::text("Send the password"))
    }

    /// Only right after USER (RFC 1939 §7).
    pub(crate) async fn pass(&mut self, user: Option<String>, password: Password) -> Result<Reply> {
        self.require_privacy()?;
        let authcid = user.ok_or(CommandError::Refused("Say USER first"))?;
        let credentials = Credentials { authzid: None, authcid, password };
        let peer = self.connection.peer().ip();
        let authenticator = &self.shared.authenticator;
        let signed_in = authenticator.sign_in(&credentials, Protocol::Pop3, peer).await?;
        self.enter(signed_in).await
    }

    /// The mechanisms, one a line: what AUTH alone meant before there was CAPA.
    pub(crate) fn list_mechanisms(&mut self) -> Result<Reply> {
        self.require_privacy()?;
        let mut out = b"+OK\r\n".to_vec();
        for mechanism in capabilities::mechanisms(&self.shared, &self.connection) {
            out.extend_from_slice(mechanism.as_str().as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
        self.connection.push(&out);
        Ok(Reply::Sent)
    }

    /// A SASL exchange (RFC 5034 §4).
    pub(crate) async fn auth(&mut self, mechanism: &str, initial: Option<&str>) -> Result<Reply> {
        self.require_privacy()?;
        let shared = self.shared.clone();
        let link = capabilities::link(&shared, &self.connection);
        let begun =
            shared.authenticator.begin(link, &shared.settings.mechanisms, mechanism.as_bytes())?;
        let mut dialog = begun.ok_or(CommandError::Refused("Unknown authentication mechanism"))?;
        let initial = initial.map(|text| wire::decode_initial(text.as_bytes())).transpose();
        let mut response = initial.map_err(CommandError::Sasl)?;
        loop {
            let taken = response.take();
            let taken = taken.as_ref().map(|bytes| bytes.as_slice());
            match dialog.advance(&shared.authenticator, taken).await {
                Turn::Challenge(challenge) => {
                    // RFC 5034 §4: the space stands there even where the challenge is empty.
                    let challenge = wire::encode(&challenge);
                    self.connection.push(format!("+ {challenge}\r\n").as_bytes());
                    let mut line = Vec::new();
                    self.read_line(&mut line, RESPONSE_BYTES_MAX).await?;
                    response = Some(wire::decode_line(&line).map_err(CommandError::Sasl)?);
                }
                Turn::SignedIn(signed_in) => return self.enter(signed_in).await,
                Turn::Refused(error) => return Err(error.into()),
                Turn::Failed(failure) => return Err(CommandError::Sasl(failure)),
            }
        }
    }

    /// Enters the TRANSACTION state.
    async fn enter(&mut self, signed_in: SignedIn) -> Result<Reply> {
        let authenticator = &self.shared.authenticator;
        let account = signed_in.account;
        let watch = SessionWatch::begin(&self.shared.store, authenticator, signed_in).await?;
        let maildrop = Maildrop::open(&self.shared.store, account).await?;
        let messages = counted(maildrop.count().into(), "message");
        self.ending.watch(watch);
        self.connection.set_read_timeout(self.shared.settings.idle_timeout);
        self.state = State::Transaction(Box::new(maildrop));
        Ok(Reply::text(format!("Signed in, maildrop has {messages}")))
    }

    /// TLS from here on. A name and UTF8 that came before count for nothing: anybody on the way
    /// may have said them. What is counted of a stranger is counted on.
    pub(crate) async fn stls(&mut self) -> Result<Reply> {
        if !self.connection.can_start_tls() {
            let active = self.connection.is_tls();
            let text = if active { "TLS is active already" } else { "TLS is not offered" };
            return Err(CommandError::Refused(text));
        }
        if !self.connection.look_ahead().is_empty() {
            return Err(CommandError::Ended(Farewell::Injected));
        }
        self.connection.push(b"+OK Begin TLS negotiation\r\n");
        self.connection.start_tls().await?;
        self.state = State::Authorization { user: None };
        // RFC 6856 §2.1: no client says UTF8 before STLS.
        self.utf8 = false;
        Ok(Reply::Sent)
    }

    /// RFC 5034 §4: no password without TLS.
    fn require_privacy(&self) -> Result<()> {
        if capabilities::may_sign_in(&self.shared.settings, &self.connection) {
            return Ok(());
        }
        Err(CommandError::Refused("Sign-in needs TLS, say STLS first"))
    }
}
