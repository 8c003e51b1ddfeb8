-- R-SMTP-5: what lately happened to accounts, from where they were signed in to, and what owners
-- were told of it. Equal events of a day are one row.

CREATE TABLE activity (
    account_id BIGINT NOT NULL REFERENCES account (id),
    day BIGINT NOT NULL,                    -- since 1970, UTC
    kind BIGINT NOT NULL,
    protocol {TEXT} NOT NULL,
    peer {TEXT} NOT NULL,                   -- IP address
    program {TEXT} NOT NULL,                -- what it says it is
    detail {TEXT} NOT NULL,                 -- signed in with what, or why refused
    first BIGINT NOT NULL,
    last BIGINT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (account_id, day, kind, protocol, peer, program, detail)
) {ROWLESS};
CREATE INDEX activity_last ON activity (last);

CREATE TABLE sign_in_place (
    account_id BIGINT NOT NULL REFERENCES account (id),
    network {TEXT} NOT NULL,                -- IPv4 /24, IPv6 /48
    last BIGINT NOT NULL,
    PRIMARY KEY (account_id, network)
) {ROWLESS};

CREATE TABLE activity_told (
    account_id BIGINT NOT NULL REFERENCES account (id),
    kind BIGINT NOT NULL,                   -- 1 a new place, 2 wrong passwords
    at BIGINT NOT NULL,
    count BIGINT NOT NULL,                  -- letters within a day of it
    PRIMARY KEY (account_id, kind)
) {ROWLESS};
