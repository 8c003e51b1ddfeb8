-- R-CARD-5: the accounts of an organisation as an address book. A row for each account that is in it, or
-- was: what changed since is told from here, the cards themselves are made of the accounts.
CREATE TABLE directory_entry (
    organisation BIGINT NOT NULL,       -- the domain that leads it
    account_id BIGINT NOT NULL,         -- which may be gone
    modseq BIGINT NOT NULL,             -- of the organisation's own counter
    created_modseq BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    gone BIGINT NOT NULL DEFAULT 0,     -- 1: it is not in it any more
    PRIMARY KEY (organisation, account_id)
) {ROWLESS};
CREATE INDEX directory_entry_modseq ON directory_entry (organisation, modseq);
CREATE INDEX directory_entry_gone ON directory_entry (changed) WHERE gone = 1;

ALTER TABLE domain ADD COLUMN directory_modseq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE domain ADD COLUMN directory_horizon BIGINT NOT NULL DEFAULT 0;
UPDATE domain SET directory_modseq = 1 WHERE organisation = id;
INSERT INTO directory_entry (organisation, account_id, modseq, created_modseq, changed)
    SELECT d.organisation, a.id, 1, 1, a.created FROM account a JOIN domain d ON d.id = a.domain_id
    WHERE a.role <> 'external';

-- The card that is the account's owner, an object of theirs.
ALTER TABLE account ADD COLUMN me_card BIGINT;
