-- The queue: what of the spool is due when, who works on it, and what became of it.

ALTER TABLE spool_recipient ADD COLUMN destination {TEXT} NOT NULL DEFAULT '';  -- '': not known yet
ALTER TABLE spool_recipient ADD COLUMN due BIGINT NOT NULL DEFAULT 0;
ALTER TABLE spool_recipient ADD COLUMN held BIGINT NOT NULL DEFAULT 0;
ALTER TABLE spool_recipient ADD COLUMN owner BIGINT NOT NULL DEFAULT 0;         -- 0: nobody
ALTER TABLE spool_recipient ADD COLUMN attempts BIGINT NOT NULL DEFAULT 0;
ALTER TABLE spool_recipient ADD COLUMN attempted BIGINT NOT NULL DEFAULT 0;
ALTER TABLE spool_recipient ADD COLUMN warned BIGINT NOT NULL DEFAULT 0;
ALTER TABLE spool_recipient ADD COLUMN answer {TEXT} NOT NULL DEFAULT '';       -- of the last attempt
CREATE INDEX spool_recipient_due ON spool_recipient (destination, due, spool_id, ordinal)
    WHERE held = 0 AND owner = 0;
CREATE INDEX spool_recipient_owner ON spool_recipient (owner) WHERE owner <> 0;

-- Daemons that work on the queue. A number is never used again.
CREATE TABLE queue_daemon (
    id {PK},
    lease BIGINT NOT NULL                   -- works until then
);

-- What happened to recipients, kept longer than they are.
CREATE TABLE spool_trace (
    id {PK},
    spool_id BIGINT NOT NULL,               -- no reference: outlives it
    at BIGINT NOT NULL,
    accepted BIGINT NOT NULL,
    event {TEXT} NOT NULL,
    reverse_path {TEXT} NOT NULL,
    forward_path {TEXT} NOT NULL,
    answer {TEXT} NOT NULL
);
CREATE INDEX spool_trace_spool ON spool_trace (spool_id);
