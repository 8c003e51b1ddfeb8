-- On what terms mail is sent on: not before (FUTURERELEASE), by when (DELIVERBY), before or behind
-- others (MT-PRIORITY).

ALTER TABLE spool ADD COLUMN begins BIGINT NOT NULL DEFAULT 0;              -- 0: at once
ALTER TABLE spool ADD COLUMN deadline BIGINT NOT NULL DEFAULT 0;            -- 0: none
CREATE INDEX spool_begins ON spool (account_id, begins) WHERE begins <> 0;
CREATE INDEX spool_deadline ON spool (deadline) WHERE deadline <> 0;

ALTER TABLE spool_recipient ADD COLUMN urgency BIGINT NOT NULL DEFAULT 1;   -- 0 first, 2 last
DROP INDEX spool_recipient_due;
CREATE INDEX spool_recipient_due
    ON spool_recipient (destination, urgency, due, spool_id, ordinal)
    WHERE held = 0 AND owner = 0;
