//! TCP connections that we open, bound to a source address where one is given, within a time limit.
//! TLS, where there is to be any, is started by the caller.

use std::{net::IpAddr, net::SocketAddr, time::Duration};

use tokio::net::TcpSocket;

use crate::{ConnectionError, Stream};

/// Connects to `peer`, from `source` where one is given, within `limit`.
///
/// # Errors
/// [`ConnectionError::TimedOut`], or what the network says.
pub async fn connect(
    peer: SocketAddr,
    source: Option<IpAddr>,
    limit: Duration,
) -> Result<Stream, ConnectionError> {
    let socket = if peer.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let connecting = socket.connect(peer);
    let tcp =
        tokio::time::timeout(limit, connecting).await.map_err(|_| ConnectionError::TimedOut)??;
    // What is written is written whole; waiting for more would only add a delay.
    tcp.set_nodelay(true)?;
    Ok(Stream::tcp(tcp, peer)?)
}
