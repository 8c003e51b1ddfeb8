-- Which addresses and Message-IDs may stand in which stretch of what is told of messages, so that a
-- search leaves out the rest. Made behind what writes the rows, which costs it nothing.

CREATE TABLE trace_digest (
    id {ROW_PK},
    log BIGINT NOT NULL,                    -- 0: spool_trace, 1: reception
    first_id BIGINT NOT NULL,
    last_id BIGINT NOT NULL,
    bits {BLOB} NOT NULL,                   -- crates/storage/src/trace_digest/mod.rs
    UNIQUE (log, first_id)
);
