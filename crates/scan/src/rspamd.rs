//! rspamd over HTTP: `/checkv2` of a worker, `/learnspam` and `/learnham` of the controller.

mod reply;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;

use crate::address::ScannerAddress;
use crate::error::ScanError;
use crate::finding::Finding;
use crate::mail::Mail;

/// LIMIT: bytes of an answer; with many symbols it has some 20 KiB.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// A worker of rspamd that checks messages, or a proxy in front of some.
#[derive(Debug, Clone)]
pub struct Rspamd {
    /// The address that it listens at.
    pub address: ScannerAddress,
}

/// What a message is an example of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lesson {
    /// Unwanted mail.
    Spam,
    /// Wanted mail.
    Ham,
}

/// The controller of rspamd, which learns.
#[derive(Clone)]
pub struct RspamdTeacher {
    /// The address that it listens at.
    pub address: ScannerAddress,
    /// The `enable_password` of its controller, where it asks for one.
    pub password: Option<String>,
}

impl Rspamd {
    /// Has a message checked.
    pub(crate) async fn scan(&self, mail: &Mail<'_>) -> Result<Finding, ScanError> {
        let mut request = post("/checkv2", mail.message)?;
        describe(mail, &mut request);
        let (status, body) = exchange(&self.address, request).await?;
        if status != StatusCode::OK {
            return Err(ScanError::Failed(format!("HTTP status {status}")));
        }
        reply::read(&body)
    }
}

impl RspamdTeacher {
    /// Teaches one message. What it knows already is no failure.
    pub async fn teach(&self, lesson: Lesson, message: &[u8]) -> Result<(), ScanError> {
        let path = match lesson {
            Lesson::Spam => "/learnspam",
            Lesson::Ham => "/learnham",
        };
        let mut request = post(path, message)?;
        if let Some(password) = &self.password
            && let Ok(mut value) = HeaderValue::from_str(password)
        {
            value.set_sensitive(true);
            request.headers_mut().insert(HeaderName::from_static("password"), value);
        }
        let (status, _) = exchange(&self.address, request).await?;
        // 208: it has learned this one before. 204: it has too little text to learn from.
        // QUIRK(rspamd, 3.x): 404 says that it learns nothing more of this one, as it knows it by
        // other means.
        if status.is_success() || status == StatusCode::NOT_FOUND {
            return Ok(());
        }
        Err(ScanError::Failed(format!("HTTP status {status}")))
    }
}

fn post(path: &'static str, message: &[u8]) -> Result<Request<Full<Bytes>>, ScanError> {
    Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(HOST, "rspamd")
        .header(CONTENT_LENGTH, message.len())
        .body(Full::new(Bytes::copy_from_slice(message)))
        .map_err(|_| ScanError::Protocol("the request cannot be written"))
}

/// What is known of the message besides its text. What does not fit into a header is left out:
/// no address that SMTP took breaks a line.
fn describe(mail: &Mail<'_>, request: &mut Request<Full<Bytes>>) {
    let mut say = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            request.headers_mut().append(HeaderName::from_static(name), value);
        }
    };
    say("ip", &mail.peer.address.ip().to_canonical().to_string());
    say("from", mail.reverse_path);
    for recipient in mail.recipients.iter().map(|one| &one.address) {
        say("rcpt", recipient);
    }
    say("queue-id", mail.id);
    say("mta-name", mail.hostname);
    say("mta-tag", "posthorn");
    if !mail.peer.helo.is_empty() {
        say("helo", mail.peer.helo);
    }
    if let Some(name) = mail.peer.name {
        say("hostname", name);
    }
    if let Some(user) = mail.account {
        say("user", user);
    }
    if let Some(tls) = mail.peer.tls {
        say("tls-version", tls.version);
        say("tls-cipher", tls.cipher);
    }
}

async fn exchange(
    address: &ScannerAddress,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Vec<u8>), ScanError> {
    let link = TokioIo::new(address.connect().await?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(link).await?;
    let answering = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|_| ScanError::Protocol("the answer is cut off or too long"))?;
        Ok((status, body.to_bytes().to_vec()))
    };
    tokio::pin!(answering);
    tokio::select! {
        answer = &mut answering => answer,
        // It ends with the answer, which is then whole.
        ended = connection => {
            ended?;
            answering.await
        }
    }
}
