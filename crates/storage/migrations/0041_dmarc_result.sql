-- What was found of mail in the name of other domains, by day: what reports are made of (RFC 7489
-- §7.2), and who was told already.

CREATE TABLE dmarc_result (
    day BIGINT NOT NULL,                    -- days since 1970, UTC
    domain {TEXT} NOT NULL,                 -- where the policy stands
    kind {BLOB} NOT NULL,                   -- BLAKE3 of the details; empty: more than are told apart
    details {TEXT} NOT NULL,                -- JSON
    messages BIGINT NOT NULL,
    spam BIGINT NOT NULL,                   -- those that were its own, and unwanted
    genuine BIGINT NOT NULL,                -- those that were its own
    PRIMARY KEY (day, domain, kind)
) {ROWLESS};

CREATE TABLE dmarc_told (
    day BIGINT NOT NULL,
    domain {TEXT} NOT NULL,
    PRIMARY KEY (day, domain)
) {ROWLESS};
