-- Conversations (RFC 8474 §5.2). The index grows at its end, as contents do: no delivery looks
-- for a page.

ALTER TABLE content ADD COLUMN thread_id BIGINT NOT NULL DEFAULT 0; -- 0: from before this column
CREATE INDEX content_thread ON content (id, thread_id);
