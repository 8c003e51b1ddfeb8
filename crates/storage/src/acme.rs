//! Certificates by ACME (RFC 8555): accounts, certificates with what is under way for them, and
//! what proves that a name is ours. All daemons share them.
//!
//! **Invariant:** secrets stand here sealed; what is asked for while a name is proved expires.
//! **Absent:** ACME itself, and when a certificate is renewed.

use ids::Timestamp;

use crate::sql::{Row, Value};
use crate::{ReadTx, Result, WriteTx};

/// A certificate, or one that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AcmeCertificate {
    /// Host names with a space between.
    pub names: String,
    /// PEM; empty where there is none yet.
    pub chain: String,
    /// The private key of the certificate, sealed with `seal.key`.
    pub sealed_key: Vec<u8>,
    /// The instant from which on the certificate is valid.
    pub begins: Timestamp,
    /// The instant at which the certificate expires.
    pub ends: Timestamp,
    /// When it came here.
    pub issued: Timestamp,
    /// When it is to be ordered next.
    pub due: Timestamp,
    /// Attempts since the last that succeeded.
    pub failures: u32,
    /// Why the last attempt failed; empty after a success.
    pub problem: String,
    /// The order that is under way; empty: none.
    pub order_url: String,
    /// The private key of the certificate being ordered, sealed with `seal.key`.
    pub order_key: Vec<u8>,
}

impl AcmeCertificate {
    /// The host names of the certificate, one by one.
    pub fn each_name(&self) -> impl Iterator<Item = &str> {
        self.names.split(' ')
    }
}

/// A summary of all certificates that differs after a certificate was issued or removed, or when
/// the next is due sooner or later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AcmeState {
    /// How many certificates there are.
    pub issued: i64,
    /// When the newest came.
    pub newest: Timestamp,
    /// When the next of all that are known is to be ordered; `None`: nothing is known of any.
    pub due: Option<Timestamp>,
}

fn read(row: &dyn Row) -> Result<AcmeCertificate> {
    Ok(AcmeCertificate {
        names: row.text(0)?.to_owned(),
        chain: row.text(1)?.to_owned(),
        sealed_key: row.bytes(2)?.to_vec(),
        begins: Timestamp::from_micros(row.int(3)?),
        ends: Timestamp::from_micros(row.int(4)?),
        issued: Timestamp::from_micros(row.int(5)?),
        due: Timestamp::from_micros(row.int(6)?),
        failures: u32::try_from(row.int(7)?).unwrap_or(u32::MAX),
        problem: row.text(8)?.to_owned(),
        order_url: row.text(9)?.to_owned(),
        order_key: row.bytes(10)?.to_vec(),
    })
}

impl ReadTx<'_> {
    /// Every certificate that is there or wanted, by names.
    pub fn acme_certificates(&mut self) -> Result<Vec<AcmeCertificate>> {
        self.sql.query_all(
            "SELECT names, chain, sealed_key, begins, ends, issued, due, failures, problem, \
             order_url, order_key FROM acme_certificate ORDER BY names",
            &[],
            read,
        )
    }

    /// How many certificates there are and when the newest came, by which daemons see that
    /// something is new.
    pub fn acme_state(&mut self) -> Result<AcmeState> {
        let state = self.sql.query_one(
            "SELECT COALESCE(CAST(SUM(CASE WHEN issued > 0 THEN 1 ELSE 0 END) AS BIGINT), 0), \
             COALESCE(MAX(issued), 0), COALESCE(MIN(due), -1) FROM acme_certificate",
            &[],
            |row| {
                let due = Some(row.int(2)?).filter(|due| *due >= 0);
                Ok(AcmeState {
                    issued: row.int(0)?,
                    newest: Timestamp::from_micros(row.int(1)?),
                    due: due.map(Timestamp::from_micros),
                })
            },
        )?;
        Ok(state.unwrap_or_default())
    }

    /// The account at a directory, sealed.
    pub fn find_acme_account(&mut self, directory: &str) -> Result<Option<Vec<u8>>> {
        self.sql.query_one(
            "SELECT sealed FROM acme_account WHERE directory = ?1",
            &[Value::Text(directory)],
            |row| Ok(row.bytes(0)?.to_vec()),
        )
    }

    /// What proves a name, or answers to a token, if that is wanted now.
    pub fn find_acme_challenge(&mut self, kind: &str, name: &str) -> Result<Option<String>> {
        self.sql.query_one(
            "SELECT answer FROM acme_challenge WHERE kind = ?1 AND name = ?2",
            &[Value::Text(kind), Value::Text(name)],
            |row| Ok(row.text(0)?.to_owned()),
        )
    }
}

impl WriteTx<'_> {
    /// Keeps the account at a directory, in place of the one before.
    pub fn put_acme_account(&mut self, directory: &str, sealed: &[u8]) -> Result<()> {
        let now = Value::Int(self.now.as_micros());
        self.sql.execute(
            "INSERT INTO acme_account (directory, sealed, created) VALUES (?1, ?2, ?3) \
             ON CONFLICT (directory) DO UPDATE SET sealed = ?2, created = ?3",
            &[Value::Text(directory), Value::Bytes(sealed), now],
        )?;
        Ok(())
    }

    /// Forgets the account at a directory.
    pub fn remove_acme_account(&mut self, directory: &str) -> Result<()> {
        let directory = [Value::Text(directory)];
        self.sql.execute("DELETE FROM acme_account WHERE directory = ?1", &directory)?;
        Ok(())
    }

    /// Notes that a certificate is wanted, if nothing is known of one with these names; it is due
    /// at once.
    pub fn want_acme_certificate(&mut self, names: &str) -> Result<()> {
        self.sql.execute(
            "INSERT INTO acme_certificate (names, chain, sealed_key, begins, ends, issued, due, \
             failures, problem, order_url, order_key) \
             VALUES (?1, '', ?2, 0, 0, 0, 0, 0, '', '', ?2) ON CONFLICT (names) DO NOTHING",
            &[Value::Text(names), Value::Bytes(&[])],
        )?;
        Ok(())
    }

    /// Writes what is known of a certificate that is wanted; whether it still is.
    pub fn put_acme_certificate(&mut self, row: &AcmeCertificate) -> Result<bool> {
        let written = self.sql.execute(
            "UPDATE acme_certificate SET chain = ?2, sealed_key = ?3, begins = ?4, ends = ?5, \
             issued = ?6, due = ?7, failures = ?8, problem = ?9, order_url = ?10, \
             order_key = ?11 WHERE names = ?1",
            &[
                Value::Text(&row.names),
                Value::Text(&row.chain),
                Value::Bytes(&row.sealed_key),
                Value::Int(row.begins.as_micros()),
                Value::Int(row.ends.as_micros()),
                Value::Int(row.issued.as_micros()),
                Value::Int(row.due.as_micros()),
                Value::Int(row.failures.into()),
                Value::Text(&row.problem),
                Value::Text(&row.order_url),
                Value::Bytes(&row.order_key),
            ],
        )?;
        Ok(written > 0)
    }

    /// Has certificates with a name, or all, ordered anew now; how many.
    pub fn renew_acme_certificates(&mut self, name: Option<&str>) -> Result<u64> {
        let rows = self.acme_certificates()?;
        let meant = rows.iter().filter(|row| match name {
            None => true,
            Some(name) => row.each_name().any(|one| one.eq_ignore_ascii_case(name)),
        });
        let mut count = 0;
        for row in meant {
            count += self.sql.execute(
                "UPDATE acme_certificate SET due = 0, failures = 0 WHERE names = ?1",
                &[Value::Text(&row.names)],
            )?;
        }
        Ok(count)
    }

    /// Forgets a certificate.
    pub fn remove_acme_certificate(&mut self, names: &str) -> Result<()> {
        let names = [Value::Text(names)];
        self.sql.execute("DELETE FROM acme_certificate WHERE names = ?1", &names)?;
        Ok(())
    }

    /// Keeps the answer to an ACME challenge for `secs` seconds, so that every daemon can give it.
    /// `kind` is the type of the challenge, `name` the host name or token that it is asked for by.
    /// Expired challenges are deleted.
    pub fn put_acme_challenge(
        &mut self,
        kind: &str,
        name: &str,
        answer: &str,
        secs: i64,
    ) -> Result<()> {
        let until = Value::Int(self.now.plus_secs(secs).as_micros());
        let now = Value::Int(self.now.as_micros());
        self.sql.execute("DELETE FROM acme_challenge WHERE expires <= ?1", &[now])?;
        self.sql.execute(
            "INSERT INTO acme_challenge (kind, name, answer, expires) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (kind, name) DO UPDATE SET answer = ?3, expires = ?4",
            &[Value::Text(kind), Value::Text(name), Value::Text(answer), until],
        )?;
        Ok(())
    }

    /// Deletes the answer to an ACME challenge, if it is there.
    pub fn remove_acme_challenge(&mut self, kind: &str, name: &str) -> Result<()> {
        self.sql.execute(
            "DELETE FROM acme_challenge WHERE kind = ?1 AND name = ?2",
            &[Value::Text(kind), Value::Text(name)],
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::on_both_engines;

    #[test]
    fn what_is_wanted_is_there_once_and_can_be_renewed() {
        on_both_engines(|store| {
            assert_eq!(store.read(|tx| tx.acme_state()).unwrap(), AcmeState::default());
            let want = |names: &'static str| store.write(move |tx| tx.want_acme_certificate(names));
            want("mail.a.test a.test").unwrap();
            want("mail.b.test").unwrap();
            let all = || store.read(|tx| tx.acme_certificates()).unwrap();
            let state = || store.read(|tx| tx.acme_state()).unwrap();
            let none = AcmeState { due: Some(Timestamp::default()), ..AcmeState::default() };
            assert_eq!(state(), none);
            let row = AcmeCertificate {
                names: "mail.a.test a.test".to_owned(),
                chain: "PEM".to_owned(),
                sealed_key: vec![1, 2],
                begins: Timestamp::from_secs(1),
                ends: Timestamp::from_secs(2),
                issued: Timestamp::from_secs(3),
                due: Timestamp::from_secs(4),
                failures: 5,
                problem: "none".to_owned(),
                order_url: "https://ca.test/1".to_owned(),
                order_key: vec![3],
            };
            let put = |row: &AcmeCertificate| {
                let row = row.clone();
                store.write(move |tx| tx.put_acme_certificate(&row)).unwrap()
            };
            assert!(put(&row));
            // What is known stays.
            want("mail.a.test a.test").unwrap();
            assert_eq!(all()[0], row);
            assert_eq!((state().issued, state().newest), (1, Timestamp::from_secs(3)));
            let renew = |name: Option<&'static str>| {
                store.write(move |tx| tx.renew_acme_certificates(name)).unwrap()
            };
            assert_eq!((renew(Some("A.test")), renew(Some("c.test")), renew(None)), (1, 0, 2));
            assert_eq!(all()[0].due, Timestamp::default());
            store.write(|tx| tx.remove_acme_certificate("mail.a.test a.test")).unwrap();
            assert!(!put(&row));
            assert_eq!(all().len(), 1);
        });
    }

    #[test]
    fn accounts_and_proofs() {
        on_both_engines(|store| {
            let account = || store.read(|tx| tx.find_acme_account("https://ca.test/d")).unwrap();
            assert_eq!(account(), None);
            for sealed in [&b"one"[..], b"two"] {
                let put =
                    move |tx: &mut WriteTx<'_>| tx.put_acme_account("https://ca.test/d", sealed);
                store.write(put).unwrap();
                assert_eq!(account().as_deref(), Some(sealed));
            }
            store.write(|tx| tx.remove_acme_account("https://ca.test/d")).unwrap();
            assert_eq!(account(), None);
            let find = |kind: &'static str, name: &'static str| {
                store.read(move |tx| tx.find_acme_challenge(kind, name)).unwrap()
            };
            store.write(|tx| tx.put_acme_challenge("http-01", "token", "answer", 60)).unwrap();
            assert_eq!(find("http-01", "token").as_deref(), Some("answer"));
            assert_eq!((find("tls-alpn-01", "token"), find("http-01", "other")), (None, None));
            store.write(|tx| tx.remove_acme_challenge("http-01", "token")).unwrap();
            assert_eq!(find("http-01", "token"), None);
        });
    }
}
