-- R-SHARE-4: calendars that anybody reads who knows the token.
CREATE TABLE public_calendar (
    collection_id BIGINT PRIMARY KEY REFERENCES collection (id),
    token {TEXT} NOT NULL UNIQUE,
    created BIGINT NOT NULL
);

-- Where a calendar comes from that its programs subscribe to themselves.
ALTER TABLE collection ADD COLUMN source {TEXT};
