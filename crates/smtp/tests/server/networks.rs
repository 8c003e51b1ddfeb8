//! Bounds on what a network of strangers, and one address, may do in a minute.

use std::sync::Arc;

use net::{NetworkRateLimits, NetworkRates, RateLimits};
use smtp::{Role, Server};

use crate::support::{Fixture, settings, without_ids};

/// What a session from 192.0.2.7 hears.
async fn talk(fixture: &Fixture, rates: &Arc<NetworkRates>, wire: &str) -> String {
    let server = Server::new(settings(Role::Mx), fixture.desk.clone(), fixture.memory.clone())
        .bounding_networks(rates.clone());
    let replies = fixture.talk_to(server, wire.as_bytes()).await;
    without_ids(&replies)
}

fn of_networks(network: RateLimits) -> Arc<NetworkRates> {
    Arc::new(NetworkRates::new(NetworkRateLimits { network, ..NetworkRateLimits::default() }))
}

fn of_addresses(address: RateLimits) -> Arc<NetworkRates> {
    Arc::new(NetworkRates::new(NetworkRateLimits { address, ..NetworkRateLimits::default() }))
}

#[tokio::test]
async fn too_many_connections_are_turned_away() {
    let fixture = Fixture::new().await;
    let limits = RateLimits { connections: 1, ..RateLimits::default() };
    for rates in [of_networks(limits), of_addresses(limits)] {
        assert!(talk(&fixture, &rates, "QUIT\r\n").await.starts_with("220 "));
        let replies = talk(&fixture, &rates, "").await;
        assert_eq!(replies, "421 4.7.0 Too many connections, come again later\r\n");
    }
    fixture.close().await;
}

#[tokio::test]
async fn too_many_messages_and_recipients_come_again() {
    let fixture = Fixture::new().await;
    let one = "MAIL FROM:<a@b.test>\r\nRCPT TO:<alice@here.test>\r\nRSET\r\n";
    for (party, rates) in [("network", of_networks as fn(_) -> _), ("address", of_addresses)] {
        let later =
            format!("450 4.7.1 Too much mail from your {party}, come again in 60 seconds\r\n");
        let messages = rates(RateLimits { messages: 1, ..RateLimits::default() });
        let wire = format!("HELO b.test\r\n{one}{one}QUIT\r\n");
        let replies = talk(&fixture, &messages, &wire).await;
        assert_eq!(replies.matches(&later).count(), 1, "{replies}");
        // Names that nobody has count too.
        let recipients = rates(RateLimits { recipients: 1, ..RateLimits::default() });
        let wire = "HELO b.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<nobody@here.test>\r\n\
                    RCPT TO:<alice@here.test>\r\nQUIT\r\n";
        let replies = talk(&fixture, &recipients, wire).await;
        assert_eq!(replies.matches(&later).count(), 1, "{replies}");
        // A message counts once, whoever of its recipients is refused.
        let two = rates(RateLimits { messages: 2, ..RateLimits::default() });
        let nobody = "RCPT TO:<nobody@here.test>\r\n".repeat(3);
        let wire = format!("HELO b.test\r\nMAIL FROM:<a@b.test>\r\n{nobody}RSET\r\n{one}QUIT\r\n");
        let replies = talk(&fixture, &two, &wire).await;
        assert!(!replies.contains("450 "), "{replies}");
    }
    fixture.close().await;
}
