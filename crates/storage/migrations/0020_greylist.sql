-- Greylisting: who was asked to come again, and which networks did.

CREATE TABLE greylist (
    key {BLOB} PRIMARY KEY,                 -- hash of network, sender and recipient, or of the network alone
    network {BLOB} NOT NULL,                -- hash of the network
    first BIGINT NOT NULL,
    passed BIGINT NOT NULL,                 -- the network came again, and is asked no more
    expires BIGINT NOT NULL
) {ROWLESS};
CREATE INDEX greylist_network ON greylist (network, passed);
CREATE INDEX greylist_expires ON greylist (expires);
