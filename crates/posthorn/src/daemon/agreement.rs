//! The page behind the link in a letter that asks whether an address may be used (R-RESP-2,
//! R-ADDR-10).
//!
//! **Invariant:** looking at it agrees to nothing: programs that check mail follow every link.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Method, Request, Response, StatusCode};
use storage::{Purpose, StorageError, Store};

use super::secret_page;
use crate::admin::CONFIRM_PATH;

/// LIMIT: no token is longer.
const TOKEN_BYTES_MAX: usize = 100;

/// The answer, where the request is for such a page.
pub(super) async fn answer<B>(
    store: &Store,
    request: &Request<B>,
) -> Option<Response<Full<Bytes>>> {
    let token = request.uri().path().strip_prefix(CONFIRM_PATH)?;
    if token.is_empty() || token.len() > TOKEN_BYTES_MAX {
        return Some(gone());
    }
    Some(match *request.method() {
        Method::GET | Method::HEAD => ask(store, token.to_owned()).await,
        Method::POST => agree(store, token.to_owned()).await,
        _ => page(StatusCode::METHOD_NOT_ALLOWED, "Not possible", "", false),
    })
}

async fn ask(store: &Store, token: String) -> Response<Full<Bytes>> {
    let now = store.now();
    let asked = store.read(move |tx| {
        let Some(asked) = tx.find_request(&token, now)? else { return Ok(None) };
        let owner = tx.load_account(asked.account)?.address;
        Ok(Some((asked, owner)))
    });
    match asked.await {
        Ok(Some((asked, owner))) => {
            let text = match asked.purpose {
                Purpose::Redirection => {
                    format!("{owner} asks to send copies of its mail to {}.", asked.address)
                }
                Purpose::Sender => {
                    format!(
                        "{owner} asks to send automatic answers in the name of {}.",
                        asked.address
                    )
                }
            };
            page(StatusCode::OK, "May your address be used?", &text, true)
        }
        Ok(None) | Err(StorageError::NotFound(_)) => gone(),
        Err(error) => failed(&error),
    }
}

async fn agree(store: &Store, token: String) -> Response<Full<Bytes>> {
    match store.write("confirm", move |tx| tx.confirm(&token)).await {
        Ok(done) => {
            let text = format!("{} may be used from now on.", done.value.address);
            page(StatusCode::OK, "Thank you", &text, false)
        }
        Err(StorageError::NotFound(_)) => gone(),
        Err(error) => failed(&error),
    }
}

fn gone() -> Response<Full<Bytes>> {
    let text = "This link was used already, or is too old. Whoever wants to use your address can \
                ask again.";
    page(StatusCode::NOT_FOUND, "Nothing is asked here", text, false)
}

fn failed(error: &StorageError) -> Response<Full<Bytes>> {
    tracing::error!(%error, "an address could not agree");
    let text = "Please try again in a few minutes.";
    page(StatusCode::SERVICE_UNAVAILABLE, "Not possible at the moment", text, false)
}

fn page(status: StatusCode, title: &str, text: &str, asks: bool) -> Response<Full<Bytes>> {
    let form = match asks {
        true => {
            "<form method=\"post\"><button>I agree</button></form>\n\
                 <p>If you do not agree, close this page: nothing will be sent.</p>\n"
        }
        false => "",
    };
    secret_page::page(status, title, text, form)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[test]
    fn texts_are_no_markup() {
        let answer = page(StatusCode::OK, "<b>", "\"a&b\"@example.test", true);
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let body = answer.into_body().collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let html = runtime.block_on(body).unwrap().to_bytes();
        let html = std::str::from_utf8(&html).unwrap();
        assert!(html.contains("<h1>&lt;b&gt;</h1>\n<p>&quot;a&amp;b&quot;@example.test</p>"));
        assert!(html.contains("<form method=\"post\">"));
    }
}
