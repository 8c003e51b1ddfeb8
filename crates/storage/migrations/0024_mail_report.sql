-- Reports of others about mail in the name of our domains (RFC 7489 §7.2, RFC 8460).

CREATE TABLE mail_report (
    id {PK},
    kind {TEXT} NOT NULL,                   -- dmarc, tls
    domain {TEXT} NOT NULL,
    reporter {TEXT} NOT NULL,
    report_id {TEXT} NOT NULL,              -- the reporter's name of it
    begins BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    passed BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    details {TEXT} NOT NULL,                -- JSON
    UNIQUE (kind, domain, reporter, report_id)
);
CREATE INDEX mail_report_ends ON mail_report (ends);
