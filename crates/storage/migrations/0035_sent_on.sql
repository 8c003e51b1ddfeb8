-- R-ADDR-10, R-ADDR-11: what scripts of accounts sent on today, beside what accounts send themselves.

CREATE TABLE sent_on (
    account_id BIGINT PRIMARY KEY REFERENCES account (id),
    day BIGINT NOT NULL,                    -- since 1970, UTC
    sent BIGINT NOT NULL                    -- messages of that day
) {ROWLESS};
