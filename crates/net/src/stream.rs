//! One byte stream for every way a peer reaches us.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{client, server::TlsStream};

use crate::{TlsClient, TlsDemand, TlsKeys, TlsProfile, tls::accept_or_prove};

/// What TLS agreed on, for the `Received` field and the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFacts {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: Box<str>,
    /// IANA name of the cipher suite, such as `TLS_AES_256_GCM_SHA384`.
    pub cipher: Box<str>,
    /// Name of the key exchange group, such as `X25519MLKEM768`; absent when not known.
    pub group: Option<Box<str>>,
    /// The server name the client asked for.
    pub server_name: Option<Box<str>>,
    /// TLS ended at a trusted proxy that said so, not here.
    pub at_proxy: bool,
}

/// A byte stream with a peer: TCP or memory, with TLS over it or without.
#[derive(Debug)]
pub struct Stream {
    io: Io,
    peer: SocketAddr,
    local: SocketAddr,
    tls: Option<Box<TlsFacts>>,
    /// `tls-server-end-point` of the certificate we presented.
    end_point: Option<Arc<[u8]>>,
}

/// What signing in can be bound to, so that nobody in between can make use of it. Absent without
/// TLS, and where TLS ends at a proxy.
#[derive(Default, Clone, PartialEq, Eq)]
pub struct ChannelBindings {
    /// `tls-exporter` (RFC 9266), with TLS 1.3 only.
    pub tls_exporter: Option<Vec<u8>>,
    /// `tls-server-end-point` (RFC 5929 §4).
    pub tls_server_end_point: Option<Vec<u8>>,
}

#[derive(Debug)]
enum Io {
    Plain(Transport),
    Tls(Box<TlsStream<Transport>>),
    TlsClient(Box<client::TlsStream<Transport>>),
    /// A TLS handshake failed half-way; nothing can be said any more.
    Ended,
}

/// The transport below.
#[derive(Debug)]
enum Transport {
    Tcp(TcpStream),
    Memory(DuplexStream),
}

impl Stream {
    /// Over an accepted TCP connection.
    pub fn tcp(tcp: TcpStream, peer: SocketAddr) -> io::Result<Self> {
        let local = canonical(tcp.local_addr()?);
        let peer = canonical(peer);
        Ok(Self { io: Io::Plain(Transport::Tcp(tcp)), peer, local, tls: None, end_point: None })
    }

    /// Over memory: a session driven inside one process, as tests and embedders do.
    pub fn memory(memory: DuplexStream, peer: SocketAddr, local: SocketAddr) -> Self {
        let io = Io::Plain(Transport::Memory(memory));
        Self { io, peer, local, tls: None, end_point: None }
    }

    /// The peer's address, as told by a trusted proxy where one stands in between.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The address the peer connected to.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Whether the peer's bytes are encrypted, here or at a trusted proxy.
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// The facts of TLS, if it is active.
    pub fn tls(&self) -> Option<&TlsFacts> {
        self.tls.as_deref()
    }

    /// What signing in over this connection can be bound to.
    pub fn channel_bindings(&self) -> ChannelBindings {
        let Io::Tls(tls) = &self.io else { return ChannelBindings::default() };
        let session = tls.get_ref().1;
        // RFC 9266 §4.2: with TLS 1.2 only under the extended master secret, which rustls
        // negotiates where it can but does not tell.
        let exporter = (session.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3))
            .then(|| session.export_keying_material(vec![0; 32], EXPORTER_LABEL, Some(b"")));
        ChannelBindings {
            tls_exporter: exporter.and_then(Result::ok),
            tls_server_end_point: self.end_point.as_deref().map(<[u8]>::to_vec),
        }
    }

    /// The mail addresses the client's certificate was issued to, if it presented one.
    pub fn client_mail_addresses(&self) -> Vec<String> {
        let Io::Tls(tls) = &self.io else { return Vec::new() };
        let chain = tls.get_ref().1.peer_certificates();
        chain
            .and_then(<[_]>::first)
            .map(|leaf| certificate::mail_addresses(leaf))
            .unwrap_or_default()
    }

    /// Replaces what is known about the peer by what a trusted proxy says.
    pub(crate) fn set_proxied(
        &mut self,
        addresses: Option<(SocketAddr, SocketAddr)>,
        tls: Option<TlsFacts>,
    ) {
        if let Some((peer, local)) = addresses {
            self.peer = canonical(peer);
            self.local = canonical(local);
        }
        self.tls = tls.map(Box::new);
    }

    /// Runs the server side of a TLS handshake on this stream. After an error, or when the
    /// future is dropped half-way, the stream is at its end.
    pub async fn start_tls(&mut self, keys: &TlsKeys, profile: TlsProfile) -> io::Result<()> {
        let transport = self.take_plain()?;
        // Boxed because the state of a handshake is large and a session's future would
        // otherwise keep room for it for ever.
        let acceptor = keys.acceptor(profile);
        let tls = Box::pin(accept_or_prove(&acceptor, transport)).await?;
        let session = tls.get_ref().1;
        self.tls = Some(Box::new(facts_of(session, session.server_name())));
        self.end_point = acceptor.end_point(session.server_name());
        self.io = Io::Tls(Box::new(tls));
        Ok(())
    }

    /// Runs the client side of a handshake with the server `name`, a host name or an address, which
    /// is asked for by that name, unless the DNS vouches for another. After an error, or when the
    /// future is dropped half-way, the stream is at its end.
    pub async fn start_tls_as_client(
        &mut self,
        client: &TlsClient,
        demand: &TlsDemand,
        name: &str,
    ) -> io::Result<()> {
        let connector = client.connector(demand).ok_or_else(|| {
            io::Error::other("there is nobody here whose certificates are trusted")
        })?;
        let name = demand.server_name(name);
        let server_name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let transport = self.take_plain()?;
        let tls = Box::pin(connector.connect(server_name, transport)).await?;
        self.tls = Some(Box::new(facts_of(tls.get_ref().1, Some(name))));
        self.io = Io::TlsClient(Box::new(tls));
        Ok(())
    }

    /// Takes the plain transport, for a handshake.
    fn take_plain(&mut self) -> io::Result<Transport> {
        match std::mem::replace(&mut self.io, Io::Ended) {
            Io::Plain(transport) => Ok(transport),
            other => {
                self.io = other;
                Err(io::Error::other("TLS is already active"))
            }
        }
    }
}

/// RFC 9266 §4.
const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

/// IPv4 peers of a dual-stack socket are shown as what they are.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn facts_of(session: &rustls::CommonState, server_name: Option<&str>) -> TlsFacts {
    let version = match session.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "TLS",
    };
    let suite = session.negotiated_cipher_suite().map(|suite| suite.suite());
    let cipher = match suite.and_then(|suite| suite.as_str()) {
        // rustls marks TLS 1.3 suites in the name, IANA does not.
        Some(name) => match name.strip_prefix("TLS13_") {
            Some(rest) => format!("TLS_{rest}").into(),
            None => name.into(),
        },
        None => "unknown".into(),
    };
    let group =
        session.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name()).into());
    TlsFacts {
        version: version.into(),
        cipher,
        group,
        server_name: server_name.map(Into::into),
        at_proxy: false,
    }
}

/// Calls the method of whichever transport it is.
macro_rules! on_transport {
    ($self:ident, $call:ident($($argument:expr),*)) => {
        match $self.get_mut() {
            Transport::Tcp(inner) => Pin::new(inner).$call($($argument),*),
            Transport::Memory(inner) => Pin::new(inner).$call($($argument),*),
        }
    };
}

/// Calls the method of whichever layer is on top.
macro_rules! on_io {
    ($self:ident, $call:ident($($argument:expr),*)) => {
        match &mut $self.get_mut().io {
            Io::Plain(inner) => Pin::new(inner).$call($($argument),*),
            Io::Tls(inner) => Pin::new(inner).$call($($argument),*),
            Io::TlsClient(inner) => Pin::new(inner).$call($($argument),*),
            Io::Ended => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    };
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        on_transport!(self, poll_read(cx, buf))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        on_transport!(self, poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_transport!(self, poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_transport!(self, poll_shutdown(cx))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match ready!(on_io!(self, poll_read(cx, buf))) {
            // Programs that end TCP without ending TLS first are many, and every protocol
            // served here says itself where a command ends, so that is an ordinary end.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
            other => Poll::Ready(other),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        on_io!(self, poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_io!(self, poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_io!(self, poll_shutdown(cx))
    }
}
