//! The options that listening and accepted sockets get.

use std::{
    io::{self, Write},
    net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr},
    time::Duration,
};

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};

/// LIMIT: connections the kernel queues for us; it caps this at `net.core.somaxconn`.
const BACKLOG: i32 = 1024;

/// A peer that vanished without a word is noticed after about seven minutes.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(300))
    .with_interval(Duration::from_secs(30))
    .with_retries(4);

/// Binds one address; `all` are those of the whole listener.
pub(super) fn open(address: SocketAddr, all: &[SocketAddr]) -> io::Result<TcpListener> {
    // `[::]` means everything, as it does for most servers, whatever the system's default
    // (`net.ipv6.bindv6only`) is; beside an explicit `0.0.0.0` it has to leave IPv4 to that.
    let ipv4_beside = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
    let only_v6 = all.contains(&ipv4_beside);
    let any_v6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, address.port()));
    match open_socket(address, only_v6) {
        Err(error) if address == any_v6 && !only_v6 && lacks_ipv6(&error) => {
            tracing::warn!(%address, "no IPv6 on this machine, listening on IPv4 alone");
            open_socket(ipv4_beside, false)
        }
        other => other,
    }
}

/// A kernel without IPv6 cannot make the socket, one with IPv6 switched off cannot bind it.
fn lacks_ipv6(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.kind() == io::ErrorKind::Unsupported
        || error.raw_os_error() == Some(EAFNOSUPPORT)
}

/// "Address family not supported", which has no [`io::ErrorKind`].
const EAFNOSUPPORT: i32 = 97;

fn open_socket(address: SocketAddr, only_v6: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    // A restart need not wait for connections of the last run to time out.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Options of an accepted connection.
pub(super) fn tune(tcp: &TcpStream) -> io::Result<()> {
    // Output is batched by us; waiting for more in the kernel only delays replies.
    tcp.set_nodelay(true)?;
    SockRef::from(tcp).set_tcp_keepalive(&KEEPALIVE)
}

/// Sends a few bytes without ever waiting, then closes. A fresh connection has room for them.
pub(super) fn say_and_close(tcp: TcpStream, bytes: &[u8]) {
    if let Ok(mut tcp) = tcp.into_std() {
        // It is being turned away; there is nothing to do when even that fails.
        let _ = tcp.write(bytes);
        let _ = tcp.shutdown(Shutdown::Write);
    }
}
