-- R-ADDR-8: a link by which the owner of an account sets its password, one of each account.

CREATE TABLE password_link (
    account_id BIGINT PRIMARY KEY REFERENCES account (id),
    secret {BLOB} NOT NULL UNIQUE,          -- BLAKE3 of it
    made_by BIGINT,                         -- the account that did; NULL: who runs the server
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX password_link_expires ON password_link (expires);
