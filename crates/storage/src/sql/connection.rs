//! A connection to PostgreSQL, driven by the thread that uses it.
//!
//! The client underneath is asynchronous, so that many statements can be under way at once; the
//! transactions above are closures that block. Not for async threads.

use std::future::poll_fn;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_postgres::tls::NoTlsStream;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, SimpleQueryMessage, Socket};

use super::postgres::error;
use crate::{Result, StorageError};

/// A connection with a runtime of its own.
pub(crate) struct Connection {
    /// Declared first: what it runs ends before the client is dropped.
    runtime: Runtime,
    client: Client,
    /// Payloads of notices on the channels it listens to.
    notices: mpsc::UnboundedReceiver<String>,
}

impl Connection {
    /// Connects as `config` says.
    pub(crate) fn open(config: &Config) -> Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|cause| StorageError::Unavailable(cause.to_string()))?;
        let (client, link) = runtime.block_on(config.connect(NoTls)).map_err(error)?;
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
    mut link: tokio_postgres::Connection<Socket, NoTlsStream>,
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
