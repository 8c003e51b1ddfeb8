-- What happened to messages and starts scripts (RFC 6785), until the scripts ran.

CREATE TABLE mailbox_event (
    id {PK},
    account_id BIGINT NOT NULL REFERENCES account (id),
    mailbox_id BIGINT NOT NULL,
    actor_id BIGINT NOT NULL,               -- who did it
    cause BIGINT NOT NULL,                  -- 1 APPEND, 2 COPY, 3 FLAG
    flags {TEXT} NOT NULL,                  -- those that changed, blanks between
    uids {BLOB} NOT NULL,                   -- messages for which no script ran yet
    happened BIGINT NOT NULL
);
CREATE INDEX mailbox_event_account ON mailbox_event (account_id, id);

-- Whether any of its mailboxes may have a script for what happens in it.
ALTER TABLE account ADD COLUMN has_event_scripts BIGINT NOT NULL DEFAULT 0;
UPDATE account SET has_event_scripts = 1 WHERE EXISTS (
    SELECT 1 FROM metadata m WHERE m.entry = '/imapsieve/script');
