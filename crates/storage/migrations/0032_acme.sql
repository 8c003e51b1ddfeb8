-- What only one daemon may do at a time, and certificates by ACME (RFC 8555).

CREATE TABLE lease (
    name {TEXT} PRIMARY KEY NOT NULL,
    holder {BLOB} NOT NULL,                 -- a random name of a process
    expires BIGINT NOT NULL
) {ROWLESS};

CREATE TABLE acme_account (
    directory {TEXT} PRIMARY KEY NOT NULL,  -- URL
    sealed {BLOB} NOT NULL,                 -- its key and name, sealed with a key outside the database
    created BIGINT NOT NULL
) {ROWLESS};

CREATE TABLE acme_certificate (
    names {TEXT} PRIMARY KEY NOT NULL,      -- host names with a space between, the first first
    chain {TEXT} NOT NULL,                  -- PEM; empty where there is none yet
    sealed_key {BLOB} NOT NULL,             -- PKCS #8, sealed
    begins BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    issued BIGINT NOT NULL,                 -- when it came here; 0: never
    due BIGINT NOT NULL,                    -- when it is to be ordered next
    failures BIGINT NOT NULL,               -- attempts since the last that succeeded
    problem {TEXT} NOT NULL,                -- what the last one failed for
    order_url {TEXT} NOT NULL,              -- what is under way; empty: nothing
    order_key {BLOB} NOT NULL               -- its key, sealed
) {ROWLESS};

CREATE TABLE acme_challenge (
    kind {TEXT} NOT NULL,                   -- http-01, tls-alpn-01
    name {TEXT} NOT NULL,                   -- what is asked for: a token, a host
    answer {TEXT} NOT NULL,                 -- the key authorization
    expires BIGINT NOT NULL,
    PRIMARY KEY (kind, name)
) {ROWLESS};
