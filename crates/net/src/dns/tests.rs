//! Whom DNSSEC vouches for, by a resolver that validates.

use std::net::SocketAddr;

use hickory_resolver::proto::op::{Message, MessageType, OpCode};
use hickory_resolver::proto::rr::rdata::{A, CNAME, MX};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;

use super::*;

/// In the zone of `signed.test` all is vouched for, and in that of `loose.test` nothing: who
/// answers, and whether it is secure.
fn zones(name: &str, kind: RecordType) -> (Vec<(&'static str, RData)>, bool) {
    let address = || RData::A(A("192.0.2.1".parse().unwrap()));
    let alias = |of: &str| RData::CNAME(CNAME(Name::from_ascii(of).unwrap()));
    let chain = match name {
        "out.signed.test." => vec![("out.signed.test.", alias("host.loose.test."))],
        "in.signed.test." => vec![("in.signed.test.", alias("host.signed.test."))],
        "alias.loose.test." => vec![("alias.loose.test.", alias("host.loose.test."))],
        _ => Vec::new(),
    };
    let end = match name {
        "in.signed.test." | "host.signed.test." => "host.signed.test.",
        _ => "host.loose.test.",
    };
    let whole = end == "host.signed.test.";
    let exchange = || RData::MX(MX::new(10, Name::from_ascii("mx.test.").unwrap()));
    match kind {
        RecordType::CNAME => (chain, name.ends_with(".signed.test.")),
        RecordType::A => ([chain, vec![(end, address())]].concat(), whole),
        RecordType::MX => ([chain, vec![(end, exchange())]].concat(), whole),
        _ => (chain, whole),
    }
}

async fn resolver() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
            let question = Message::from_vec(&buffer[..length]).unwrap();
            let query = question.queries[0].clone();
            let id = question.metadata.id;
            let mut answer = Message::new(id, MessageType::Response, OpCode::Query);
            let (records, secure) = zones(&query.name().to_ascii(), query.query_type());
            answer.metadata.authentic_data = secure;
            answer.add_query(query);
            for (name, data) in records {
                let name = Name::from_ascii(name).unwrap();
                answer.add_answer(Record::from_rdata(name, 60, data));
            }
            socket.send_to(&answer.to_vec().unwrap(), peer).await.unwrap();
        }
    });
    address
}

// RFC 7672 §2.2.2, its cases.
#[tokio::test]
async fn an_alias_that_is_vouched_for_is_where_tlsa_records_are_looked_for() {
    let address = resolver().await;
    let dns = SystemDns::new(&[address], DnsTrust::Servers).unwrap();
    for (host, canonical, secure) in [
        ("host.signed.test", "host.signed.test", true),
        ("in.signed.test", "host.signed.test", true),
        ("out.signed.test", "out.signed.test", true),
        ("alias.loose.test", "alias.loose.test", false),
        ("host.loose.test", "host.loose.test", false),
    ] {
        let found = dns.vouched_addresses(host).await.unwrap();
        assert_eq!((found.answer.canonical.as_str(), found.secure), (canonical, secure), "{host}");
        assert_eq!(found.answer.addresses.len(), 1, "{host}");
    }
    // RFC 7672 §3.2.2: the names of a domain that is an alias are told of.
    let found = dns.vouched_exchangers("in.signed.test").await.unwrap();
    assert_eq!((found.answer.canonical.as_str(), found.secure), ("host.signed.test", true));
    assert_eq!(found.answer.records[0].host, "mx.test");
}
