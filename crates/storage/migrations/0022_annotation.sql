-- Annotations of messages (RFC 5257).

CREATE TABLE annotation (
    mailbox_id BIGINT NOT NULL,
    uid BIGINT NOT NULL,
    entry {TEXT} NOT NULL,                  -- with the slash before each component
    scope BIGINT NOT NULL,                  -- 0 shared; an account: its private one
    value {BLOB},                           -- null: it was removed, which sessions are told
    size_bytes BIGINT NOT NULL,             -- of entry, value and row; 0 of one that was removed
    modseq BIGINT NOT NULL,                 -- of its last change
    account_id BIGINT NOT NULL,             -- whose mailbox it is
    PRIMARY KEY (mailbox_id, uid, entry, scope)
) {ROWLESS};
-- What each has annotated in whose mailboxes.
CREATE INDEX annotation_space ON annotation (scope, account_id, size_bytes);

-- The new right n (2048) of accounts shared as a whole for writing (2), which give every right on
-- messages there is.
UPDATE acl SET rights = rights | 2048 WHERE negative = 0 AND (rights & 1023) = 1023
    AND EXISTS (SELECT 1 FROM account_share s JOIN mailbox b ON b.account_id = s.account_id
        WHERE b.id = acl.mailbox_id AND s.grantee = acl.grantee AND (s.rights & 2) <> 0);

-- Whether a message of the mailbox ever had one: who knows that none had need not look.
ALTER TABLE mailbox ADD COLUMN annotated BIGINT NOT NULL DEFAULT 0;
