-- The newest letter about a meeting to an address elsewhere: when an older one comes back, nothing
-- is said in the calendar, see docs/decisions/006-scheduling.md.
CREATE TABLE meeting_letter (
    account_id BIGINT NOT NULL REFERENCES account (id),
    meeting {BLOB} NOT NULL,                -- BLAKE3 of its UID and the address
    spool_id BIGINT NOT NULL,               -- what may have left the spool
    at BIGINT NOT NULL,
    PRIMARY KEY (account_id, meeting)
) {ROWLESS};
CREATE INDEX meeting_letter_at ON meeting_letter (at);
