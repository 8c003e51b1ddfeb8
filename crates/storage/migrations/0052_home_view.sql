-- What stands in homes, as those who synchronise them know it (RFC 6578); see
-- docs/decisions/004-collections.md.

-- How one account sees a home, its own or one it acts in.
CREATE TABLE home_view (
    id {PK},
    viewer_id BIGINT NOT NULL REFERENCES account (id),
    owner_id BIGINT NOT NULL REFERENCES account (id),
    home BIGINT NOT NULL,                   -- as in collection
    narrow BIGINT NOT NULL,                 -- 1: by a program that sees one address book alone
    last BIGINT NOT NULL DEFAULT 0,         -- the number given last
    horizon BIGINT NOT NULL DEFAULT 0,      -- what went after this is in home_member
    UNIQUE (viewer_id, owner_id, home, narrow)
);
CREATE INDEX home_view_owner ON home_view (owner_id, home);

CREATE TABLE home_member (
    view_id BIGINT NOT NULL REFERENCES home_view (id),
    name {TEXT} NOT NULL,
    mark {BLOB} NOT NULL,                   -- another one when anything about it is
    seq BIGINT NOT NULL,                    -- of the last change; no two of a view have the same
    gone BIGINT NOT NULL,                   -- 1: it is not there any more
    at BIGINT NOT NULL,
    PRIMARY KEY (view_id, name)
) {ROWLESS};
CREATE INDEX home_member_seq ON home_member (view_id, seq);
CREATE INDEX home_member_gone ON home_member (view_id, at) WHERE gone = 1;
