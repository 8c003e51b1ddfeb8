//! AUTHENTICATE (RFC 9051 §6.2.2) with an initial response (RFC 4959).

use super::login::{require_privacy, sign_in};
use super::{Ctx, Reply};
use crate::error::{CommandError, Result, refused};
use crate::parse::{SaslLine, parse_sasl_line};
use crate::render::{self, Code};
use crate::server::next_line;
use crate::types::AuthenticateArgs;

pub(super) async fn run(ctx: &mut Ctx<'_>, args: AuthenticateArgs) -> Result<Reply> {
    require_privacy(ctx)?;
    let Some(mut mechanism) = sasl::start_password(args.mechanism.as_bytes()) else {
        return Err(refused(Code::Cannot, "Unknown authentication mechanism"));
    };
    let mut response = args.initial_response;
    loop {
        let input = response.take();
        let step = mechanism.step(input.as_ref().map(|secret| secret.expose()));
        match step {
            sasl::Step::Challenge(challenge) => {
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
            sasl::Step::Ask(sasl::Question::Password(credentials)) => {
                return sign_in(ctx, credentials).await;
            }
            sasl::Step::Ask(_) | sasl::Step::Accepted | sasl::Step::Failed(_) => {
                return Err(refused(Code::AuthenticationFailed, "Malformed response"));
            }
        }
    }
}
