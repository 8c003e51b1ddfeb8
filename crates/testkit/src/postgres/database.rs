//! Databases on a test server.

use std::sync::atomic::{AtomicU64, Ordering};

use postgres::{Client, NoTls};

/// A database that exists as long as this value.
#[derive(Debug)]
pub struct Database {
    server_url: String,
    name: String,
    url: String,
}

impl Database {
    pub(super) fn create(server_url: &str, template: &str) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!(
            "test_{}_{}_{:08x}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed),
            fastrand::u32(..)
        );
        let statement = format!("CREATE DATABASE {name} TEMPLATE {template}");
        with_client(&admin_url(server_url), |client| client.batch_execute(&statement))
            .unwrap_or_else(|error| panic!("{statement}: {error:?}"));
        let url = format!("{server_url}/{name}");
        Self { server_url: server_url.to_owned(), name, url }
    }

    /// What to connect to: `postgresql://postgres@127.0.0.1:PORT/NAME`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The name of the database on its server.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // The server goes away with everything on it; a drop that fails only costs disk space
        // until then, and must not turn a failed test into an abort.
        let dropped = std::panic::catch_unwind(|| {
            with_client(&admin_url(&self.server_url), |client| client.batch_execute(&statement))
        });
        if !matches!(dropped, Ok(Ok(()))) {
            eprintln!("{statement}: not done");
        }
    }
}

pub(super) fn find_or_build_template(
    server_url: &str,
    key: &str,
    build: impl FnOnce(&str),
) -> String {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    assert!(key.bytes().all(plain), "a template key is made of [a-z0-9_], not {key:?}");
    let name = format!("template_{key}");
    let url = admin_url(server_url);
    // The lock is held by a connection of its own while the template is built: a process that
    // dies in the middle gives it up, and the next one starts over.
    let (locked, wait_locked) = std::sync::mpsc::channel();
    let (done, wait_done) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let (url, name) = (&url, &name);
        scope.spawn(move || {
            let mut client = connect(url);
            client
                .execute("SELECT pg_advisory_lock(hashtextextended($1, 0))", &[name])
                .unwrap_or_else(|error| panic!("lock of template {name}: {error:?}"));
            let exists = client
                .query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[name])
                .unwrap_or_else(|error| panic!("look for template {name}: {error:?}"))
                .is_some();
            // The receiver lives until the scope ends.
            let _ = locked.send(exists);
            let _ = wait_done.recv();
        });
        if let Ok(false) = wait_locked.recv() {
            let draft = Database::create(server_url, "template0");
            build(draft.url());
            let statement = format!("ALTER DATABASE {} RENAME TO {name}", draft.name());
            with_client(url, |client| client.batch_execute(&statement))
                .unwrap_or_else(|error| panic!("{statement}: {error:?}"));
        }
        drop(done);
    });
    name
}

/// Runs `run` with a connection to `url` on a thread of its own, because the client blocks on a
/// runtime that must not be started from within another one.
pub(super) fn with_client<T: Send>(url: &str, run: impl FnOnce(&mut Client) -> T + Send) -> T {
    let joined = std::thread::scope(|scope| scope.spawn(|| run(&mut connect(url))).join());
    joined.unwrap_or_else(|payload| std::panic::resume_unwind(payload))
}

fn connect(url: &str) -> Client {
    Client::connect(url, NoTls)
        .unwrap_or_else(|error| panic!("cannot connect to {url} for a test: {error:?}"))
}

fn admin_url(server_url: &str) -> String {
    format!("{server_url}/postgres")
}
