-- WebDAV-Push: who is told when a collection changes, and the key that says who tells them.

CREATE TABLE push_subscription (
    id {PK},
    account_id BIGINT NOT NULL REFERENCES account (id),     -- who is told
    collection_id BIGINT NOT NULL REFERENCES collection (id),
    token {TEXT} NOT NULL UNIQUE,           -- names it in its URL
    resource {TEXT} NOT NULL,               -- a URL at a push service
    public_key {BLOB} NOT NULL,             -- a point of P-256, uncompressed
    secret {BLOB} NOT NULL,
    triggers BIGINT NOT NULL,               -- bits: 1 content, 2 properties
    told_modseq BIGINT NOT NULL,            -- up to where it was told
    due BIGINT NOT NULL,                    -- it is told of nothing before
    failures BIGINT NOT NULL,               -- attempts since the last that succeeded
    expires BIGINT NOT NULL,
    UNIQUE (account_id, collection_id, resource)
);
CREATE INDEX push_subscription_collection ON push_subscription (collection_id);
CREATE INDEX push_subscription_expires ON push_subscription (expires);

-- One row, number 1 (RFC 8292).
CREATE TABLE push_key (
    id {GIVEN_PK},
    public_key {BLOB} NOT NULL,
    sealed_key {BLOB} NOT NULL              -- PKCS #8, sealed with a key outside the database
);
