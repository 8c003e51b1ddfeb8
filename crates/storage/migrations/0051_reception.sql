-- What became of messages at their reception, one row for each with all its recipients, written by
-- the transaction that stored it. Rows are only added at the end and taken away at the beginning;
-- they are found by their time, to which their numbers ascend, so that nothing else is indexed.

CREATE TABLE reception (
    id {ROW_PK},
    at BIGINT NOT NULL,
    trace {TEXT} NOT NULL                   -- crates/storage/src/reception/text.rs
);
