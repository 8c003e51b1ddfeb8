-- Annotations of mailboxes and of the server (RFC 5464).

CREATE TABLE metadata (
    mailbox_id BIGINT NOT NULL,             -- 0: the server
    scope BIGINT NOT NULL,                  -- 0 shared; an account: its private one; below 0 a
                                            -- domain: shared by its accounts, of the server only
    entry {TEXT} NOT NULL,                  -- lower case, with the slash before each component
    value {BLOB} NOT NULL,
    size_bytes BIGINT NOT NULL,             -- of entry and value
    account_id BIGINT NOT NULL,             -- in whose space it counts; 0: nobody's
    PRIMARY KEY (mailbox_id, scope, entry)
) {ROWLESS};
CREATE INDEX metadata_account ON metadata (account_id, size_bytes);
