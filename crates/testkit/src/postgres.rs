//! A private PostgreSQL server for tests, from the binaries Debian installs.
//!
//! `cargo xtask test` starts one server for the whole run and names it in
//! `POSTHORN_TEST_POSTGRES`; a test run without it starts its own at first use, one per
//! process. Where no PostgreSQL is installed the test fails and says what to install.
//!
//! **Invariant:** the server and its directory are gone when the process that started it is
//! gone, even if that one was killed: a small shell holds the other end of a pipe, and stops the
//! server when the pipe closes.

mod database;
mod server;

use std::sync::OnceLock;

pub use database::Database;
use server::Server;

/// Names the server of the whole test run: a connection URL without a database name.
const SHARED_SERVER: &str = "POSTHORN_TEST_POSTGRES";

/// Whether the server may lose what it has committed when the machine stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// No write waits for the disk: what nearly every test wants.
    Relaxed,
    /// Every commit is flushed, as in production: for crash tests and measurements.
    Full,
}

/// A running PostgreSQL server.
#[derive(Debug)]
pub struct Postgres {
    url: String,
    /// Absent where the server belongs to the whole test run.
    _server: Option<Server>,
}

impl Postgres {
    /// The server of this test run: the one in `POSTHORN_TEST_POSTGRES`, else one that this
    /// process starts now and keeps until it ends.
    ///
    /// # Panics
    /// If no server can be started, with the reason.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(|| match std::env::var(SHARED_SERVER) {
            Ok(url) => Self { url: url.trim_end_matches('/').to_owned(), _server: None },
            Err(_) => Self::start(Durability::Relaxed),
        })
    }

    /// Starts a server of one's own; it stops when the value is dropped.
    ///
    /// # Panics
    /// If no server can be started, with the reason.
    pub fn start(durability: Durability) -> Self {
        let server = Server::start(durability)
            .unwrap_or_else(|reason| panic!("cannot start PostgreSQL for the tests: {reason}"));
        Self { url: server.url(), _server: Some(server) }
    }

    /// Starts a server of one's own that takes no connection without TLS. `certificate` and `key`
    /// are PEM; the user `scram` signs in with the password `scram`, everybody else without one.
    ///
    /// # Panics
    /// If no server can be started, with the reason.
    pub fn start_with_tls(certificate: &str, key: &str) -> Self {
        let server = Server::start_with_tls(certificate, key)
            .unwrap_or_else(|reason| panic!("cannot start PostgreSQL for the tests: {reason}"));
        Self { url: server.url(), _server: Some(server) }
    }

    /// The connection URL without a database name: `postgresql://postgres@127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A fresh, empty database, dropped with the value.
    pub fn create_database(&self) -> Database {
        Database::create(&self.url, "template0")
    }

    /// A fresh database that starts as a copy of the template `key`. The first caller of the
    /// whole test run builds the template: `build` is given the URL of an empty database to fill
    /// and must leave no connection to it open.
    ///
    /// `key` is made of `[a-z0-9_]`; two templates that differ must have two keys.
    pub fn create_database_like(&self, key: &str, build: impl FnOnce(&str)) -> Database {
        let template = database::find_or_build_template(&self.url, key, build);
        Database::create(&self.url, &template)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_client<T: Send>(url: &str, run: impl FnOnce(&mut ::postgres::Client) -> T + Send) -> T {
        database::with_client(url, run)
    }

    #[test]
    fn databases_are_apart_and_dropped() {
        let server = Postgres::shared();
        let first = server.create_database();
        let second = server.create_database();
        with_client(first.url(), |client| {
            client.batch_execute("CREATE TABLE only_here (id BIGINT)").unwrap();
        });
        with_client(second.url(), |client| {
            assert!(client.batch_execute("SELECT id FROM only_here").is_err());
        });
        let name = first.name().to_owned();
        drop(first);
        let left = with_client(&format!("{}/postgres", server.url()), |client| {
            client.query("SELECT 1 FROM pg_database WHERE datname = $1", &[&name]).unwrap().len()
        });
        assert_eq!(left, 0);
    }

    #[test]
    fn a_template_is_built_once() {
        let server = Postgres::shared();
        let key = format!("once_{}", std::process::id());
        let mut built = 0;
        for _ in 0..3 {
            let database = server.create_database_like(&key, |url| {
                built += 1;
                with_client(url, |client| {
                    client.batch_execute("CREATE TABLE from_template (id BIGINT)").unwrap();
                });
            });
            with_client(database.url(), |client| {
                client.batch_execute("SELECT id FROM from_template").unwrap();
            });
        }
        assert_eq!(built, 1);
    }

    #[tokio::test]
    async fn works_inside_an_async_runtime() {
        let database = Postgres::shared().create_database();
        assert!(database.url().starts_with("postgresql://"));
    }

    #[test]
    fn a_private_server_keeps_its_word_about_durability() {
        let server = Postgres::start(Durability::Full);
        let shown = with_client(&format!("{}/postgres", server.url()), |client| {
            client.query_one("SHOW fsync", &[]).unwrap().get::<_, String>(0)
        });
        assert_eq!(shown, "on");
    }
}
