-- What domains say of TLS with their servers (MTA-STS, RFC 8461), kept as long as they said.

CREATE TABLE sts_policy (
    domain {TEXT} PRIMARY KEY NOT NULL,
    id {TEXT} NOT NULL,                     -- of the record in the DNS
    policy {TEXT} NOT NULL,                 -- as it was fetched
    fetched BIGINT NOT NULL
) {ROWLESS};
CREATE INDEX sts_policy_fetched ON sts_policy (fetched);
