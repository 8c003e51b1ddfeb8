-- What versions of objects take of an account: their bytes, and 512 for each.
ALTER TABLE account ADD COLUMN version_bytes BIGINT NOT NULL DEFAULT 0;
UPDATE account SET version_bytes =
    (SELECT CAST(COALESCE(SUM(v.size_bytes + 512), 0) AS BIGINT) FROM object_version v
     WHERE v.account_id = account.id);
CREATE INDEX object_version_oldest ON object_version (account_id, until);
