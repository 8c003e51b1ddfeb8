//! Where the engines differ, and how statements are written so that they don't: each case runs
//! on both. The table is the change log's, which has every type and refers to nothing.

use std::collections::BTreeSet;

use super::{Sql, Value};
use crate::testing::on_both_engines;
use crate::{Result, StorageError};

const ACCOUNT: i64 = -7;

/// Runs `case` on both engines on these rows, which are gone afterwards.
fn with_rows(rows: &'static [(i64, Option<&'static str>)], case: fn(&mut dyn Sql) -> Result<()>) {
    on_both_engines(|store| {
        store
            .write(move |tx| {
                let sql = &mut *tx.sql;
                let written = sql.execute_many(
                    "INSERT INTO change (account_id, modseq, ordinal, kind, detail, at) \
                     VALUES (?1, ?2, 0, 1, ?3, 0)",
                    &mut rows.iter().map(|(number, text)| {
                        let text = text.map_or(Value::Null, Value::Text);
                        vec![Value::Int(ACCOUNT), Value::Int(*number), text]
                    }),
                )?;
                assert_eq!(written, rows.len() as u64);
                case(sql)?;
                sql.execute("DELETE FROM change WHERE account_id = -7", &[])
            })
            .unwrap();
    });
}

fn numbers(sql: &mut dyn Sql, text: &'static str, params: &[Value<'_>]) -> Result<Vec<i64>> {
    sql.query_all(text, params, |row| row.int(0))
}

#[test]
fn sums_are_integers_where_they_are_cast() {
    with_rows(&[(1, None), (2, None), (4_000_000_000, None)], |sql| {
        let sum = "SELECT CAST(SUM(modseq) AS BIGINT) FROM change WHERE account_id = -7";
        assert_eq!(numbers(sql, sum, &[])?, [4_000_000_003]);
        let none = "SELECT CAST(SUM(modseq) AS BIGINT) FROM change WHERE account_id = -8";
        assert_eq!(sql.query_all(none, &[], |row| row.opt_int(0))?, [None]);
        Ok(())
    });
}

#[test]
fn text_sorts_and_compares_by_code_point() {
    let rows = &[(1, Some("z")), (2, Some("Ä")), (3, Some("a")), (4, Some("B")), (5, Some("é"))];
    with_rows(rows, |sql| {
        let sorted = "SELECT modseq FROM change WHERE account_id = -7 ORDER BY detail";
        assert_eq!(numbers(sql, sorted, &[])?, [4, 3, 1, 2, 5]);
        let above = "SELECT modseq FROM change WHERE account_id = -7 AND detail > ?1 ORDER BY 1";
        assert_eq!(numbers(sql, above, &[Value::Text("a")])?, [1, 2, 5]);
        Ok(())
    });
}

#[test]
fn like_ignores_case_where_both_sides_are_lowered() {
    let rows = &[(1, Some("Work/a_b")), (2, Some("work/axb")), (3, Some("Play"))];
    with_rows(rows, |sql| {
        let like = "SELECT modseq FROM change WHERE account_id = -7 \
                    AND lower(detail) LIKE lower(?1) ESCAPE '!' ORDER BY modseq";
        assert_eq!(numbers(sql, like, &[Value::Text("WORK/%")])?, [1, 2]);
        assert_eq!(numbers(sql, like, &[Value::Text("%a!_b")])?, [1]);
        Ok(())
    });
}

#[test]
fn a_conflict_is_foreseen_and_the_transaction_goes_on() {
    with_rows(&[(1, Some("old"))], |sql| {
        let params = [Value::Int(ACCOUNT), Value::Int(1)];
        let ignored = "INSERT INTO change (account_id, modseq, ordinal, kind, at) \
                       VALUES (?1, ?2, 0, 1, 0) ON CONFLICT DO NOTHING";
        assert_eq!(sql.execute(ignored, &params)?, 0);
        let merged = "INSERT INTO change (account_id, modseq, ordinal, kind, at) \
                      SELECT account_id, modseq, ordinal, 2, at FROM change \
                      WHERE account_id = ?1 AND modseq = ?2 \
                      ON CONFLICT (account_id, modseq, ordinal) \
                      DO UPDATE SET kind = change.kind + excluded.kind RETURNING kind";
        assert_eq!(numbers(sql, merged, &params)?, [3]);
        Ok(())
    });
}

#[test]
fn bare_parameters_have_a_type_where_they_are_cast() {
    with_rows(&[], |sql| {
        let echo = "SELECT CAST(?1 AS BIGINT), CAST(?2 AS TEXT)";
        for (number, text) in [(i64::MIN, ""), (i64::MAX, "ä'?1"), (0, "\u{10ffff}")] {
            let row = sql.query_one(echo, &[Value::Int(number), Value::Text(text)], |row| {
                Ok((row.int(0)?, row.text(1)?.to_owned()))
            })?;
            assert_eq!(row, Some((number, text.to_owned())));
        }
        let none = sql.query_one(echo, &[Value::Null, Value::Null], |row| {
            Ok((row.opt_int(0)?, row.opt_text(1)?.map(str::to_owned)))
        })?;
        assert_eq!(none, Some((None, None)));
        Ok(())
    });
}

#[test]
fn truth_values_and_literals_are_integers() {
    with_rows(&[(1, None)], |sql| {
        let exists = "SELECT EXISTS (SELECT 1 FROM change WHERE account_id = ?1), 7";
        for (account, expected) in [(ACCOUNT, 1), (ACCOUNT - 1, 0)] {
            let row = sql
                .query_one(exists, &[Value::Int(account)], |row| Ok((row.int(0)?, row.int(1)?)))?;
            assert_eq!(row, Some((expected, 7)));
        }
        Ok(())
    });
}

#[test]
fn bytes_come_back_as_they_were() {
    with_rows(&[(1, None)], |sql| {
        let all: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        for bytes in [&all[..], &[]] {
            let set = "UPDATE change SET uids = ?2 WHERE account_id = ?1 RETURNING uids";
            let params = [Value::Int(ACCOUNT), Value::Bytes(bytes)];
            let back = sql.query_one(set, &params, |row| Ok(row.bytes(0)?.to_vec()))?;
            assert!(back.as_deref() == Some(bytes), "{} bytes", bytes.len());
        }
        Ok(())
    });
}

#[test]
fn lists_of_any_length_find_each_row_once() {
    with_rows(&[(1, None), (2, None), (3_000, None), (9_999, None)], |sql| {
        let find = "SELECT modseq FROM change WHERE account_id = -7 AND modseq IN ({IN})";
        for (ids, expected) in [
            ((0..10_000).collect::<Vec<i64>>(), vec![1, 2, 3_000, 9_999]),
            (vec![2, 5], vec![2]),
            (vec![], vec![]),
        ] {
            let mut found = Vec::new();
            sql.query_in(find, &ids, &mut |row| {
                found.push(row.int(0)?);
                Ok(())
            })?;
            // In no particular order.
            found.sort_unstable();
            assert_eq!(found, expected);
        }
        let find = "SELECT modseq FROM change WHERE modseq IN ({IN}) AND account_id = ?2";
        for (of, expected) in [(-7, vec![1, 2]), (-6, vec![])] {
            let mut found = Vec::new();
            sql.query_in_of(find, &[2, 1, 4], Some(Value::Int(of)), &mut |row| {
                found.push(row.int(0)?);
                Ok(())
            })?;
            found.sort_unstable();
            assert_eq!(found, expected);
        }
        Ok(())
    });
}

#[test]
fn what_is_returned_has_no_order_but_is_complete() {
    with_rows(&[(1, None), (2, None), (3, None)], |sql| {
        let delete = "DELETE FROM change WHERE account_id = -7 AND modseq >= 2 RETURNING modseq";
        let gone: BTreeSet<i64> = numbers(sql, delete, &[])?.into_iter().collect();
        assert_eq!(gone, BTreeSet::from([2, 3]));
        let page = "SELECT modseq FROM change WHERE account_id = -7 \
                    AND (modseq, ordinal) > (?1, ?2) ORDER BY modseq, ordinal LIMIT 1";
        assert_eq!(numbers(sql, page, &[Value::Int(0), Value::Int(5)])?, [1]);
        assert_eq!(numbers(sql, page, &[Value::Int(1), Value::Int(0)])?, [0; 0]);
        Ok(())
    });
}

#[test]
fn nulls_are_equal_where_that_is_asked_for() {
    with_rows(&[(1, None), (2, Some(""))], |sql| {
        let same = "SELECT modseq FROM change WHERE account_id = -7 \
                    AND detail IS NOT DISTINCT FROM CAST(?1 AS TEXT)";
        assert_eq!(numbers(sql, same, &[Value::Null])?, [1]);
        assert_eq!(numbers(sql, same, &[Value::Text("")])?, [2]);
        Ok(())
    });
}

#[test]
fn a_column_of_another_type_is_damage_not_a_panic() {
    with_rows(&[(1, Some("x"))], |sql| {
        let read = "SELECT modseq, detail, uids FROM change WHERE account_id = -7";
        let mut check = |wrong: fn(&dyn super::Row) -> bool| {
            let outcome = sql.query(read, &[], &mut |row| {
                assert!(wrong(row));
                Ok(())
            });
            outcome.unwrap();
        };
        check(|row| matches!(row.text(0), Err(StorageError::Corrupt(_))));
        check(|row| matches!(row.int(1), Err(StorageError::Corrupt(_))));
        check(|row| matches!(row.bytes(1), Err(StorageError::Corrupt(_))));
        check(|row| matches!(row.bytes(2), Err(StorageError::Corrupt(_))));
        check(|row| matches!(row.opt_bytes(2), Ok(None)));
        check(|row| row.int(9).is_err());
        Ok(())
    });
}

#[test]
fn an_error_of_the_caller_ends_a_query() {
    with_rows(&[(1, None), (2, None), (3, None)], |sql| {
        let mut seen = 0;
        let outcome =
            sql.query("SELECT modseq FROM change WHERE account_id = -7", &[], &mut |_| {
                seen += 1;
                Err(StorageError::Conflict("enough"))
            });
        assert!(matches!(outcome, Err(StorageError::Conflict("enough"))));
        assert_eq!(seen, 1);
        // The connection is of use after that.
        assert_eq!(numbers(sql, "SELECT 1", &[])?, [1]);
        Ok(())
    });
}
