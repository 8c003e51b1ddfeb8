-- The first schema. Tokens: {PK} a self-numbering integer key, {BLOB} bytes, {TEXT} text that
-- compares and sorts by code point, {ROWLESS} a table clustered by its key (SQLite).
-- Instants are microseconds since 1970; booleans are 0 and 1.

CREATE TABLE domain (
    id {PK},
    name {TEXT} NOT NULL UNIQUE,            -- A-labels, lower case
    alias_of BIGINT REFERENCES domain (id), -- a domain alias points at its domain
    maintenance BIGINT NOT NULL DEFAULT 0,
    catch_all BIGINT,                       -- account that takes unknown local parts (R-ADDR-6)
    created BIGINT NOT NULL
);

CREATE TABLE account (
    id {PK},
    domain_id BIGINT NOT NULL REFERENCES domain (id),
    address {TEXT} NOT NULL UNIQUE,         -- normal form of the primary address
    display_address {TEXT} NOT NULL,        -- as it was given
    name {TEXT} NOT NULL,
    role {TEXT} NOT NULL,
    password_hash {TEXT} NOT NULL,          -- PHC string; empty: nobody can sign in
    credential_version BIGINT NOT NULL,     -- grows when sessions must end (R-ADDR-8)
    blocked BIGINT NOT NULL DEFAULT 0,
    maintenance BIGINT NOT NULL DEFAULT 0,
    mail_only BIGINT NOT NULL DEFAULT 0,
    plus_to_mailbox BIGINT NOT NULL DEFAULT 0,
    quota_bytes BIGINT NOT NULL,            -- 0: none
    used_bytes BIGINT NOT NULL DEFAULT 0,
    message_count BIGINT NOT NULL DEFAULT 0,
    mailbox_count BIGINT NOT NULL DEFAULT 0,
    alias_count BIGINT NOT NULL DEFAULT 0,
    subscription_count BIGINT NOT NULL DEFAULT 0,
    modseq BIGINT NOT NULL DEFAULT 0,       -- of the last write transaction
    horizon BIGINT NOT NULL DEFAULT 0,      -- the change log holds what came after this
    uid_validity_last BIGINT NOT NULL DEFAULT 0,
    created BIGINT NOT NULL
);
CREATE INDEX account_domain ON account (domain_id);

-- One row: the largest uid_validity_last of accounts that were removed. New accounts begin above,
-- so that no program takes a mailbox for the one that had its name before.
CREATE TABLE uid_validity_floor (value BIGINT NOT NULL);
INSERT INTO uid_validity_floor (value) VALUES (0);

-- Every address that mail can be sent to, one name space (R-ADDR-3).
CREATE TABLE address (
    domain_id BIGINT NOT NULL REFERENCES domain (id),
    local {TEXT} NOT NULL,                  -- normal form
    account_id BIGINT NOT NULL REFERENCES account (id),
    kind {TEXT} NOT NULL,                   -- primary, alias
    display {TEXT} NOT NULL,                -- local part as it was given
    created BIGINT NOT NULL,
    PRIMARY KEY (domain_id, local)
) {ROWLESS};
CREATE INDEX address_account ON address (account_id);

CREATE TABLE mailbox (
    id {PK},
    account_id BIGINT NOT NULL REFERENCES account (id),
    name {TEXT} NOT NULL,                   -- NFC, '/' between levels, INBOX in capitals
    uid_validity BIGINT NOT NULL,
    uid_next BIGINT NOT NULL,
    recent_uid BIGINT NOT NULL DEFAULT 1,   -- from here on \Recent: no session was told yet
    message_count BIGINT NOT NULL DEFAULT 0,
    unseen_count BIGINT NOT NULL DEFAULT 0,
    deleted_count BIGINT NOT NULL DEFAULT 0,
    size_bytes BIGINT NOT NULL DEFAULT 0,
    highest_modseq BIGINT NOT NULL,
    created_modseq BIGINT NOT NULL,
    special_use {TEXT} NOT NULL DEFAULT '', -- '', drafts, sent, junk, trash, archive, all, flagged
    created BIGINT NOT NULL,
    UNIQUE (account_id, name)
);

-- Names, not ids: a name stays subscribed when its mailbox goes, and ghosts can be subscribed.
CREATE TABLE subscription (
    account_id BIGINT NOT NULL REFERENCES account (id),
    name {TEXT} NOT NULL,
    PRIMARY KEY (account_id, name)
) {ROWLESS};

-- Bytes, kept once, named by their BLAKE3 hash.
CREATE TABLE blob (
    id {PK},
    hash {BLOB} NOT NULL UNIQUE,
    size_bytes BIGINT NOT NULL,             -- of the bytes themselves
    stored_bytes BIGINT NOT NULL,           -- as kept
    codec BIGINT NOT NULL,                  -- 0 as is, 1 zstd
    place BIGINT NOT NULL,                  -- 0 this row, 1 pack, 2 object store
    pack BIGINT,
    pack_offset BIGINT,
    object {TEXT},                          -- key in the object store
    data {BLOB}
);
CREATE INDEX blob_pack ON blob (pack) WHERE pack IS NOT NULL;

-- One message text with all that was computed from it. Copies share it.
CREATE TABLE content (
    id {PK},
    hash {BLOB} NOT NULL,                   -- BLAKE3 of header and body together
    size_bytes BIGINT NOT NULL,
    body_blob BIGINT REFERENCES blob (id),  -- NULL: empty body
    envelope {BLOB} NOT NULL,
    body {BLOB} NOT NULL,
    body_structure {BLOB} NOT NULL,
    parts {BLOB} NOT NULL,
    keys {BLOB} NOT NULL
);
CREATE INDEX content_blob ON content (body_blob) WHERE body_blob IS NOT NULL;

CREATE TABLE content_header (
    content_id BIGINT PRIMARY KEY REFERENCES content (id),
    header {BLOB} NOT NULL                  -- with the empty line, byte for byte
);

CREATE TABLE message (
    mailbox_id BIGINT NOT NULL REFERENCES mailbox (id),
    uid BIGINT NOT NULL,
    content_id BIGINT NOT NULL REFERENCES content (id),
    size_bytes BIGINT NOT NULL,             -- copy of content.size_bytes: views need no join
    flags BIGINT NOT NULL,                  -- 1 seen 2 answered 4 flagged 8 deleted 16 draft
    keywords {TEXT} NOT NULL,               -- sorted, one space between
    internal_date BIGINT NOT NULL,
    save_date BIGINT NOT NULL,
    modseq BIGINT NOT NULL,
    created_modseq BIGINT NOT NULL,
    PRIMARY KEY (mailbox_id, uid)
) {ROWLESS};
CREATE INDEX message_content ON message (content_id);
-- Which keywords a mailbox knows, without reading its messages.
CREATE INDEX message_keywords ON message (mailbox_id, keywords) WHERE keywords <> '';

-- Expunged messages, kept for restore (R-REST-1) and until no session can hold them.
CREATE TABLE expunged (
    account_id BIGINT NOT NULL,
    expunged_at BIGINT NOT NULL,
    mailbox_id BIGINT NOT NULL,             -- no reference: it may be gone
    uid BIGINT NOT NULL,
    mailbox_name {TEXT} NOT NULL,
    content_id BIGINT NOT NULL REFERENCES content (id),
    flags BIGINT NOT NULL,
    keywords {TEXT} NOT NULL,
    internal_date BIGINT NOT NULL,
    PRIMARY KEY (account_id, expunged_at, mailbox_id, uid)
) {ROWLESS};
CREATE INDEX expunged_content ON expunged (content_id);

-- The change feed; a row per fact.
CREATE TABLE change (
    account_id BIGINT NOT NULL,
    modseq BIGINT NOT NULL,
    ordinal BIGINT NOT NULL,
    collection_id BIGINT,
    kind BIGINT NOT NULL,
    uids {BLOB},
    detail {TEXT},
    at BIGINT NOT NULL,
    PRIMARY KEY (account_id, modseq, ordinal)
) {ROWLESS};

-- Mail accepted for elsewhere; the sending side takes it from here.
CREATE TABLE spool (
    id {PK},
    account_id BIGINT,
    reverse_path {TEXT} NOT NULL,
    envelope {TEXT} NOT NULL,               -- parameters, JSON
    content_id BIGINT NOT NULL REFERENCES content (id),
    created BIGINT NOT NULL
);
CREATE INDEX spool_content ON spool (content_id);

CREATE TABLE spool_recipient (
    spool_id BIGINT NOT NULL REFERENCES spool (id),
    ordinal BIGINT NOT NULL,
    forward_path {TEXT} NOT NULL,
    parameters {TEXT} NOT NULL,             -- NOTIFY, ORCPT, JSON
    PRIMARY KEY (spool_id, ordinal)
) {ROWLESS};
