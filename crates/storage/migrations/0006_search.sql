-- The search index: made of the messages behind their delivery, and made anew where it is lost.

-- Messages up to this UID are in the index of their account.
ALTER TABLE mailbox ADD COLUMN indexed_uid BIGINT NOT NULL DEFAULT 0;

-- Contents of one account with the texts searched in them. Never changed once it is in use.
CREATE TABLE search_segment (
    id {PK},
    account_id BIGINT NOT NULL,             -- no reference: garbage outlives its account
    state BIGINT NOT NULL,                  -- 0 being written, 1 in use, 2 garbage
    contents BIGINT NOT NULL,
    bytes BIGINT NOT NULL,                  -- of its blocks
    created BIGINT NOT NULL,
    head {BLOB} NOT NULL
);
CREATE INDEX search_segment_account ON search_segment (account_id, state);
CREATE INDEX search_segment_unused ON search_segment (created) WHERE state <> 1;

CREATE TABLE search_block (
    segment_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    terms {BLOB} NOT NULL,
    postings {BLOB} NOT NULL,
    PRIMARY KEY (segment_id, number)
);
