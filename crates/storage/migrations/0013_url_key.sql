-- Mailbox access keys (RFC 4467 §2.2): what makes URLs that carry their own authorization.

CREATE TABLE url_key (
    mailbox_id BIGINT NOT NULL REFERENCES mailbox (id),
    account_id BIGINT NOT NULL REFERENCES account (id),     -- whose: each who sees a mailbox has
                                                            -- one of its own
    secret {BLOB} NOT NULL,                                 -- 32 bytes, random
    PRIMARY KEY (mailbox_id, account_id)
) {ROWLESS};
CREATE INDEX url_key_account ON url_key (account_id);
