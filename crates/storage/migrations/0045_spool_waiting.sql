-- How many recipients wait for each destination, so that nobody has to count them. Who changes the
-- spool adds to a row of its own (`slot`); what stands in all of them together is the number.

CREATE TABLE spool_waiting (
    destination {TEXT} NOT NULL,
    slot BIGINT NOT NULL,                   -- 0: what was gathered from the others
    recipients BIGINT NOT NULL,             -- of one slot alone it may be below zero
    PRIMARY KEY (destination, slot)
) {ROWLESS};
INSERT INTO spool_waiting (destination, slot, recipients)
    SELECT destination, 0, COUNT(*) FROM spool_recipient
    WHERE held = 0 AND owner = 0 AND destination <> '' GROUP BY destination;
