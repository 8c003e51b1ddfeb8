-- A change of the flags of many messages that stand side by side, such as a STORE of a whole
-- mailbox: one row in place of theirs. It holds for those messages in its range whose own row is
-- older, until it is written into their rows.

CREATE TABLE flag_sweep (
    mailbox_id BIGINT NOT NULL REFERENCES mailbox (id),
    modseq BIGINT NOT NULL,                 -- of the change; what the messages carry now
    first_uid BIGINT NOT NULL,
    last_uid BIGINT NOT NULL,
    kept BIGINT NOT NULL,                   -- system flags that stay, as bits
    added BIGINT NOT NULL,                  -- system flags that come
    keywords {TEXT},                        -- null: they stay, and so does a message whose flags do
    PRIMARY KEY (mailbox_id, modseq)
) {ROWLESS};

-- How many of them a mailbox has: who knows that there are none need not look.
ALTER TABLE mailbox ADD COLUMN sweeps BIGINT NOT NULL DEFAULT 0;
