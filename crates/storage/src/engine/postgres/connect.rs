//! How connections are made: what every session is told, and how a dead one is noticed.

use std::time::Duration;

use crate::sql::connection::{Connection, Target};
use crate::{Result, StorageError};

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// LIMIT: an idle connection is probed after this long, and given up after three probes; half a
/// minute is what a mail client waits before its user notices.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;
/// LIMIT: bytes that the other side has not taken note of after this long never arrive.
const UNANSWERED_TIMEOUT: Duration = Duration::from_secs(30);

/// The server looks after its side in the same way: a transaction of a daemon whose machine is
/// gone must not keep its accounts locked. Ignored on local sockets. An acknowledged write is on
/// stable storage, whatever the server's default: `off` is raised, and stronger choices stay.
const SESSION: &str = "SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; \
     SET tcp_keepalives_count = 3; \
     SELECT set_config('synchronous_commit', 'on', false) \
     WHERE current_setting('synchronous_commit') = 'off'";

/// LIMIT: the server waits so long for the next statement of a daemon that stopped in the middle,
/// and a writer somewhat longer for an account that another one holds: when the first is given up,
/// its account is free before those that wait for it give up as well. Where the whole machine is
/// stopped for that long and goes on, nobody is refused.
const WRITER: &str = "SET lock_timeout = '75s'; SET idle_in_transaction_session_timeout = '60s'";

/// Parses the URL into the parameters of connections.
pub(super) fn parse(url: &str) -> Result<Target> {
    let mut target = Target::parse(url)
        .map_err(|cause| StorageError::Unavailable(format!("database address: {cause}")))?;
    target
        .config
        .application_name("posthorn")
        .connect_timeout(CONNECT_TIMEOUT)
        .keepalives(true)
        .keepalives_idle(KEEPALIVE_IDLE)
        .keepalives_interval(KEEPALIVE_INTERVAL)
        .keepalives_retries(KEEPALIVE_RETRIES)
        .tcp_user_timeout(UNANSWERED_TIMEOUT);
    Ok(target)
}

/// A session as every thread wants it.
pub(super) fn connect(target: &Target) -> Result<Connection> {
    let connection = Connection::open(target)?;
    connection.simple(SESSION)?;
    Ok(connection)
}

/// A session that writes.
pub(super) fn connect_writer(target: &Target) -> Result<Connection> {
    let connection = connect(target)?;
    connection.simple(WRITER)?;
    Ok(connection)
}

/// Says once per start what no session can put right.
pub(super) fn warn_of_unsafe_server(connection: &Connection) -> Result<()> {
    if connection.simple("SHOW fsync")?.as_deref() == Some("off") {
        tracing::warn!("PostgreSQL runs with fsync=off: mail is lost when its machine stops");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_connections_are_noticed() {
        let config = parse("postgresql://posthorn@db.example.test/mail").unwrap().config;
        assert!(config.get_keepalives());
        assert_eq!(config.get_keepalives_idle(), KEEPALIVE_IDLE);
        assert_eq!(config.get_keepalives_interval(), Some(KEEPALIVE_INTERVAL));
        assert_eq!(config.get_keepalives_retries(), Some(KEEPALIVE_RETRIES));
        assert_eq!(config.get_tcp_user_timeout(), Some(&UNANSWERED_TIMEOUT));
        assert!(parse("postgresql://[").is_err());
    }

    #[test]
    fn sessions_are_durable_and_bounded_whatever_the_server_says() {
        // The shared server has synchronous_commit=off.
        let database = testkit::Postgres::shared().create_database();
        let config = parse(database.url()).unwrap();
        let connection = connect_writer(&config).unwrap();
        for (setting, expect) in [
            ("synchronous_commit", "on"),
            ("lock_timeout", "75s"),
            ("idle_in_transaction_session_timeout", "1min"),
            ("tcp_keepalives_idle", "15"),
        ] {
            let shown = connection.simple(&format!("SHOW {setting}")).unwrap();
            assert_eq!(shown.as_deref(), Some(expect), "{setting}");
        }
    }
}
