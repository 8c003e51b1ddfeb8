-- What SORT and THREAD compare, kept column by column for runs of messages, so that the first of
-- them after a start need not read each message. Made behind deliveries, see
-- docs/decisions/013-sort-blocks.md.

CREATE TABLE sort_block (
    id {PK},
    mailbox_id BIGINT NOT NULL REFERENCES mailbox (id),
    first_uid BIGINT NOT NULL,              -- it has all messages from this UID
    last_uid BIGINT NOT NULL,               -- to this one, and maybe some that are gone
    messages BIGINT NOT NULL,
    version BIGINT NOT NULL,                -- of what its columns hold
    UNIQUE (mailbox_id, first_uid)
);

CREATE TABLE sort_column (
    block_id BIGINT NOT NULL,
    kind BIGINT NOT NULL,                   -- 0 UIDs and dates, 1 to 6 texts, 7 message ids
    data {BLOB} NOT NULL,
    PRIMARY KEY (block_id, kind)
);
