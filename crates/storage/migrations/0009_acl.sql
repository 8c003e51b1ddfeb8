-- Who else may do what with a mailbox (RFC 4314), and accounts shared as a whole (R-SHARE-6).

CREATE TABLE acl (
    mailbox_id BIGINT NOT NULL REFERENCES mailbox (id),
    grantee BIGINT NOT NULL,                -- an account; below 0: every account of that domain
    negative BIGINT NOT NULL,               -- 1: takes rights away
    rights BIGINT NOT NULL,                 -- bits, in the order lrswipkxtea
    PRIMARY KEY (mailbox_id, grantee, negative)
) {ROWLESS};
-- What is shared with somebody, without looking at anybody else.
CREATE INDEX acl_grantee ON acl (grantee, mailbox_id);

CREATE TABLE account_share (
    account_id BIGINT NOT NULL REFERENCES account (id),
    grantee BIGINT NOT NULL REFERENCES account (id),
    rights BIGINT NOT NULL,                 -- bits, see ShareRights
    PRIMARY KEY (account_id, grantee)
) {ROWLESS};
CREATE INDEX account_share_grantee ON account_share (grantee);
