//! POST of CS:publish-calendar and CS:unpublish-calendar (calendarserver-publish draft §4): gives a
//! calendar a secret URL for anybody to read, or takes it away.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::StatusCode;
use storage::{Account, Collection};

use crate::answer::{self, Answer};
use crate::error::{DavError, Result};
use crate::exchange::Exchange;

/// Makes a calendar public, or takes that back.
pub(super) async fn run(
    exchange: &Exchange,
    owner: &Account,
    calendar: Collection,
    is_public: bool,
) -> Result<Answer> {
    let token = new_token()?;
    exchange
        .write(owner.id, "dav publish", move |tx| {
            match is_public {
                true => tx.publish_calendar(&calendar, &token).map(|_| ())?,
                // It may not have been public.
                false => tx.unpublish_calendar(&calendar).map(|_| ())?,
            }
            Ok(())
        })
        .await?;
    Ok(answer::empty(StatusCode::OK))
}

/// 192 random bits: nobody guesses it.
fn new_token() -> Result<String> {
    let mut bytes = [0_u8; 24];
    getrandom::fill(&mut bytes).map_err(|_| DavError::Status(StatusCode::SERVICE_UNAVAILABLE))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
