-- Limits on numbers beside bytes (R-ADDR-11, RFC 9208 §5).

ALTER TABLE account ADD COLUMN quota_messages BIGINT NOT NULL DEFAULT 0;  -- 0: none
ALTER TABLE account ADD COLUMN quota_mailboxes BIGINT NOT NULL DEFAULT 0; -- 0: what the store allows
