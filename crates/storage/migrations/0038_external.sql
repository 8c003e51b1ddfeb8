-- R-ADDR-13: marking mail from outside; R-ADDR-7: what an account may not change of its own.

-- Said of each domain of an organisation, so that who looks an address up reads no other row.
ALTER TABLE domain ADD COLUMN external_mark BIGINT NOT NULL DEFAULT 0;

-- The addresses in an account's address books, in normal form.
CREATE TABLE card_address (
    account_id BIGINT NOT NULL REFERENCES account (id),
    address {TEXT} NOT NULL,
    object_id BIGINT NOT NULL REFERENCES object (id),
    PRIMARY KEY (account_id, address, object_id)
) {ROWLESS};
CREATE INDEX card_address_object ON card_address (object_id);

-- 0: a card of before this, whose addresses are read when they are first needed.
ALTER TABLE object ADD COLUMN addresses_known BIGINT NOT NULL DEFAULT 1;
UPDATE object SET addresses_known = 0
    WHERE collection_id IN (SELECT id FROM collection WHERE kind = 2);
CREATE INDEX object_addresses ON object (collection_id) WHERE addresses_known = 0;

-- Bits, see Withdrawn.
ALTER TABLE account ADD COLUMN withdrawn BIGINT NOT NULL DEFAULT 0;
