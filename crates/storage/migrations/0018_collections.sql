-- Calendars, address books and files, see docs/decisions/004-collections.md.

-- One row: the number given last. Begins where no mailbox of any store will be.
CREATE TABLE collection_number (last BIGINT NOT NULL);
INSERT INTO collection_number (last) VALUES (1099511627776);

CREATE TABLE collection (
    id {GIVEN_PK},
    account_id BIGINT NOT NULL REFERENCES account (id),
    home BIGINT NOT NULL,                   -- 1 calendars, 2 address books, 3 files
    kind BIGINT NOT NULL,                   -- 1 calendar, 2 address book, 3 schedule inbox, 4 folder
    name {TEXT} NOT NULL,                   -- NFC; '/' between levels of folders
    display_name {TEXT},
    description {TEXT},
    color {TEXT},
    sort_order BIGINT,
    timezone {TEXT},                        -- an iCalendar object with one VTIMEZONE
    transparent BIGINT NOT NULL DEFAULT 0,  -- 1: its events take no time
    components BIGINT NOT NULL,             -- bits: what objects a calendar takes
    object_count BIGINT NOT NULL DEFAULT 0,
    size_bytes BIGINT NOT NULL DEFAULT 0,
    highest_modseq BIGINT NOT NULL,
    created_modseq BIGINT NOT NULL,
    horizon BIGINT NOT NULL DEFAULT 0,      -- what went after this is in object_gone
    created BIGINT NOT NULL,
    UNIQUE (account_id, home, name)
);

ALTER TABLE account ADD COLUMN collections_made BIGINT NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN collection_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN default_calendar BIGINT;

CREATE TABLE object (
    id {PK},
    collection_id BIGINT NOT NULL REFERENCES collection (id),
    name {TEXT} NOT NULL,
    uid {TEXT} NOT NULL,                    -- '': it has none
    component BIGINT NOT NULL,              -- one bit of collection.components; 0: none of them
    media_type {TEXT} NOT NULL,
    hash {BLOB} NOT NULL,                   -- BLAKE3 of the bytes
    size_bytes BIGINT NOT NULL,
    first_at BIGINT NOT NULL,               -- seconds since 1970; no occurrence is before
    last_at BIGINT NOT NULL,                -- none is after
    created_modseq BIGINT NOT NULL,         -- since when the name may be known
    modseq BIGINT NOT NULL,
    created BIGINT NOT NULL,
    modified BIGINT NOT NULL,
    spans {BLOB},                           -- occurrences of a recurring event, packed
    UNIQUE (collection_id, name)
);
CREATE UNIQUE INDEX object_uid ON object (collection_id, uid) WHERE uid <> '';
CREATE INDEX object_modseq ON object (collection_id, modseq);
CREATE INDEX object_range ON object (collection_id, last_at, first_at);

CREATE TABLE object_data (
    object_id {GIVEN_PK} REFERENCES object (id),
    codec BIGINT NOT NULL,                  -- as in blob
    data {BLOB} NOT NULL
);

-- What is no longer there, for those who synchronise.
CREATE TABLE object_gone (
    collection_id BIGINT NOT NULL REFERENCES collection (id),
    name {TEXT} NOT NULL,
    modseq BIGINT NOT NULL,
    created_modseq BIGINT NOT NULL,         -- since when the name may be known: who came here
                                            -- later need not be told
    at BIGINT NOT NULL,
    PRIMARY KEY (collection_id, name)
) {ROWLESS};
CREATE INDEX object_gone_modseq ON object_gone (collection_id, modseq);
CREATE INDEX object_gone_at ON object_gone (at);

-- What was replaced or deleted, for restore (R-REST-2).
CREATE TABLE object_version (
    id {PK},
    account_id BIGINT NOT NULL REFERENCES account (id),
    collection_id BIGINT NOT NULL,          -- no reference: it may be gone
    home BIGINT NOT NULL,
    collection_name {TEXT} NOT NULL,
    name {TEXT} NOT NULL,
    media_type {TEXT} NOT NULL,
    hash {BLOB} NOT NULL,
    size_bytes BIGINT NOT NULL,
    since BIGINT NOT NULL,                  -- it was what stood there from then on
    until BIGINT NOT NULL,                  -- until then
    deleted BIGINT NOT NULL,                -- 1: nothing came in its place
    codec BIGINT NOT NULL,
    data {BLOB} NOT NULL
);
CREATE INDEX object_version_account ON object_version (account_id, collection_id, until);
CREATE INDEX object_version_until ON object_version (until);

-- Properties of WebDAV resources that mean nothing to the server (RFC 4918 §4).
CREATE TABLE dead_property (
    collection_id BIGINT NOT NULL REFERENCES collection (id),
    object_id BIGINT NOT NULL,              -- 0: the collection itself
    name {TEXT} NOT NULL,                   -- the namespace in braces, the word
    value {TEXT} NOT NULL,                  -- the element, XML
    PRIMARY KEY (collection_id, object_id, name)
) {ROWLESS};

CREATE TABLE collection_share (
    collection_id BIGINT NOT NULL REFERENCES collection (id),
    grantee BIGINT NOT NULL,                -- an account; below 0: every account of that domain
    rights BIGINT NOT NULL,                 -- bits, see CollectionRights
    PRIMARY KEY (collection_id, grantee)
) {ROWLESS};
CREATE INDEX collection_share_grantee ON collection_share (grantee, collection_id);

-- Write locks (RFC 4918 §6).
CREATE TABLE dav_lock (
    token {TEXT} PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES account (id),  -- whose resources
    home BIGINT NOT NULL,
    path {TEXT} NOT NULL,                   -- below the home
    deep BIGINT NOT NULL,                   -- 1: all that is below it too
    exclusive BIGINT NOT NULL,
    holder BIGINT NOT NULL,                 -- the account that took it
    owner {TEXT} NOT NULL,                  -- what the client says of itself, XML
    timeout_secs BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX dav_lock_account ON dav_lock (account_id);
