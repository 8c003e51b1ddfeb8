//! A connection to PostgreSQL, driven by the thread that uses it.
//!
//! The client underneath is asynchronous, so that many statements can be under way at once; the
//! transactions above are closures that block. Not for async threads.

use std::future::poll_fn;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_postgres::{AsyncMessage, Client, Config, Error, SimpleQueryMessage, Socket};

use super::postgres::error;
use super::tls::{Tls, TlsStream};
use crate::{Result, StorageError};

/// A server, and how it is connected to.
pub(crate) struct Target {
    pub(crate) config: Config,
    pub(crate) tls: Tls,
}

impl Target {
    /// What a URL names; the error is told to the operator.
    pub(crate) fn parse(url: &str) -> std::result::Result<Self, String> {
        let (url, tls) = Tls::from_url(url)?;
        let mut config: Config = url.parse().map_err(|cause: Error| cause.to_string())?;
        config.ssl_mode(tls.ssl_mode());
        Ok(Self { config, tls })
    }
}

/// A connection with a runtime of its own.
pub(crate) struct Connection {
    /// Declared first: what it runs ends before the client is dropped.
    runtime: Runtime,
    client: Client,
    /// Payloads of notices on the channels it listens to.
    notices: mpsc::UnboundedReceiver<String>,
}

impl Connection {
    /// Connects to `target`.
    pub(crate) fn open(target: &Target) -> Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|cause| StorageError::Unavailable(cause.to_string()))?;
        let (client, link) =
            runtime.block_on(target.config.connect(target.tls.clone())).map_err(error)?;
        let (heard, notices) = mpsc::unbounded_channel();
        runtime.spawn(drive(link, heard));
        Ok(Self { runtime, client, notices })
    }

    /// What sends statements; what it gives back is waited for with [`wait`](Self::wait).
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Blocks until `work` is done, moving bytes meanwhile.
    pub(crate) fn wait<T>(
        &self,
        work: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>,
    ) -> Result<T> {
        self.runtime.block_on(work).map_err(error)
    }

    /// Runs statements without parameters; the first column of the last row they give, as text.
    pub(crate) fn simple(&self, sql: &str) -> Result<Option<String>> {
        let answer = self.wait(self.client.simple_query(sql))?;
        Ok(answer.iter().rev().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        }))
    }

    /// The next notice; `None` if none came within `pause`.
    pub(crate) fn next_notice(&mut self, pause: Duration) -> Result<Option<String>> {
        let Self { runtime, notices, .. } = self;
        match runtime.block_on(async { timeout(pause, notices.recv()).await }) {
            Err(_) => Ok(None),
            Ok(Some(payload)) => Ok(Some(payload)),
            Ok(None) => Err(StorageError::Unavailable("the connection closed".to_owned())),
        }
    }

    /// [`wait`](Self::wait) for at most `limit`: a connection that is half dead never answers.
    pub(crate) fn wait_at_most<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>,
    ) -> Result<T> {
        match self.runtime.block_on(async { timeout(limit, work).await }) {
            Ok(done) => done.map_err(error),
            Err(_) => Err(StorageError::Unavailable("the database does not answer".to_owned())),
        }
    }
}

/// Moves bytes until the connection ends, and keeps the notices.
async fn drive(
    mut link: tokio_postgres::Connection<Socket, TlsStream>,
    heard: mpsc::UnboundedSender<String>,
) {
    // An error ends the connection; whoever waits for an answer is told by the client.
    while let Some(Ok(message)) = poll_fn(|context| link.poll_message(context)).await {
        if let AsyncMessage::Notification(notice) = message {
            // The receiver lives as long as the runtime this runs on.
            let _ = heard.send(notice.payload().to_owned());
        }
    }
}
