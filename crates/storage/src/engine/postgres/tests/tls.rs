//! A server that takes no connection without TLS.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use testkit::Postgres;

use super::super::connect::{self, connect};
use super::{Run, open};
use crate::{Result, StorageError};

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn issuer() -> Issuer {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// One server, and the files of those who vouch for it and of others.
struct House {
    server: Postgres,
    ca: String,
    other_ca: String,
    _folder: tempfile::TempDir,
}

impl House {
    fn build() -> Self {
        let (ca, other) = (issuer(), issuer());
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &ca).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, pem: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, pem).unwrap();
            path.display().to_string()
        };
        Self {
            server: Postgres::start_with_tls(&certificate.pem(), &key.serialize_pem()),
            ca: file("ca.pem", ca.pem()),
            other_ca: file("other.pem", other.pem()),
            _folder: folder,
        }
    }

    fn url(&self, host: &str, query: &str) -> String {
        let url = self.server.url().replace("127.0.0.1", host);
        format!("{url}/postgres?{query}")
    }

    /// The TLS version that a session of ours speaks.
    fn version(&self, host: &str, query: &str) -> Result<Option<String>> {
        let connection = connect(&connect::parse(&self.url(host, query))?)?;
        connection.simple("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    }
}

#[test]
fn connections_are_as_safe_as_asked() {
    let house = House::build();
    let (ca, other) = (&house.ca, &house.other_ca);
    for (host, query, good) in [
        ("127.0.0.1", format!("sslmode=verify-full&sslrootcert={ca}"), true),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={ca}"), true),
        ("127.0.0.1", format!("sslmode=require&sslrootcert={ca}"), true),
        ("127.0.0.1", "sslmode=require".to_owned(), true),
        ("127.0.0.1", "sslmode=prefer".to_owned(), true),
        ("127.0.0.1", String::new(), true),
        // The certificate names the address only.
        ("localhost", format!("sslmode=verify-full&sslrootcert={ca}"), false),
        ("localhost", format!("sslmode=verify-ca&sslrootcert={ca}"), true),
        // Somebody else vouches.
        ("127.0.0.1", format!("sslmode=verify-full&sslrootcert={other}"), false),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={other}"), false),
        ("127.0.0.1", format!("sslmode=require&sslrootcert={other}"), false),
        // The server wants it.
        ("127.0.0.1", "sslmode=disable".to_owned(), false),
    ] {
        match house.version(host, &query) {
            Ok(version) => assert!(good && version.as_deref() == Some("TLSv1.3"), "{host} {query}"),
            Err(StorageError::Unavailable(why)) => assert!(!good, "{host} {query}: {why}"),
            // Told by the server.
            Err(error) => assert!(query == "sslmode=disable", "{host} {query}: {error}"),
        }
    }
    a_store_works(&house);
    a_password_is_bound_to_the_channel(&house);
}

fn a_store_works(house: &House) {
    let url = house.url("127.0.0.1", &format!("sslmode=verify-full&sslrootcert={}", house.ca));
    let Run { store, .. } = &open(&url).unwrap();
    store.write_blocking("test", |tx| tx.create_domain("example.test").map(drop)).unwrap();
    let domains = store.read_blocking(|tx| tx.list_domains()).unwrap();
    assert_eq!(domains.len(), 1);
    store.close();
}

fn a_password_is_bound_to_the_channel(house: &House) {
    let admin = connect(&connect::parse(&house.url("127.0.0.1", "sslmode=require")).unwrap());
    admin.unwrap().simple("CREATE ROLE scram LOGIN PASSWORD 'scram'").unwrap();
    let url = house.url("127.0.0.1", "sslmode=require&channel_binding=require");
    for (password, good) in [("scram", true), ("wrong", false)] {
        let url = url.replace("postgres@", &format!("scram:{password}@"));
        let signed_in = connect(&connect::parse(&url).unwrap());
        assert_eq!(signed_in.is_ok(), good, "{password}");
    }
}
