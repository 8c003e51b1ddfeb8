//! From the configuration to the policy on hosts that bring mail.

use std::sync::Arc;
use std::time::Duration;

use config::{Config, Network};
use net::{IpNetwork, ReplaceableDns};
use smtp::{BlockList, PeerAction, PeerPolicy, PeerSettings};
use storage::GreylistTimes;

/// The policy that it makes.
pub(super) fn policy(config: &Config, dns: Arc<ReplaceableDns>) -> PeerPolicy {
    let peers = &config.peers;
    let secs = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    let settings = PeerSettings {
        exempt: networks(&peers.exempt),
        lists: config.block_lists.iter().map(block_list).collect(),
        helo: action(peers.helo),
        reverse: action(peers.reverse_dns),
        greylist: peers.greylist.then(|| GreylistTimes {
            delay_secs: secs(peers.greylist_delay),
            window_secs: secs(peers.greylist_window),
            lifetime_secs: secs(peers.greylist_lifetime),
        }),
        timeout: peers.timeout,
    };
    PeerPolicy::new(dns, settings)
}

fn block_list(list: &config::BlockList) -> BlockList {
    BlockList {
        zone: list.zone.to_string().trim_matches('.').to_owned(),
        answers: networks(&list.answers),
        action: action(list.action),
    }
}

fn networks(list: &[Network]) -> Vec<IpNetwork> {
    list.iter().filter_map(|network| network.to_string().parse().ok()).collect()
}

fn action(action: config::PeerAction) -> PeerAction {
    match action {
        config::PeerAction::Off => PeerAction::Off,
        config::PeerAction::Mark => PeerAction::Mark,
        config::PeerAction::Defer => PeerAction::Defer,
        config::PeerAction::Refuse => PeerAction::Refuse,
    }
}
