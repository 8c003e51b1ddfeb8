//! STARTTLS and AUTH of a session: the handshake, the dialog with the authenticator, and what the
//! session may do after it.

use auth::Turn;
use net::ConnectionError;
use sasl::Name;

use super::{Visit, desk};
use crate::error::Refusal;
use crate::settings::Role;

impl Visit<'_> {
    pub(super) async fn start_tls(&mut self) -> Result<(), ConnectionError> {
        self.send_replies();
        self.connection.start_tls().await?;
        self.session.tls_started();
        self.offer();
        self.user = None;
        Ok(())
    }

    /// Tells the session what can be used to sign in.
    pub(super) fn offer(&mut self) {
        let settings = self.session.settings();
        if settings.role == Role::Submission {
            let link = self.server.desk.link(&self.connection, settings.plaintext_auth);
            let offered = link.offered(&settings.mechanisms);
            self.session.offer(offered);
        }
    }

    pub(super) async fn sign_in(&mut self, mechanism: Name, initial: Option<&[u8]>) {
        let desk = &self.server.desk;
        let settings = self.session.settings();
        let link = desk.link(&self.connection, settings.plaintext_auth);
        match desk.begin(link, &settings.mechanisms, mechanism) {
            Ok(dialog) => {
                self.dialog = Some(dialog);
                self.mechanism = Some(mechanism);
                self.advance(initial).await;
            }
            Err(refusal) => self.refuse(&refusal.into()),
        }
    }

    pub(super) async fn advance(&mut self, response: Option<&[u8]>) {
        let Some(mut dialog) = self.dialog.take() else {
            return self.refuse(&Refusal::AuthMalformed.into());
        };
        match self.server.desk.advance(&mut dialog, response).await {
            Turn::Challenge(challenge) => {
                self.dialog = Some(dialog);
                self.session.challenge(&challenge, &mut self.out);
            }
            Turn::SignedIn(user) => {
                self.user = Some(user);
                self.session.signed_in(&mut self.out);
            }
            Turn::Refused(error) => self.refuse(&desk::refusal(error).into()),
            Turn::Failed(failure) => {
                self.session.break_off(failure, &mut self.out);
            }
        }
    }
}
