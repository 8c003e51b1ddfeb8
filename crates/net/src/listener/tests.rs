//! Real sockets on loopback: limits at the door, PROXY, TLS first, panics, shutdown.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::{
    Ending,
    tls::tests::{Authority, connect},
};

/// Greets with what it knows about the peer, then obeys single words.
struct Parrot;

impl Service for Parrot {
    fn refusal(&self, why: Refusal) -> &[u8] {
        match why {
            Refusal::Full => b"421 full\r\n",
            Refusal::AddressFull => b"421 too many\r\n",
        }
    }

    async fn serve(&self, mut connection: Connection, shutdown: Shutdown) {
        let tls = connection.tls().map_or("plain".to_owned(), |facts| facts.version.to_string());
        connection.push(format!("220 {} {tls}\r\n", connection.peer().ip()).as_bytes());
        let mut line = Vec::new();
        loop {
            line.clear();
            tokio::select! {
                result = connection.read_line(&mut line, 100) => if result.is_err() { return },
                () = shutdown.requested() => {
                    connection.push(b"421 goodbye\r\n");
                    return connection.close().await;
                }
            }
            match &*line {
                b"panic" => panic!("as asked"),
                b"hang" => {
                    // Whoever makes the peer wait sends first what is queued.
                    connection.flush().await.unwrap();
                    std::future::pending::<()>().await;
                }
                b"tls" => {
                    connection.push(b"220 go\r\n");
                    if connection.start_tls().await.is_err() {
                        return;
                    }
                }
                b"port" => {
                    connection.push(format!("{}\r\n", connection.local().port()).as_bytes());
                }
                word => {
                    let reply = [b"250 ", word, b"\r\n"].concat();
                    connection.push(&reply);
                }
            }
        }
    }
}

fn settings(encryption: Encryption) -> ListenerSettings {
    ListenerSettings {
        name: "parrot".to_owned(),
        bind: vec!["127.0.0.1:0".parse().unwrap()],
        encryption,
        proxy_from: Vec::new(),
        connections_max: 10,
        address_limits: Arc::new(AddressLimits::new(10, false)),
        connection: ConnectionSettings::default(),
    }
}

/// Serves these settings; where, what is counted, and how to end it.
fn serve(settings: ListenerSettings) -> (SocketAddr, Arc<ConnectionCounters>, Shutdown) {
    let shutdown = Shutdown::new();
    let listener = Listener::bind(settings).unwrap();
    let address = listener.local_addresses()[0];
    let counters = listener.counters();
    listener.serve(Arc::new(Parrot), &shutdown);
    (address, counters, shutdown)
}

async fn read_line<R: tokio::io::AsyncRead + Unpin>(stream: &mut R) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        match stream.read_u8().await {
            Ok(byte) => line.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(line).unwrap()
}

/// Connects, says something if there is something to say, and reads one line.
async fn greet(address: SocketAddr, first: &[u8]) -> (TcpStream, String) {
    let mut tcp = TcpStream::connect(address).await.unwrap();
    tcp.write_all(first).await.unwrap();
    let line = read_line(&mut tcp).await;
    (tcp, line)
}

#[tokio::test]
async fn limits_at_the_door() {
    let mut tight = settings(Encryption::None);
    tight.connections_max = 3;
    tight.address_limits = Arc::new(AddressLimits::new(2, false));
    let (address, counters, shutdown) = serve(tight);
    let (mut first, hello) = greet(address, b"").await;
    assert_eq!(hello, "220 127.0.0.1 plain\r\n");
    let (second, _) = greet(address, b"").await;
    let (mut third, refusal) = greet(address, b"").await;
    assert_eq!(refusal, "421 too many\r\n");
    assert_eq!(read_line(&mut third).await, "");
    drop(third);
    // The place of the third is free again once its task is gone; then others take all three.
    first.write_all(b"hello\r\n").await.unwrap();
    assert_eq!(read_line(&mut first).await, "250 hello\r\n");
    drop((first, second));
    assert_eq!(shutdown.finish(Duration::from_secs(60)).await, Ending::Clean);
    assert_eq!(ConnectionCounters::read(&counters.accepted), 3);
    assert_eq!(ConnectionCounters::read(&counters.refused_address), 1);
    assert_eq!(ConnectionCounters::read(&counters.active), 0);

    let mut full = settings(Encryption::None);
    full.connections_max = 1;
    let (address, counters, _shutdown) = serve(full);
    let (_only, hello) = greet(address, b"").await;
    assert_eq!(hello, "220 127.0.0.1 plain\r\n");
    assert_eq!(greet(address, b"").await.1, "421 full\r\n");
    assert_eq!(ConnectionCounters::read(&counters.refused_total), 1);
    assert_eq!(ConnectionCounters::read(&counters.active), 1);
}

#[tokio::test]
async fn limits_change_while_it_serves() {
    let listener = Listener::bind(settings(Encryption::None)).unwrap();
    let (address, control) = (listener.local_addresses()[0], listener.control());
    let shutdown = Shutdown::new();
    listener.serve(Arc::new(Parrot), &shutdown);
    let (_first, _) = greet(address, b"").await;
    let (_second, _) = greet(address, b"").await;
    // Who is there stays; nobody else gets in. Its name and its places are its own.
    let mut other = settings(Encryption::None);
    (other.name, other.bind) = (String::new(), Vec::new());
    other.connections_max = 1;
    control.replace(other.clone());
    assert_eq!(greet(address, b"").await.1, "421 full\r\n");
    other.connections_max = 3;
    other.proxy_from = vec!["127.0.0.0/8".parse().unwrap()];
    control.replace(other);
    let (_third, hello) = greet(address, b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n").await;
    assert_eq!(hello, "220 192.0.2.1 plain\r\n");
}

#[tokio::test]
async fn a_panic_ends_one_session() {
    let (address, counters, shutdown) = serve(settings(Encryption::None));
    let (mut calm, _) = greet(address, b"").await;
    let (mut mad, _) = greet(address, b"").await;
    mad.write_all(b"panic\r\n").await.unwrap();
    assert_eq!(read_line(&mut mad).await, "");
    calm.write_all(b"still here\r\n").await.unwrap();
    assert_eq!(read_line(&mut calm).await, "250 still here\r\n");
    drop(calm);
    assert_eq!(shutdown.finish(Duration::from_secs(60)).await, Ending::Clean);
    assert_eq!(ConnectionCounters::read(&counters.panicked), 1);
    assert_eq!(ConnectionCounters::read(&counters.active), 0);
}

#[tokio::test]
async fn shutdown_tells_sessions_and_cuts_off_the_deaf() {
    let (address, counters, shutdown) = serve(settings(Encryption::None));
    let (mut polite, _) = greet(address, b"").await;
    let (mut deaf, _) = greet(address, b"").await;
    deaf.write_all(b"before\r\nhang\r\n").await.unwrap();
    assert_eq!(read_line(&mut deaf).await, "250 before\r\n");
    shutdown.begin();
    assert_eq!(read_line(&mut polite).await, "421 goodbye\r\n");
    drop(polite);
    while ConnectionCounters::read(&counters.active) > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(shutdown.finish(Duration::ZERO).await, Ending::CutOff(1));
    assert_eq!(read_line(&mut deaf).await, "");
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn proxy_header_from_trusted_networks_only() {
    let mut trusted = settings(Encryption::None);
    trusted.proxy_from = vec!["127.0.0.0/8".parse().unwrap()];
    trusted.address_limits = Arc::new(AddressLimits::new(1, false));
    let (address, counters, shutdown) = serve(trusted);
    let v1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 143\r\nport\r\n";
    let (mut one, hello) = greet(address, v1).await;
    assert_eq!(hello, "220 192.0.2.7 plain\r\n");
    assert_eq!(read_line(&mut one).await, "143\r\n");
    // Limits count the real peer, not the proxy.
    let (_other, hello) = greet(address, b"PROXY TCP6 2001:db8::7 2001:db8::1 1 143\r\n").await;
    assert_eq!(hello, "220 2001:db8::7 plain\r\n");
    assert_eq!(greet(address, v1).await.1, "421 too many\r\n");
    assert_eq!(greet(address, b"EHLO not a proxy\r\n").await.1, "");
    assert_eq!(ConnectionCounters::read(&counters.proxy_failed), 1);
    let tls_outside = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x14\xc0\x00\x02\x08\xc0\x00\x02\x01\
                        \x00\x01\x00\x02\x20\x00\x05\x01\x00\x00\x00\x00";
    assert_eq!(greet(address, tls_outside).await.1, "220 192.0.2.8 TLS\r\n");
    shutdown.begin();

    let mut strangers = settings(Encryption::None);
    strangers.proxy_from = vec!["192.0.2.0/24".parse().unwrap()];
    let (address, ..) = serve(strangers);
    let (mut stranger, hello) = greet(address, v1).await;
    assert_eq!(hello, "220 127.0.0.1 plain\r\n");
    let echo = "250 PROXY TCP4 192.0.2.7 198.51.100.1 40000 143\r\n";
    assert_eq!(read_line(&mut stranger).await, echo);
}

#[tokio::test]
async fn tls_first_and_by_command() {
    let authority = Authority::new();
    let keys = || authority.keys.clone();
    let mut implicit = settings(Encryption::Implicit(keys(), TlsProfile::Clients));
    implicit.proxy_from = vec!["127.0.0.1".parse().unwrap()];
    let (address, counters, _shutdown) = serve(implicit);
    // The handshake follows the PROXY header in the same segment.
    let mut tcp = TcpStream::connect(address).await.unwrap();
    tcp.write_all(b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 993\r\n").await.unwrap();
    let mut tls = connect(authority.client(), tcp).await.unwrap();
    assert_eq!(read_line(&mut tls).await, "220 192.0.2.7 TLSv1.3\r\n");

    let mut tcp = TcpStream::connect(address).await.unwrap();
    tcp.write_all(b"PROXY UNKNOWN\r\nA1 LOGIN plain text\r\n").await.unwrap();
    tcp.read_to_end(&mut Vec::new()).await.unwrap();
    assert_eq!(ConnectionCounters::read(&counters.tls_failed), 1);

    let (address, ..) = serve(settings(Encryption::StartTls(keys(), TlsProfile::Relays)));
    let (mut tcp, hello) = greet(address, b"tls\r\n").await;
    assert_eq!(hello, "220 127.0.0.1 plain\r\n");
    assert_eq!(read_line(&mut tcp).await, "220 go\r\n");
    let mut tls = connect(authority.client(), tcp).await.unwrap();
    tls.write_all(b"inside\r\n").await.unwrap();
    assert_eq!(read_line(&mut tls).await, "250 inside\r\n");
}

#[tokio::test]
async fn wildcard_addresses() {
    let mut both = settings(Encryption::None);
    both.bind = vec!["[::]:0".parse().unwrap()];
    let (address, ..) = serve(both);
    // Reached by IPv4, also where the machine has no IPv6 at all.
    let v4 = SocketAddr::from(([127, 0, 0, 1], address.port()));
    assert_eq!(greet(v4, b"").await.1, "220 127.0.0.1 plain\r\n");

    let mut taken = settings(Encryption::None);
    taken.bind = vec![address];
    let error = Listener::bind(taken).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot listen on {address}: ")), "{error}");
}
