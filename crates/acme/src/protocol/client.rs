//! Requests and their answers, over HTTPS within bounds, each on a connection of its own.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, DATE, HOST, HeaderMap, LOCATION, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, Uri};
use net::{HttpsServer, TlsClient, https_exchange};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::key::{AccountKey, Signatory};
use super::types::{Directory, Problem};
use crate::error::AcmeError;
use crate::settings::{ExternalAccount, Settings};

/// LIMIT: bytes of an answer. Chains have some 10 KiB.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// LIMIT: how long a request may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// LIMIT: the longest pause that is obeyed; whoever means longer will say so again.
const PAUSE_SECS_MAX: u64 = 7 * 86_400;
/// RFC 8555 §6.5: a nonce that is not taken is no failure; another comes with the refusal.
const NONCES_MAX: usize = 6;

/// What a server said of when to come again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pause(Arc<Mutex<Option<u64>>>);

impl Pause {
    /// For how many seconds, since this was last asked.
    pub(crate) fn take(&self) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn note(&self, secs: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(secs);
    }
}

/// A reply of the ACME server.
#[derive(Debug)]
pub(crate) struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Reply {
    /// The body, parsed as JSON.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, AcmeError> {
        let failed = |error: serde_json::Error| AcmeError::Server(format!("no answer: {error}"));
        serde_json::from_slice(&self.body).map_err(failed)
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The URL of the resource that was made.
    pub(crate) fn location(&self) -> Result<String, AcmeError> {
        let found = self.header(LOCATION.as_str());
        found.map(str::to_owned).ok_or_else(|| AcmeError::Server("it has no place".to_owned()))
    }

    /// In how many seconds to look again (RFC 9110 §10.2.3): said so, or as a date, which is
    /// compared with the server's own clock.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        let value = self.header(RETRY_AFTER.as_str())?.trim();
        let secs = match value.parse::<u64>() {
            Ok(secs) => secs,
            Err(_) => {
                let now = http_date(self.header(DATE.as_str())?)?;
                u64::try_from(http_date(value)? - now).unwrap_or(0)
            }
        };
        Some(secs.min(PAUSE_SECS_MAX))
    }

    fn nonce(&self) -> Option<String> {
        self.header("replay-nonce").map(str::to_owned)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn problem(&self) -> Problem {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| {
            let detail = format!("HTTP status {}", self.status);
            Problem { kind: "none".to_owned(), detail, ..Problem::default() }
        })
    }
}

/// Somebody who speaks with a server for one account.
pub(crate) struct Client {
    tls: TlsClient,
    directory: Directory,
    key: AccountKey,
    /// The account's URL; empty while there is none.
    account: String,
    nonce: Option<String>,
    pause: Pause,
}

impl Client {
    /// One for a key, whose account has this URL if it has one.
    pub(crate) async fn open(
        tls: &TlsClient,
        settings: &Settings,
        pause: &Pause,
        key: AccountKey,
        account: String,
    ) -> Result<Self, AcmeError> {
        let reply = fetch(tls, Method::GET, &settings.directory, None).await?;
        let (tls, pause, nonce) = (tls.clone(), pause.clone(), reply.nonce());
        let reply = checked(reply, &pause)?;
        Ok(Self { directory: reply.read()?, tls, key, account, nonce, pause })
    }

    /// The key of the account.
    pub(crate) fn key(&self) -> &AccountKey {
        &self.key
    }

    /// The URL of the account.
    pub(crate) fn account(&self) -> &str {
        &self.account
    }

    /// RFC 8555 §7.3: makes an account of the key, or finds the one it has.
    pub(crate) async fn make_account(
        &mut self,
        contact: Option<&str>,
        external: Option<&ExternalAccount>,
    ) -> Result<(), AcmeError> {
        let url = self.directory.new_account.clone();
        // The reference of `tls.mode` says that who sets it agrees.
        let mut payload = json!({ "termsOfServiceAgreed": true });
        if let Some(address) = contact {
            payload["contact"] = json!([format!("mailto:{address}")]);
        }
        if let Some(external) = external {
            payload["externalAccountBinding"] = self.key.bind(external, &url);
        }
        self.account = self.post(&url, Some(&payload)).await?.location()?;
        Ok(())
    }

    /// RFC 8555 §7.4: an order for these names; RFC 9773 §5: in place of a certificate.
    pub(crate) async fn order(
        &mut self,
        names: &[&str],
        replaces: Option<&str>,
    ) -> Result<Reply, AcmeError> {
        let url = self.directory.new_order.clone();
        let identifier = |name: &&str| json!({ "type": "dns", "value": name });
        let mut payload =
            json!({ "identifiers": names.iter().map(identifier).collect::<Vec<_>>() });
        if let Some(replaced) = replaces.filter(|_| self.directory.renewal_info.is_some()) {
            payload["replaces"] = json!(replaced);
        }
        self.post(&url, Some(&payload)).await
    }

    /// RFC 9773 §4.1: what is suggested for a certificate; `None` where the server knows no such
    /// thing.
    pub(crate) async fn renewal_info(&self, id: &str) -> Result<Option<Reply>, AcmeError> {
        let Some(base) = &self.directory.renewal_info else { return Ok(None) };
        let url = format!("{}/{id}", base.trim_end_matches('/'));
        let reply = fetch(&self.tls, Method::GET, &url, None).await?;
        checked(reply, &self.pause).map(Some)
    }

    /// A signed request; without a payload, to read (RFC 8555 §6.3).
    pub(crate) async fn post(
        &mut self,
        url: &str,
        payload: Option<&Value>,
    ) -> Result<Reply, AcmeError> {
        let mut left = NONCES_MAX;
        loop {
            let nonce = self.take_nonce().await?;
            let signatory = match self.account.as_str() {
                "" => Signatory::Key,
                account => Signatory::Account(account),
            };
            let signed = self.key.sign(signatory, &nonce, url, payload)?;
            let reply = fetch(&self.tls, Method::POST, url, Some(signed)).await?;
            self.nonce = reply.nonce();
            left -= 1;
            if left > 0 && reply.status == 400 && reply.problem().is("badNonce") {
                continue;
            }
            return checked(reply, &self.pause);
        }
    }

    /// RFC 8555 §7.2: each is good for one request.
    async fn take_nonce(&mut self) -> Result<String, AcmeError> {
        if let Some(nonce) = self.nonce.take() {
            return Ok(nonce);
        }
        let url = self.directory.new_nonce.clone();
        let reply = checked(fetch(&self.tls, Method::HEAD, &url, None).await?, &self.pause)?;
        reply.nonce().ok_or_else(|| AcmeError::Server("it gives no nonce".to_owned()))
    }
}
/// RFC 9110 §5.6.7: the one form that is still written, in seconds of Unix time.
fn http_date(text: &str) -> Option<i64> {
    let parsed = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim());
    parsed.ok().map(jiff::Timestamp::as_second)
}

/// An answer that is no refusal.
fn checked(reply: Reply, pause: &Pause) -> Result<Reply, AcmeError> {
    if (200..300).contains(&reply.status) {
        return Ok(reply);
    }
    let problem = reply.problem();
    // RFC 8555 §6.6: who is asked to wait is told for how long.
    let must_wait = reply.status == 429 || reply.status == 503 || problem.is("rateLimited");
    if let Some(secs) = reply.retry_after().filter(|_| must_wait) {
        pause.note(secs);
    }
    match reply.status {
        500.. => Err(AcmeError::Server(problem.to_string())),
        _ => Err(AcmeError::Refused(Box::new(problem))),
    }
}

async fn fetch(
    tls: &TlsClient,
    method: Method,
    url: &str,
    signed: Option<Vec<u8>>,
) -> Result<Reply, AcmeError> {
    let failed = |text: String| AcmeError::Server(text);
    let uri: Uri = url.parse().map_err(|_| failed(format!("{url}: no URL")))?;
    let authority = uri.authority().filter(|_| uri.scheme_str() == Some("https"));
    // RFC 8555 §6.1: all of it goes over HTTPS.
    let authority = authority.ok_or_else(|| failed(format!("{url}: it must be https")))?;
    let host = authority.host().trim_matches(['[', ']']).to_owned();
    let mut builder = Request::builder()
        .method(method)
        .uri(uri.path_and_query().map_or("/", |path| path.as_str()))
        .header(HOST, authority.as_str())
        // RFC 8555 §6.1: it must be sent.
        .header(USER_AGENT, concat!("Posthorn/", env!("CARGO_PKG_VERSION")));
    if signed.is_some() {
        builder = builder.header(CONTENT_TYPE, "application/jose+json");
    }
    let request = builder.body(Full::from(signed.unwrap_or_default()));
    let request = request.map_err(|error| failed(error.to_string()))?;
    let port = authority.port_u16().unwrap_or(443);
    let found = tokio::net::lookup_host((host.as_str(), port)).await;
    let addresses = found.map_err(|error| failed(format!("{host}: {error}")))?.collect();
    let server = HttpsServer { host, addresses, body_bytes_max: BODY_BYTES_MAX, timeout: TIMEOUT };
    let reply = https_exchange(tls, &server, request)
        .await
        .map_err(|error| failed(format!("{}: {error}", server.host)))?;
    let status = reply.status().as_u16();
    let (parts, body) = reply.into_parts();
    Ok(Reply { status, headers: parts.headers, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, retry_after: Option<&'static str>, body: &'static str) -> Reply {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, "Fri, 31 Dec 1999 23:59:00 GMT".parse().unwrap());
        if let Some(value) = retry_after {
            headers.insert(RETRY_AFTER, value.parse().unwrap());
        }
        Reply { status, headers, body: Bytes::from_static(body.as_bytes()) }
    }

    #[test]
    fn pauses_are_obeyed_where_they_are_meant() {
        let limited = r#"{"type": "urn:ietf:params:acme:error:rateLimited", "detail": "slowly"}"#;
        for (status, header, body, expect) in [
            (429, Some("3600"), limited, Some(3600)),
            (403, Some("60"), limited, Some(60)),
            (503, Some(" 5 "), "<html>", Some(5)),
            (429, Some("99999999999"), "", Some(PAUSE_SECS_MAX)),
            (429, Some("Fri, 31 Dec 1999 23:59:59 GMT"), limited, Some(59)),
            (429, Some("Fri, 31 Dec 1999 23:58:59 GMT"), limited, Some(0)),
            (429, Some("soon"), limited, None),
            (400, Some("5"), "{}", None),
            (429, None, limited, None),
        ] {
            let pause = Pause::default();
            assert!(checked(reply(status, header, body), &pause).is_err());
            assert_eq!(pause.take(), expect, "{status} {header:?}");
            assert_eq!(pause.take(), None);
        }
        assert!(checked(reply(200, None, ""), &Pause::default()).is_ok());
        let refused = checked(reply(403, None, limited), &Pause::default()).unwrap_err();
        assert_eq!(refused.to_string(), "rateLimited: slowly");
        let broken = checked(reply(502, None, "<html>"), &Pause::default()).unwrap_err();
        assert_eq!(broken.to_string(), "none: HTTP status 502");
    }
}
