-- Organisations of one or more domains, and teams of their accounts (R-ORG-1).

-- The domain that leads the organisation: the first one of it. A domain alias has that of its
-- domain. Where rights are given, everybody of the organisation is that domain's id below 0.
ALTER TABLE domain ADD COLUMN organisation BIGINT NOT NULL DEFAULT 0;
UPDATE domain SET organisation = COALESCE(alias_of, id);
CREATE INDEX domain_organisation ON domain (organisation);

-- One row: the number given last. Begins where no account of any store will be: a grantee is
-- either.
CREATE TABLE team_number (last BIGINT NOT NULL);
INSERT INTO team_number (last) VALUES (1099511627776);

CREATE TABLE team (
    id {GIVEN_PK},
    organisation BIGINT NOT NULL REFERENCES domain (id),
    name {TEXT} NOT NULL,                   -- NFC, as it was given
    folded {TEXT} NOT NULL,                 -- what is compared
    created BIGINT NOT NULL,
    UNIQUE (organisation, folded)
);

CREATE TABLE team_member (
    team_id BIGINT NOT NULL REFERENCES team (id),
    account_id BIGINT NOT NULL REFERENCES account (id),
    PRIMARY KEY (team_id, account_id)
) {ROWLESS};
CREATE INDEX team_member_account ON team_member (account_id);

-- The same table as before, for teams too.
CREATE TABLE share_with_teams (
    account_id BIGINT NOT NULL REFERENCES account (id),
    grantee BIGINT NOT NULL,                -- an account or a team
    rights BIGINT NOT NULL,                 -- bits, see ShareRights
    PRIMARY KEY (account_id, grantee)
) {ROWLESS};
INSERT INTO share_with_teams (account_id, grantee, rights)
    SELECT account_id, grantee, rights FROM account_share;
DROP TABLE account_share;
ALTER TABLE share_with_teams RENAME TO account_share;
CREATE INDEX account_share_grantee ON account_share (grantee);

-- Whom an account counts as where rights are given: itself, its organisation unless it is
-- external (R-SHARE-2), its teams.
CREATE VIEW grantee_of (account_id, grantee) AS
    SELECT a.id, a.id FROM account a
    UNION ALL
    SELECT a.id, -d.organisation FROM account a JOIN domain d ON d.id = a.domain_id
        WHERE a.role <> 'external'
    UNION ALL
    SELECT m.account_id, m.team_id FROM team_member m;
