-- Properties of WebDAV resources count in the quota, their names and their values.
UPDATE account SET used_bytes = used_bytes +
    (SELECT CAST(COALESCE(SUM(OCTET_LENGTH(p.name) + OCTET_LENGTH(p.value)), 0) AS BIGINT)
     FROM dead_property p JOIN collection c ON c.id = p.collection_id
     WHERE c.account_id = account.id);
