//! Connections to a service, through memory.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use net::{Connection, ConnectionSettings, Service, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::House;

/// Where clients are (RFC 5737).
const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), 4321);
/// Where the server is.
const LOCAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 1234);
/// LIMIT: what waits in a connection before its writer does.
const DUPLEX_BYTES: usize = 64 * 1024;

impl House {
    /// Opens a connection to a service; its half runs in a task of its own.
    pub fn open(&self, service: Arc<impl Service>) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(DUPLEX_BYTES);
        let connection = connection(theirs);
        let shutdown = self.shutdown.clone();
        tokio::spawn(async move { service.serve(connection, shutdown).await });
        ours
    }

    /// What the task of a session takes before its first command, in bytes.
    pub fn session_bytes(&self, service: &impl Service) -> usize {
        let (_ours, theirs) = tokio::io::duplex(1);
        size_of_val(&service.serve(connection(theirs), self.shutdown.clone()))
    }

    /// Sends `wire` in pieces of `step` bytes, says nothing more, gives all that comes.
    pub async fn talk(&self, service: Arc<impl Service>, wire: &[u8], step: usize) -> String {
        let (mut reading, mut writing) = tokio::io::split(self.open(service));
        let send = async {
            for piece in wire.chunks(step.max(1)) {
                if writing.write_all(piece).await.is_err() {
                    break;
                }
            }
            let _gone = writing.shutdown().await;
        };
        let mut came = Vec::new();
        let (_, read) = tokio::join!(send, reading.read_to_end(&mut came));
        read.unwrap();
        String::from_utf8_lossy(&came).into_owned()
    }
}

fn connection(theirs: DuplexStream) -> Connection {
    Connection::new(Stream::memory(theirs, PEER, LOCAL), ConnectionSettings::default())
}
