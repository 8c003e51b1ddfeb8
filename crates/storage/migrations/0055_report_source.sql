-- What a report is known by (RFC 7489 §7.2.1.1): the domain that reports, the one it is about, the
-- time it tells of, and its name. What reporters call themselves is no part of that.

DROP INDEX mail_report_ends;
ALTER TABLE mail_report RENAME TO mail_report_by_name;
CREATE TABLE mail_report (
    id {PK},
    kind {TEXT} NOT NULL,                   -- dmarc, tls
    domain {TEXT} NOT NULL,
    source {TEXT} NOT NULL,                 -- who reports, as a domain; of older ones the name
    reporter {TEXT} NOT NULL,               -- who reports, by name
    report_id {TEXT} NOT NULL,              -- the reporter's name of it
    begins BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    passed BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    details {TEXT} NOT NULL,                -- JSON
    UNIQUE (kind, domain, source, begins, ends, report_id)
);
INSERT INTO mail_report
    (kind, domain, source, reporter, report_id, begins, ends, passed, failed, details)
    SELECT kind, domain, reporter, reporter, report_id, begins, ends, passed, failed, details
    FROM mail_report_by_name ORDER BY id;
DROP TABLE mail_report_by_name;
CREATE INDEX mail_report_ends ON mail_report (ends);

-- Reports of TLS whose signer could not be asked for: they are looked at again.
CREATE TABLE waiting_report (
    id {PK},
    received BIGINT NOT NULL,
    due BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    source {TEXT} NOT NULL,                 -- the domain that reports, by its own word
    message {BLOB} NOT NULL                 -- as it was received
);
CREATE INDEX waiting_report_due ON waiting_report (due);
