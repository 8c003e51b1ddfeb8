-- Shared collections in the homes of those they are shared with, and invitations to them; see
-- docs/decisions/010-sharing.md.

-- 0 given, nobody was asked; 1 invited, not answered yet; 2 accepted; 3 declined. Rights count in
-- 0 and 2.
ALTER TABLE collection_share ADD COLUMN state BIGINT NOT NULL DEFAULT 0;
-- What the invitation is known by; '': there is none.
ALTER TABLE collection_share ADD COLUMN invitation {TEXT} NOT NULL DEFAULT '';
-- What whoever invited called the person, and the collection.
ALTER TABLE collection_share ADD COLUMN common_name {TEXT};
ALTER TABLE collection_share ADD COLUMN summary {TEXT};

-- How somebody sees a collection of somebody else. No row: as its owner does.
CREATE TABLE collection_overlay (
    account_id BIGINT NOT NULL REFERENCES account (id),
    collection_id BIGINT NOT NULL REFERENCES collection (id),
    hidden BIGINT NOT NULL DEFAULT 0,       -- 1: they left it, and what gives them rights is left
    display_name {TEXT},
    description {TEXT},
    color {TEXT},
    sort_order BIGINT,
    timezone {TEXT},
    transparent BIGINT,
    modseq BIGINT NOT NULL,                 -- of the account, when it last changed
    PRIMARY KEY (account_id, collection_id)
) {ROWLESS};
CREATE INDEX collection_overlay_collection ON collection_overlay (collection_id);

-- Its dead properties, of which one's own alarms are some.
CREATE TABLE overlay_property (
    account_id BIGINT NOT NULL REFERENCES account (id),
    collection_id BIGINT NOT NULL REFERENCES collection (id),
    name {TEXT} NOT NULL,
    value {TEXT} NOT NULL,
    PRIMARY KEY (account_id, collection_id, name)
) {ROWLESS};
CREATE INDEX overlay_property_collection ON overlay_property (collection_id);
