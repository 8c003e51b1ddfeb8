-- Objects with more than 31 days between their first and last occurrence: series, tasks that are
-- always there. The others of a time range end soon after it begins, so that what is long over and
-- what is far ahead is not looked at. Halves, as the distance of two seconds may be too large.

CREATE INDEX object_long ON object (collection_id, last_at, first_at)
    WHERE component <> 0 AND last_at / 2 - first_at / 2 > 1339200;
