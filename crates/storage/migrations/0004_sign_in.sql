-- Further ways to sign in than the account's password: app passwords (R-ADDR-9), access tokens,
-- and what SCRAM compares with.

CREATE TABLE access_key (
    id {PK},
    account_id BIGINT NOT NULL REFERENCES account (id),
    kind {TEXT} NOT NULL,                   -- app-password, token
    name {TEXT} NOT NULL,                   -- NFC
    secret_hash {BLOB} NOT NULL UNIQUE,     -- BLAKE3 of a secret that is random
    protocols BIGINT NOT NULL,              -- bits, see directory/protocol.rs
    created BIGINT NOT NULL,
    expires BIGINT,                         -- null: never
    last_used BIGINT,                       -- null: never
    UNIQUE (account_id, kind, name)
);

-- At most one for the account's password and one for each app password. Gone with the password.
CREATE TABLE scram_verifier (
    account_id BIGINT NOT NULL REFERENCES account (id),
    access_key_id BIGINT NOT NULL,          -- 0: the account's own password
    salt {BLOB} NOT NULL,
    iterations BIGINT NOT NULL,
    sealed_keys {BLOB} NOT NULL,            -- StoredKey and ServerKey of each hash, sealed by auth
    PRIMARY KEY (account_id, access_key_id)
) {ROWLESS};
