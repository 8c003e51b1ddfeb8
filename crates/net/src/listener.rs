//! Accepts connections within the limits of address and listener, reads the PROXY header and does
//! the handshake where configured, and gives each connection to its service.

mod socket;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::net::{TcpListener, TcpStream};
use tracing::Instrument;

use crate::{
    AddressLimits, Connection, ConnectionCounters, ConnectionError, ConnectionSettings, IpNetwork,
    SetupError, Shutdown, Stream, TlsKeys, TlsProfile, counters::ActiveGuard, isolation::isolate,
    proxy,
};

/// How long to stop accepting when the system has no more files or memory for us. Connections
/// wait in the kernel's queue meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// One protocol, as a listener sees it: it gets every accepted connection that was not turned away
/// ([`Refusal`]).
pub trait Service: Send + Sync + 'static {
    /// Greeting for a peer that is turned away before its session begins, such as
    /// `* BYE …` or `421 …`. It is not sent on listeners with implicit TLS, where a handshake
    /// would cost more than the peer is due; there the connection is just closed.
    fn refusal(&self, why: Refusal) -> &[u8];

    /// Holds the session from greeting to goodbye, ending it early when `shutdown` is
    /// requested. TLS, if it comes first on this listener, is active already.
    fn serve(&self, connection: Connection, shutdown: Shutdown) -> impl Future<Output = ()> + Send;
}

/// Why a peer is turned away at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The listener has all the connections it may have.
    Full,
    /// The peer's address has all the connections it may have.
    AddressFull,
}

/// The encryption that a listener offers.
#[derive(Debug, Clone)]
pub enum Encryption {
    /// None at all.
    None,
    /// The session may upgrade by command.
    StartTls(Arc<TlsKeys>, TlsProfile),
    /// TLS from the first byte (RFC 8314 §3).
    Implicit(Arc<TlsKeys>, TlsProfile),
}

/// Everything a listener is told.
#[derive(Debug, Clone)]
pub struct ListenerSettings {
    /// Name in logs and metrics, such as `imaps`.
    pub name: String,
    /// Where to listen. `[::]` takes IPv4 as well, unless `0.0.0.0` stands beside it with the
    /// same port or the machine has no IPv6; port 0 lets the system choose.
    pub bind: Vec<SocketAddr>,
    /// The encryption that the listener offers.
    pub encryption: Encryption,
    /// Networks whose connections begin with a PROXY header, and must; a header from anywhere
    /// else is taken for the peer's own words, which no protocol understands.
    pub proxy_from: Vec<IpNetwork>,
    /// Most connections at once over all addresses of this listener.
    pub connections_max: usize,
    /// Most connections of one peer; may be shared with other listeners.
    pub address_limits: Arc<AddressLimits>,
    /// Limits of each connection.
    pub connection: ConnectionSettings,
}

/// Bound sockets, not yet served.
#[derive(Debug)]
pub struct Listener {
    sockets: Vec<TcpListener>,
    door: Arc<Door>,
}

/// What all sockets of a listener share.
#[derive(Debug)]
struct Door {
    settings: RwLock<Arc<ListenerSettings>>,
    counters: Arc<ConnectionCounters>,
}

/// Changes what a listener holds connections to that come from now on.
#[derive(Debug, Clone)]
pub struct ListenerControl {
    door: Arc<Door>,
}

impl ListenerControl {
    /// Takes up how many connections there may be, their limits, and who sends PROXY headers. Where
    /// it listens, its name and its encryption stay.
    pub fn replace(&self, settings: ListenerSettings) {
        let mut current = self.door.settings.write().unwrap_or_else(PoisonError::into_inner);
        let ListenerSettings { name, bind, encryption, address_limits, .. } = (**current).clone();
        *current =
            Arc::new(ListenerSettings { name, bind, encryption, address_limits, ..settings });
    }
}

/// Numbers every connection of the process, so that log lines of one belong together.
static NEXT_CONNECTION: AtomicU64 = AtomicU64::new(1);

impl Listener {
    /// Binds every address, or none. Must run inside the async runtime.
    ///
    /// # Errors
    /// [`SetupError::Bind`] with the first address that cannot be had.
    pub fn bind(settings: ListenerSettings) -> Result<Self, SetupError> {
        let sockets = settings
            .bind
            .iter()
            .map(|&address| {
                socket::open(address, &settings.bind)
                    .map_err(|source| SetupError::Bind { address, source })
            })
            .collect::<Result<_, _>>()?;
        let settings = RwLock::new(Arc::new(settings));
        let door = Door { settings, counters: Arc::default() };
        Ok(Self { sockets, door: Arc::new(door) })
    }

    /// Where it listens, with the ports the system chose.
    pub fn local_addresses(&self) -> Vec<SocketAddr> {
        self.sockets.iter().filter_map(|socket| socket.local_addr().ok()).collect()
    }

    /// The counters of the listener.
    pub fn counters(&self) -> Arc<ConnectionCounters> {
        self.door.counters.clone()
    }

    /// What changes it while it serves.
    pub fn control(&self) -> ListenerControl {
        ListenerControl { door: self.door.clone() }
    }

    /// Begins to accept, in tasks of `shutdown`, until the shutdown begins.
    pub fn serve<S: Service>(self, service: Arc<S>, shutdown: &Shutdown) {
        for socket in self.sockets {
            let accepting =
                accept_all(self.door.clone(), socket, service.clone(), shutdown.clone());
            shutdown.spawn(accepting);
        }
    }
}

async fn accept_all<S: Service>(
    door: Arc<Door>,
    socket: TcpListener,
    service: Arc<S>,
    shutdown: Shutdown,
) {
    let mut complained = false;
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.requested() => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((tcp, peer)) => {
                complained = false;
                door.admit(tcp, peer, &service, &shutdown);
            }
            Err(error) if is_peers_fault(&error) => {}
            Err(error) => {
                if !std::mem::replace(&mut complained, true) {
                    tracing::warn!(listener = door.settings().name, %error, "cannot accept");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The peer was gone before we got to it; the next one may be fine.
fn is_peers_fault(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, TimedOut};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted | TimedOut)
}

impl Door {
    /// The settings in use now.
    fn settings(&self) -> Arc<ListenerSettings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Starts the task of one connection, or turns it away.
    fn admit<S: Service>(
        self: &Arc<Self>,
        tcp: TcpStream,
        peer: SocketAddr,
        service: &Arc<S>,
        shutdown: &Shutdown,
    ) {
        ConnectionCounters::count(&self.counters.accepted);
        let settings = self.settings();
        let Some(place) = ActiveGuard::below(&self.counters, settings.connections_max) else {
            ConnectionCounters::count(&self.counters.refused_total);
            tracing::debug!(listener = settings.name, %peer, "refused: listener is full");
            if !matches!(settings.encryption, Encryption::Implicit(..)) {
                socket::say_and_close(tcp, service.refusal(Refusal::Full));
            }
            return;
        };
        let id = NEXT_CONNECTION.fetch_add(1, Ordering::Relaxed);
        let span = tracing::info_span!(
            parent: None,
            "connection",
            id = format_args!("{id:x}"),
            listener = settings.name,
            peer = %peer,
        );
        let session = self.clone().hold(tcp, peer, place, service.clone(), shutdown.clone());
        shutdown.spawn(session.instrument(span));
    }

    /// One connection from its first byte to its last, whatever happens in between.
    async fn hold<S: Service>(
        self: Arc<Self>,
        tcp: TcpStream,
        peer: SocketAddr,
        place: ActiveGuard,
        service: Arc<S>,
        shutdown: Shutdown,
    ) {
        let _place = place;
        // In a box: each of the futures around it would hold it twice, before it runs and while it
        // does, and an idle connection all of that.
        match isolate(Box::pin(self.converse(tcp, peer, &*service, shutdown))).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "connection failed before its session"),
            Err(panic) => {
                ConnectionCounters::count(&self.counters.panicked);
                tracing::error!(panic, "session ended by a panic");
            }
        }
    }

    async fn converse<S: Service>(
        &self,
        tcp: TcpStream,
        peer: SocketAddr,
        service: &S,
        shutdown: Shutdown,
    ) -> Result<(), ConnectionError> {
        socket::tune(&tcp)?;
        let settings = self.settings();
        let mut connection = Connection::new(Stream::tcp(tcp, peer)?, settings.connection)
            .with_counters(self.counters.clone());
        if settings.proxy_from.iter().any(|network| network.contains(peer.ip())) {
            self.read_proxy_header(&mut connection).await?;
        }
        let Some(_permit) = settings.address_limits.try_take(connection.peer().ip()) else {
            ConnectionCounters::count(&self.counters.refused_address);
            tracing::debug!(peer = %connection.peer(), "refused: too many from this address");
            if !matches!(settings.encryption, Encryption::Implicit(..)) {
                connection.push(service.refusal(Refusal::AddressFull));
                connection.close().await;
            }
            return Ok(());
        };
        match &settings.encryption {
            Encryption::None => {}
            Encryption::StartTls(keys, profile) => {
                connection = connection.with_start_tls(keys.clone(), *profile);
            }
            Encryption::Implicit(keys, profile) => {
                tokio::select! {
                    biased;
                    result = connection.handshake(keys, *profile) => result?,
                    () = shutdown.requested() => return Ok(()),
                }
            }
        }
        // Not held by who is connected for hours.
        drop(settings);
        service.serve(connection, shutdown).await;
        Ok(())
    }

    async fn read_proxy_header(&self, connection: &mut Connection) -> Result<(), ConnectionError> {
        let timeout = connection.settings().handshake_timeout;
        let reading = proxy::read_header(connection.stream_mut());
        let header = match tokio::time::timeout(timeout, reading).await {
            Ok(Ok(header)) => header,
            Ok(Err(error)) => {
                connection.count(|counters| &counters.proxy_failed);
                return Err(error);
            }
            Err(_) => {
                connection.count(|counters| &counters.proxy_failed);
                return Err(ConnectionError::TimedOut);
            }
        };
        connection.stream_mut().set_proxied(header.addresses, header.tls);
        tracing::debug!(client = %connection.peer(), "proxied");
        Ok(())
    }
}

#[cfg(test)]
mod tests;
