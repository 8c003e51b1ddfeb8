//! The network under every protocol: listeners, TLS, the PROXY protocol, bounded reading and
//! batched writing, limits per address, orderly shutdown, and the system's clock.
//!
//! A [`Listener`] is bound from [`ListenerSettings`], then given a [`Service`], which is what a
//! protocol crate implements. Each accepted peer becomes a [`Connection`]: a [`Stream`] (plain,
//! TLS, or in memory for tests) with an input buffer and an output buffer. [`TlsKeys`] holds
//! certificate and key and is reloaded in place; [`Shutdown`] ends everything. [`connect`] opens a
//! connection to another server, [`TlsClient`] is TLS on it, [`Dns`] says where it is.
//!
//! **Invariant:** everything a peer controls is bounded: connections (in total and per
//! address), the time of a handshake, the length of a line, the time to send it, the bytes and
//! time of output not yet taken. A panic in one session ends that session alone. An idle
//! connection holds no buffer of ours: of 2,000 idle TLS 1.3 connections each costs some 18 KiB,
//! nearly all of it state of rustls (`cargo run -p net --example idle_tls` measures it).
//! **Absent:** any protocol's syntax, storage, configuration files.

mod address;
mod bucket;
mod clock;
mod connection;
mod counters;
mod dns;
mod error;
mod https;
mod isolation;
mod listener;
mod memory;
mod network;
mod network_rates;
mod outgoing;
mod pace;
mod protocol_counts;
mod proxy;
mod shutdown;
mod stranger;
mod stream;
mod tls;

pub use address::{AddressKey, AddressLimits, AddressPermit};
pub use bucket::TokenBucket;
pub use clock::SystemClock;
pub use connection::{Connection, ConnectionSettings, LineEnding};
pub use counters::ConnectionCounters;
pub use dns::{
    Dns, DnsError, DnsFuture, DnsTrust, Exchangers, HostAddresses, IpFamily, MailExchanger,
    ReplaceableDns, SystemDns, Vouched,
};
pub use error::{ConnectionError, SetupError};
pub use https::{
    HttpsContent, HttpsError, HttpsReply, HttpsRequest, HttpsServer, https, https_exchange,
};
pub use isolation::isolate;
pub use listener::{Encryption, Listener, ListenerControl, ListenerSettings, Refusal, Service};
pub use memory::{DrawnMemory, MemoryBudget};
pub use network::IpNetwork;
pub use network_rates::{
    NetworkAction, NetworkKey, NetworkPrefix, NetworkRateLimits, NetworkRates, Party, RateLimits,
    TooMuch,
};
pub use outgoing::connect;
pub use pace::{Pace, PaceSettings};
pub use protocol_counts::{MessageResult, ProtocolCounts};
pub use shutdown::{Ending, Shutdown};
pub use stranger::Stranger;
pub use stream::{ChannelBindings, Stream, TlsFacts};
pub use tls::{
    ChallengeFuture, Dane, FileStamp, IssuedCertificate, PemFiles, TlsChallenges, TlsClient,
    TlsDemand, TlsFault, TlsKeys, TlsProfile, TlsaRecord, generate_self_signed,
};
