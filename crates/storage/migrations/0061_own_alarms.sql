-- What those with whom a calendar is shared have instead of its owner's alarms in an event or to-do of it.
-- No row: no alarms.
CREATE TABLE own_alarms (
    object_id BIGINT NOT NULL REFERENCES object (id),
    account_id BIGINT NOT NULL REFERENCES account (id),
    hash {BLOB} NOT NULL,                   -- BLAKE3 of data, which etags are made of
    data {BLOB} NOT NULL,                   -- the components with these alarms and nothing else
    PRIMARY KEY (object_id, account_id)
) {ROWLESS};
CREATE INDEX own_alarms_account ON own_alarms (account_id, object_id, hash);
