//! How often the database is asked.

use message::search_form;
use textindex::Asked;

use super::{SearchField, SearchTerm, Sought, on_both_engines};
use crate::ReadTx;
use crate::sql::{Dialect, EachRow, Sql, Value};

/// Counts what is asked of the database.
struct Counting<'s> {
    sql: &'s mut dyn Sql,
    queries: usize,
}

impl Sql for Counting<'_> {
    fn execute(&mut self, sql: &'static str, params: &[Value<'_>]) -> crate::Result<u64> {
        self.queries += 1;
        self.sql.execute(sql, params)
    }

    fn query(
        &mut self,
        sql: &'static str,
        params: &[Value<'_>],
        each: EachRow<'_>,
    ) -> crate::Result<()> {
        self.queries += 1;
        self.sql.query(sql, params, each)
    }

    fn execute_many(
        &mut self,
        sql: &'static str,
        rows: &mut dyn Iterator<Item = Vec<Value<'_>>>,
    ) -> crate::Result<u64> {
        self.queries += 1;
        self.sql.execute_many(sql, rows)
    }

    fn query_in_of(
        &mut self,
        sql: &'static str,
        ids: &[i64],
        of: Option<Value<'_>>,
        each: EachRow<'_>,
    ) -> crate::Result<()> {
        self.queries += 1;
        self.sql.query_in_of(sql, ids, of, each)
    }

    fn dialect(&self) -> Dialect {
        self.sql.dialect()
    }
}

#[test]
fn postgresql_is_asked_for_many_blocks_at_once() {
    on_both_engines(
        |_| {},
        |scene| {
            // Words of their own in each message, so that what is sought stands in every block.
            for message in 0..12 {
                let words: Vec<String> =
                    (0..4000).map(|word| format!("{word:05}x{message:03}needle")).collect();
                scene.append(1, format!("Subject: many\r\n\r\n{}\r\n", words.join(" ")));
            }
            while scene.index().messages > 0 {}
            let (sought, mailbox) = (Sought::Text(search_form("needle")), scene.mailboxes[1]);
            let term = SearchTerm { field: SearchField::Body, sought };
            let counted = scene.store.read_blocking(move |tx| {
                let sql = "SELECT COUNT(*) FROM search_block";
                let blocks = tx.sql.query_one(sql, &[], |row| row.int(0))?.unwrap_or(0) as usize;
                let dialect = tx.sql.dialect();
                let mut counting = Counting { sql: &mut *tx.sql, queries: 0 };
                let (blobs, others_max) = (tx.blobs, tx.others_max);
                let mut counted =
                    ReadTx { sql: &mut counting, blobs, contents: None, others_max, index: None };
                let found = counted.search(mailbox, &[term], Asked::HowOften)?;
                Ok((found, blocks, dialect, counting.queries))
            });
            let (found, blocks, dialect, queries) = counted.unwrap();
            assert_eq!(found.count(0, 0), Some(4000));
            assert!(blocks > 16, "{blocks} blocks");
            // The account, its segments, and of each its head and its keys, are asked for besides.
            let segments = scene.rows().0 as usize;
            let besides = 2 + 2 * segments;
            match dialect {
                Dialect::Sqlite => assert!(queries > blocks / 2, "{queries} of {blocks}"),
                Dialect::Postgres => {
                    let most = besides + segments + blocks / 16;
                    assert!(queries <= most, "{queries} queries for {blocks} blocks");
                }
            }
        },
    );
}
