-- R-ADDR-11: what accounts have sent today, and limits of their own.

CREATE TABLE sending (
    account_id BIGINT PRIMARY KEY REFERENCES account (id),
    day BIGINT NOT NULL,                    -- since 1970, UTC
    sent BIGINT NOT NULL,                   -- messages of that day
    messages_max BIGINT NOT NULL,           -- a day; 0: no limit, -1: that of the server
    recipients_max BIGINT NOT NULL          -- of one message; likewise
) {ROWLESS};
