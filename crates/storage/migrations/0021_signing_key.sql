-- Keys that sign mail of a domain (RFC 6376).

CREATE TABLE signing_key (
    id {PK},
    domain_id BIGINT NOT NULL REFERENCES domain (id),
    selector {TEXT} NOT NULL,
    algorithm {TEXT} NOT NULL,              -- as a= of a signature has it
    public_key {BLOB} NOT NULL,             -- as p= of its record has it, decoded
    sealed_key {BLOB} NOT NULL,             -- PKCS #8, sealed with a key outside the database
    state {TEXT} NOT NULL,                  -- waiting, active, retired
    since BIGINT NOT NULL,                  -- when it came to that state
    UNIQUE (domain_id, selector)
);
