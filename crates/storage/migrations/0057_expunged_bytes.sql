-- What expunged messages take of an account: their bytes, and 512 for each.
ALTER TABLE account ADD COLUMN expunged_bytes BIGINT NOT NULL DEFAULT 0;
UPDATE account SET expunged_bytes =
    (SELECT CAST(COALESCE(SUM(COALESCE(c.size_bytes, 0) + 512), 0) AS BIGINT)
     FROM expunged e LEFT JOIN content c ON c.id = e.content_id
     WHERE e.account_id = account.id);
