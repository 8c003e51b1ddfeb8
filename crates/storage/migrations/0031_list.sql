-- Addresses that fan out: simple lists, and teams that have an address.

CREATE TABLE mail_list (
    id {GIVEN_PK},                          -- counted with teams
    description {TEXT} NOT NULL,
    owner BIGINT REFERENCES account (id),   -- gets what comes back; NULL: the postmaster
    posting BIGINT NOT NULL,                -- 0 anybody, 1 the organisation, 2 members
    team_id BIGINT REFERENCES team (id),    -- whose members are those of the list
    created BIGINT NOT NULL
);
CREATE INDEX mail_list_owner ON mail_list (owner) WHERE owner IS NOT NULL;
CREATE UNIQUE INDEX mail_list_team ON mail_list (team_id) WHERE team_id IS NOT NULL;

CREATE TABLE list_member (
    list_id BIGINT NOT NULL REFERENCES mail_list (id),
    address {TEXT} NOT NULL,                -- normal form
    display {TEXT} NOT NULL,
    account_id BIGINT REFERENCES account (id),      -- whose address it was when it was added
    member_list BIGINT REFERENCES mail_list (id),   -- likewise; neither: an address elsewhere
    PRIMARY KEY (list_id, address)
) {ROWLESS};
CREATE UNIQUE INDEX list_member_account ON list_member (account_id, list_id)
    WHERE account_id IS NOT NULL;
CREATE INDEX list_member_list ON list_member (member_list) WHERE member_list IS NOT NULL;

-- The same table as before, for lists too: one name space (R-ADDR-3).
CREATE TABLE address_of_any (
    domain_id BIGINT NOT NULL REFERENCES domain (id),
    local {TEXT} NOT NULL,                  -- normal form
    account_id BIGINT REFERENCES account (id),
    list_id BIGINT REFERENCES mail_list (id),       -- one of the two
    kind {TEXT} NOT NULL,                   -- primary, alias, list
    display {TEXT} NOT NULL,                -- local part as it was given
    created BIGINT NOT NULL,
    PRIMARY KEY (domain_id, local)
) {ROWLESS};
INSERT INTO address_of_any (domain_id, local, account_id, kind, display, created)
    SELECT domain_id, local, account_id, kind, display, created FROM address;
DROP TABLE address;
ALTER TABLE address_of_any RENAME TO address;
CREATE INDEX address_account ON address (account_id) WHERE account_id IS NOT NULL;
CREATE UNIQUE INDEX address_list ON address (list_id) WHERE list_id IS NOT NULL;
