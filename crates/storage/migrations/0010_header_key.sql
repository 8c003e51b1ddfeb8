-- SQLite keeps a table in the order of an INTEGER key. With any other it keeps an index beside it,
-- which every delivery had to write too.

ALTER TABLE content_header RENAME TO content_header_before;
CREATE TABLE content_header (
    content_id {GIVEN_PK} REFERENCES content (id),
    header {BLOB} NOT NULL                  -- with the empty line, byte for byte
);
INSERT INTO content_header (content_id, header)
    SELECT content_id, header FROM content_header_before ORDER BY content_id;
DROP TABLE content_header_before;
