//! AUTHENTICATE (RFC 9051 §6.2.2) with an initial response (RFC 4959).

use auth::Turn;
use sasl::Failure;

use super::login::{enter, refusal, require_privacy};
use super::{Ctx, Reply};
use crate::capabilities;
use crate::error::{CommandError, Result, refused};
use crate::parse::{SaslLine, parse_sasl_line};
use crate::render::{self, Code};
use crate::server::next_line;
use crate::types::AuthenticateArgs;

pub(super) async fn run(ctx: &mut Ctx<'_>, args: AuthenticateArgs) -> Result<Reply> {
    require_privacy(ctx)?;
    let shared = ctx.shared.clone();
    let link = capabilities::link(&shared, ctx.connection);
    let settings = &shared.settings;
    // What is switched off was not announced, which matters to who could bind to the channel.
    let mut mechanisms = settings.mechanisms.clone();
    mechanisms.retain(|name| !ctx.off.contains(settings, name.as_capability()));
    let begun = shared.authenticator.begin(link, &mechanisms, args.mechanism.as_bytes());
    let Some(mut dialog) = begun.map_err(refusal)? else {
        return Err(refused(Code::Cannot, "Unknown authentication mechanism"));
    };
    let by = sasl::Name::parse(args.mechanism.as_bytes());
    let mut response = args.initial_response;
    loop {
        let input = response.take();
        let input = input.as_ref().map(|secret| secret.expose());
        match dialog.advance(&shared.authenticator, input).await {
            Turn::Challenge(challenge) => {
                let text = sasl::wire::encode(&challenge);
                ctx.push(|out| render::continuation(out, &text));
                let line = next_line(ctx).await?;
                match parse_sasl_line(&line) {
                    Ok(SaslLine::Response(secret)) => response = Some(secret),
                    // RFC 9051 §6.2.2: "*" cancels, answered with BAD.
                    Ok(SaslLine::Cancel) => return Err(CommandError::Bad("Cancelled")),
                    Err(_) => return Err(CommandError::Bad("Malformed base64")),
                }
            }
            Turn::SignedIn(signed_in) => return enter(ctx, signed_in, by.as_slice()).await,
            Turn::Refused(error) => return Err(refusal(error)),
            Turn::Failed(Failure::ChannelBinding) => {
                return Err(refused(Code::AuthenticationFailed, "Channel binding does not match"));
            }
            Turn::Failed(_) => {
                return Err(refused(Code::AuthenticationFailed, "Malformed response"));
            }
        }
    }
}
