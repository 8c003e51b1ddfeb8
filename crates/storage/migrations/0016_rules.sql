-- What an account wants done with mail that arrives: scripts, responders, redirections.

ALTER TABLE account ADD COLUMN time_zone {TEXT} NOT NULL DEFAULT '';    -- IANA name; '': UTC
ALTER TABLE account ADD COLUMN has_rules BIGINT NOT NULL DEFAULT 0;     -- something is active
ALTER TABLE account ADD COLUMN rules_version BIGINT NOT NULL DEFAULT 0; -- grows with each change

CREATE TABLE script (
    id {PK},
    account_id BIGINT NOT NULL REFERENCES account (id),
    name {TEXT} NOT NULL,                   -- NFC
    text {BLOB} NOT NULL,
    size_bytes BIGINT NOT NULL,
    active BIGINT NOT NULL DEFAULT 0,
    failure_told BIGINT NOT NULL DEFAULT 0, -- the owner knows that this text failed
    changed BIGINT NOT NULL,
    UNIQUE (account_id, name)
);
CREATE UNIQUE INDEX script_active ON script (account_id) WHERE active = 1;

CREATE TABLE responder (
    id {PK},
    account_id BIGINT NOT NULL REFERENCES account (id),
    name {TEXT} NOT NULL,                   -- NFC
    active BIGINT NOT NULL DEFAULT 0,
    subject {TEXT} NOT NULL,
    text {TEXT} NOT NULL,
    html {TEXT} NOT NULL,
    from_time {TEXT} NOT NULL,              -- in the account's time zone; '': since ever
    until_time {TEXT} NOT NULL,             -- the last second; '': for ever
    weekdays BIGINT NOT NULL,               -- 1 Monday to 64 Sunday; 127 all
    sender {TEXT} NOT NULL,                 -- '': the account itself
    excluded {TEXT} NOT NULL,               -- addresses and @domains, a line each
    changed BIGINT NOT NULL,
    UNIQUE (account_id, name)
);
CREATE UNIQUE INDEX responder_active ON responder (account_id) WHERE active = 1;

-- Who was answered last when. The source is a responder or what a script calls its answer.
CREATE TABLE answered (
    account_id BIGINT NOT NULL REFERENCES account (id),
    source {BLOB} NOT NULL,
    sender {TEXT} NOT NULL,                 -- without its detail
    at BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    PRIMARY KEY (account_id, source, sender)
) {ROWLESS};
CREATE INDEX answered_expires ON answered (expires);

-- Messages seen before, as scripts recognise them (RFC 7352).
CREATE TABLE seen (
    account_id BIGINT NOT NULL REFERENCES account (id),
    key {BLOB} NOT NULL,
    expires BIGINT NOT NULL,
    PRIMARY KEY (account_id, key)
) {ROWLESS};
CREATE INDEX seen_expires ON seen (expires);

CREATE TABLE redirection (
    account_id BIGINT NOT NULL REFERENCES account (id),
    target {TEXT} NOT NULL,                 -- normal form
    display {TEXT} NOT NULL,
    keep BIGINT NOT NULL,                   -- the account keeps the message too
    created BIGINT NOT NULL,
    PRIMARY KEY (account_id, target)
) {ROWLESS};

-- Addresses of others that an account wants to use, and whether these agreed.
CREATE TABLE confirmation (
    account_id BIGINT NOT NULL REFERENCES account (id),
    purpose BIGINT NOT NULL,                -- 1 redirection, 2 sender
    address {TEXT} NOT NULL,                -- normal form
    token {BLOB} NOT NULL UNIQUE,           -- BLAKE3 of what was sent there
    asked BIGINT NOT NULL,
    confirmed BIGINT,                       -- when; NULL: not yet
    PRIMARY KEY (account_id, purpose, address)
) {ROWLESS};
