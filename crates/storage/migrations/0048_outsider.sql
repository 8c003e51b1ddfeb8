-- R-SHARE-1: calendars shared with people who have no account here; see docs/decisions/010-sharing.md.

-- Each reaches one calendar by a secret address. What they may do stands in collection_share, under
-- their number, which is of those of teams: no account has it.
CREATE TABLE outsider (
    id {GIVEN_PK},
    collection_id BIGINT NOT NULL REFERENCES collection (id),
    address {TEXT} NOT NULL,                -- in normal form
    secret {BLOB} NOT NULL UNIQUE,          -- BLAKE3 of it
    invited_by BIGINT NOT NULL,             -- the outsider who did; 0: somebody with an account
    sent BIGINT NOT NULL,                   -- when they were last written to
    UNIQUE (collection_id, address)
);

-- How many such letters went on a day.
CREATE TABLE outside_letter (
    account_id BIGINT PRIMARY KEY REFERENCES account (id),
    day BIGINT NOT NULL,
    sent BIGINT NOT NULL
);

-- Whom one counts as where rights are given: an account is itself, its organisation unless it is
-- external (R-SHARE-2), its teams; an outsider is nothing else.
DROP VIEW grantee_of;
CREATE VIEW grantee_of (account_id, grantee) AS
    SELECT a.id, a.id FROM account a
    UNION ALL
    SELECT a.id, -d.organisation FROM account a JOIN domain d ON d.id = a.domain_id
        WHERE a.role <> 'external'
    UNION ALL
    SELECT m.account_id, m.team_id FROM team_member m
    UNION ALL
    SELECT x.id, x.id FROM outsider x;
