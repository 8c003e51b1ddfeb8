-- Scheduling, see docs/decisions/006-scheduling.md.

-- The number of the last change of a meeting that its owner has to know of (RFC 6638 §3.2.10).
-- 0: it is no scheduling object.
ALTER TABLE object ADD COLUMN schedule_modseq BIGINT NOT NULL DEFAULT 0;

-- Accounts that are rooms (R-CAL-4).
CREATE TABLE room (
    account_id {GIVEN_PK} REFERENCES account (id)
);
