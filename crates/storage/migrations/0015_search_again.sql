-- Segments have another form: the index is made anew, in the background; until then, searches read
-- the messages.
DELETE FROM search_block;
DELETE FROM search_segment;
UPDATE mailbox SET indexed_uid = 0;
