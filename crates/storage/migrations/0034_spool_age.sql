-- What waits too long is found by its age, however much waits. The expression stands in
-- `crates/storage/src/spool/overdue.rs` too.

CREATE INDEX spool_age ON spool ((CASE WHEN begins > created THEN begins ELSE created END), id);
DROP INDEX spool_deadline;
CREATE INDEX spool_deadline ON spool (deadline, id) WHERE deadline <> 0;
