//! Measures what an idle TLS connection costs: `cargo run --release -p net --example idle_tls`.
//!
//! The server is this process, the clients are another one, and what counts is how much larger
//! this one got (resident memory, from `/proc`).
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement for people at a terminal"
)]

use std::{
    io::Read,
    net::{Ipv4Addr, SocketAddr},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use net::{
    AddressLimits, Connection, ConnectionSettings, Encryption, Listener, ListenerSettings, Refusal,
    Service, Shutdown, TlsKeys, TlsProfile, generate_self_signed,
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
};

/// Says hello, answers one line, then waits for more: a session in IDLE.
struct Patient(mpsc::UnboundedSender<()>);

impl Service for Patient {
    fn refusal(&self, _why: Refusal) -> &[u8] {
        b"* BYE full\r\n"
    }

    async fn serve(&self, mut connection: Connection, _shutdown: Shutdown) {
        connection.push(b"* OK ready\r\n");
        let mut line = Vec::new();
        while connection.read_line(&mut line, 1_000).await.is_ok() {
            connection.push(&line);
            connection.push(b"\r\n");
            line.clear();
            let _ = connection.flush().await;
            let _ = self.0.send(());
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match arguments.as_slice() {
        [address, certificate, count] => {
            runtime.block_on(connect(
                address.parse().unwrap(),
                certificate,
                count.parse().unwrap(),
            ));
        }
        _ => runtime.block_on(measure()),
    }
}

async fn measure() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
    generate_self_signed(&certificate, &key, &["localhost".to_owned()]).unwrap();
    let keys = Arc::new(TlsKeys::load(&certificate, &key).unwrap());
    let settings = ListenerSettings {
        name: "idle".to_owned(),
        bind: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
        encryption: Encryption::Implicit(keys, TlsProfile::Clients),
        proxy_from: Vec::new(),
        connections_max: 100_000,
        address_limits: Arc::new(AddressLimits::new(0, true)),
        connection: ConnectionSettings::default(),
    };
    let listener = Listener::bind(settings).unwrap();
    let address = listener.local_addresses().remove(0);
    let (sender, mut answered) = mpsc::unbounded_channel();
    listener.serve(Arc::new(Patient(sender)), &Shutdown::new());

    let mut opened = 0_u64;
    let mut clients = Vec::new();
    // The first round warms up allocator and runtime and is not counted.
    for (round, count) in [200_u64, 2_000].into_iter().enumerate() {
        let before = resident_kib();
        let client = Command::new(std::env::current_exe().unwrap())
            .args([&address.to_string(), &certificate.display().to_string(), &count.to_string()])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        clients.push(client);
        for _ in 0..count {
            answered.recv().await.unwrap();
            opened += 1;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        if round == 1 {
            let grown = resident_kib().saturating_sub(before);
            println!("{opened} connections open, {count} of them cost {grown} KiB");
            println!("{} bytes each", grown * 1024 / count);
        }
    }
    for mut client in clients {
        // Closing its input ends it.
        drop(client.stdin.take());
        client.wait().unwrap();
    }
}

/// The clients: connects, says one line each, and waits until its input is closed.
async fn connect(address: SocketAddr, certificate: &str, count: u64) {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let mut open = Vec::new();
    for _ in 0..count {
        let tcp = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut tls = connector.connect(name, tcp).await.unwrap();
        tls.write_all(b"A1 IDLE\r\n").await.unwrap();
        tls.read_exact(&mut [0; 21]).await.unwrap();
        open.push(tls);
    }
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// Resident memory of this process.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
