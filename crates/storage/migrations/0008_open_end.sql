-- Texts whose last line has no CRLF: few. POP3 sends one after them, and counts it in the sizes it
-- tells of a whole maildrop (RFC 1939 §11) without reading any message. Texts from before this
-- table are not in it.

CREATE TABLE content_open_end (
    content_id BIGINT PRIMARY KEY REFERENCES content (id)
);
