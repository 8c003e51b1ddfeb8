-- When a subscription is looked at: what has nothing to be told is found by its collection's change.

ALTER TABLE push_subscription ADD COLUMN look BIGINT;       -- NULL: at the next change
UPDATE push_subscription SET look = due;
CREATE INDEX push_subscription_look ON push_subscription (look, id) WHERE look IS NOT NULL;
