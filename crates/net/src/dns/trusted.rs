//! Questions to a resolver whose word on DNSSEC is taken: the AD bit (RFC 4035 §3.2.3,
//! RFC 6840 §5.7, §5.8).
//!
//! It validates; between it and us there is nothing but this machine, or a network that the
//! operator trusts. One question at a time, over UDP, and over TCP where the answer is too long;
//! nothing is remembered here, for the resolver does.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::DnsError;

/// LIMIT: how long one server may take, and how often all are asked.
const TIMEOUT: Duration = Duration::from_secs(5);
const ATTEMPTS: usize = 2;
/// RFC 9715 §3: what passes everywhere without fragments.
const UDP_BYTES_MAX: u16 = 1232;

/// The answer of a server, checked.
pub(super) struct Reply {
    /// The answer section.
    pub(super) records: Vec<Record>,
    /// Whether DNSSEC validated the whole answer.
    pub(super) secure: bool,
}

/// The resolver, at one or several addresses.
pub(super) struct TrustedResolver {
    servers: Vec<SocketAddr>,
}

impl TrustedResolver {
    pub(super) fn new(servers: Vec<SocketAddr>) -> Self {
        Self { servers }
    }

    /// Asks for the records of this kind.
    pub(super) async fn ask(&self, name: &str, kind: RecordType) -> Result<Reply, DnsError> {
        let name = Name::from_ascii(format!("{}.", name.trim_end_matches('.')));
        // RFC 1035 §2.3.4: what is too long for a name names nothing.
        let Ok(name) = name else { return Err(DnsError::NoSuchName) };
        let mut last = "no server is known".to_owned();
        for _ in 0..ATTEMPTS {
            for server in &self.servers {
                match ask_one(*server, &name, kind).await {
                    Ok(message) => match read(message) {
                        Err(DnsError::Temporary(text)) => last = text,
                        told => return told,
                    },
                    Err(error) => last = format!("{server}: {error}"),
                }
            }
        }
        Err(DnsError::Temporary(last))
    }
}

/// Reads an answer.
fn read(message: Message) -> Result<Reply, DnsError> {
    match message.metadata.response_code {
        ResponseCode::NoError => {
            Ok(Reply { secure: message.metadata.authentic_data, records: message.answers })
        }
        ResponseCode::NXDomain => Err(DnsError::NoSuchName),
        // RFC 4035 §5.5: what does not stand validation is SERVFAIL, as what cannot be found out.
        other => Err(DnsError::Temporary(other.to_string())),
    }
}

async fn ask_one(server: SocketAddr, name: &Name, kind: RecordType) -> std::io::Result<Message> {
    let question = question(name, kind);
    let bytes = question.to_vec().map_err(std::io::Error::other)?;
    let answer = timeout(TIMEOUT, over_udp(server, &question, &bytes)).await??;
    if !answer.metadata.truncation {
        return Ok(answer);
    }
    timeout(TIMEOUT, over_tcp(server, &question, &bytes)).await?
}

fn question(name: &Name, kind: RecordType) -> Message {
    let mut id = [0; 2];
    // Without chance there is no safety in it; nor is there without a random port.
    let _ = aws_lc_rs::rand::fill(&mut id);
    let mut message = Message::new(u16::from_be_bytes(id), MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    // RFC 6840 §5.7: who sets AD understands it in the answer.
    message.metadata.authentic_data = true;
    message.add_query(Query::query(name.clone(), kind));
    let mut edns = Edns::new();
    edns.set_max_payload(UDP_BYTES_MAX);
    message.set_edns(edns);
    message
}

async fn over_udp(
    server: SocketAddr,
    question: &Message,
    bytes: &[u8],
) -> std::io::Result<Message> {
    let any: SocketAddr =
        if server.is_ipv6() { ([0; 8], 0).into() } else { ([0, 0, 0, 0], 0).into() };
    let socket = UdpSocket::bind(any).await?;
    // From elsewhere nothing is taken.
    socket.connect(server).await?;
    socket.send(bytes).await?;
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let parsed = Message::from_vec(buffer.get(..length).unwrap_or_default());
        // What does not answer the question is somebody else's, or meant to deceive.
        if let Some(answer) = parsed.ok().filter(|answer| answers(answer, question)) {
            return Ok(answer);
        }
    }
}

async fn over_tcp(
    server: SocketAddr,
    question: &Message,
    bytes: &[u8],
) -> std::io::Result<Message> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(bytes.len()).map_err(std::io::Error::other)?;
    // RFC 7766 §8: length and message in one segment.
    stream.write_all(&[&length.to_be_bytes(), bytes].concat()).await?;
    let length = stream.read_u16().await?;
    let mut buffer = vec![0; usize::from(length)];
    stream.read_exact(&mut buffer).await?;
    let answer = Message::from_vec(&buffer).map_err(std::io::Error::other)?;
    match answers(&answer, question) {
        true => Ok(answer),
        false => Err(std::io::Error::other("the answer is to another question")),
    }
}

fn answers(answer: &Message, question: &Message) -> bool {
    answer.metadata.id == question.metadata.id
        && answer.metadata.message_type == MessageType::Response
        && answer.queries == question.queries
}

/// The end of the chain of aliases that begins at `name`.
pub(super) fn canonical(name: &str, records: &[Record]) -> String {
    let plain = |name: &Name| name.to_ascii().trim_end_matches('.').to_ascii_lowercase();
    let mut current = name.trim_end_matches('.').to_ascii_lowercase();
    // Each record leads on once, so that a circle ends.
    for _ in records {
        let alias = records.iter().find_map(|record| match &record.data {
            RData::CNAME(target) if plain(&record.name) == current => Some(plain(target)),
            _ => None,
        });
        match alias {
            Some(target) => current = target,
            None => break,
        }
    }
    current
}
