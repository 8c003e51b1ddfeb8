//! LOGIN (RFC 9051 §6.2.3), and the sign-in both LOGIN and AUTHENTICATE end in.

use auth::{AuthError, Protocol, SessionWatch, SignedIn};
use sasl::{Credentials, Password};

use super::{Ctx, Reply, ReplyCode};
use crate::capabilities;
use crate::error::{CommandError, Result, refused};
use crate::render::Code;
use crate::session::{State, User};
use crate::types::LoginArgs;

pub(super) async fn run(ctx: &mut Ctx<'_>, args: LoginArgs) -> Result<Reply> {
    require_privacy(ctx)?;
    let settings = &ctx.shared.settings;
    if !capabilities::may_log_in(settings, ctx.connection, ctx.off) {
        return Err(refused(Code::Cannot, "LOGIN is switched off"));
    }
    let by = capabilities::login_mechanisms(settings);
    let password = String::from_utf8(args.password.expose().to_vec()).map_err(|_| wrong())?;
    let password = Password::new(password);
    let credentials = Credentials { authzid: None, authcid: args.user, password };
    let peer = ctx.connection.peer().ip();
    let signed_in = ctx.shared.authenticator.sign_in(&credentials, Protocol::Imap, peer).await;
    enter(ctx, signed_in.map_err(refusal)?, &by).await
}

/// RFC 9051 §6.2.3, §11.1: no password without TLS.
pub(super) fn require_privacy(ctx: &Ctx<'_>) -> Result<()> {
    if capabilities::may_sign_in(&ctx.shared.settings, ctx.connection) {
        return Ok(());
    }
    Err(refused(Code::PrivacyRequired, "Sign-in needs TLS"))
}

fn wrong() -> CommandError {
    refused(Code::AuthenticationFailed, "Wrong address or password")
}

/// Why nobody was signed in.
pub(super) fn refusal(error: AuthError) -> CommandError {
    match error {
        AuthError::Wrong => wrong(),
        AuthError::Blocked => refused(Code::ContactAdmin, "This account is blocked"),
        AuthError::Maintenance => {
            refused(Code::Unavailable, "This account is in maintenance; mail is still received")
        }
        AuthError::Throttled { .. } => {
            refused(Code::Unavailable, "Too many failed sign-ins, try again later")
        }
        AuthError::Unavailable => refused(Code::Unavailable, "Sign-in is temporarily unavailable"),
    }
}

/// Enters the authenticated state, unless all of these mechanisms, one of which was used, are
/// switched off for the account: whose it is was not known before.
pub(super) async fn enter(
    ctx: &mut Ctx<'_>,
    signed_in: SignedIn,
    by: &[sasl::Name],
) -> Result<Reply> {
    let account = signed_in.account;
    let account = ctx.shared.store.read(move |tx| tx.load_account(account)).await?;
    ctx.off.note_account(account.capabilities_off);
    let is_off = |name: &sasl::Name| ctx.off.contains(&ctx.shared.settings, name.as_capability());
    if by.iter().all(is_off) {
        ctx.off.forget_account();
        let text = "This way of signing in is switched off for this account";
        return Err(refused(Code::AuthenticationFailed, text));
    }
    let user = User { account: signed_in.account };
    let peer = ctx.connection.peer().ip();
    ctx.shared.authenticator.note_program(&signed_in, Protocol::Imap, peer, ctx.off.program());
    let watch = SessionWatch::begin(&ctx.shared.store, &ctx.shared.authenticator, signed_in).await;
    let watch = watch.inspect_err(|_| ctx.off.forget_account());
    ctx.ending.watch(watch.map_err(refusal)?);
    *ctx.state = State::Authenticated(user);
    // RFC 9051 §6.2.2: capabilities may differ now, and saying so saves a round trip.
    let names = ctx.capabilities();
    Ok(Reply { code: Some(ReplyCode::Capability(names)), text: "Signed in", is_sent: false })
}
