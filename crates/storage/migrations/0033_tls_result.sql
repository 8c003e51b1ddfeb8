-- How TLS went with the servers of other domains, by day: what reports are made of (RFC 8460).

CREATE TABLE tls_result (
    day BIGINT NOT NULL,                    -- days since 1970, UTC
    domain {TEXT} NOT NULL,
    policy_type {TEXT} NOT NULL,            -- sts, tlsa, no-policy-found
    policy {TEXT} NOT NULL,                 -- its lines
    result {TEXT} NOT NULL,                 -- what failed; empty: nothing did
    host {TEXT} NOT NULL,                   -- the server; empty: many
    address {TEXT} NOT NULL,
    sessions BIGINT NOT NULL,
    PRIMARY KEY (day, domain, policy_type, policy, result, host, address)
) {ROWLESS};
