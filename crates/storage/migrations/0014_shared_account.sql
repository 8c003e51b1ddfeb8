-- Accounts of nobody, such as info@: their mailboxes are seen below Shared/ (RFC 2342).

ALTER TABLE account ADD COLUMN shared BIGINT NOT NULL DEFAULT 0;

-- The names below which mailboxes of others are seen are nobody's own any more.
UPDATE mailbox SET name = 'Shared (own)' || substr(name, 7)
    WHERE name = 'Shared' OR (name >= 'Shared/' AND name < 'Shared0');
UPDATE subscription SET name = 'Shared (own)' || substr(name, 7)
    WHERE name = 'Shared' OR (name >= 'Shared/' AND name < 'Shared0');
UPDATE mailbox SET name = 'Other Users (own)' || substr(name, 12)
    WHERE name = 'Other Users' OR (name >= 'Other Users/' AND name < 'Other Users0');
