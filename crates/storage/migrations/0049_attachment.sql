-- Managed attachments (RFC 8607), see docs/decisions/011-attachments.md.

CREATE TABLE attachment (
    id {PK},
    account_id BIGINT REFERENCES account (id),  -- whose calendars it is for; NULL: of nobody any more
    creator BIGINT NOT NULL,                -- the account that added it; no reference: it may be gone
    managed_id {TEXT} NOT NULL UNIQUE,      -- names it in objects
    token {TEXT} NOT NULL UNIQUE,           -- leads whoever has it to the data
    blob_id BIGINT NOT NULL REFERENCES blob (id),
    size_bytes BIGINT NOT NULL,             -- copy of blob.size_bytes
    media_type {TEXT} NOT NULL,
    filename {TEXT} NOT NULL,               -- '': it has none
    created BIGINT NOT NULL,
    unnamed_since BIGINT                    -- NULL: an object of its account names it; 0: not to be kept
);
CREATE INDEX attachment_account ON attachment (account_id);
CREATE INDEX attachment_blob ON attachment (blob_id);
CREATE INDEX attachment_unnamed ON attachment (unnamed_since) WHERE unnamed_since IS NOT NULL;

-- Which objects name which, of any account. What they name may be gone.
CREATE TABLE attachment_use (
    object_id BIGINT NOT NULL REFERENCES object (id),
    managed_id {TEXT} NOT NULL,
    PRIMARY KEY (object_id, managed_id)
) {ROWLESS};
CREATE INDEX attachment_use_managed ON attachment_use (managed_id);

-- How many an object names: of most it is 0, and nothing is looked up.
ALTER TABLE object ADD COLUMN attachments BIGINT NOT NULL DEFAULT 0;
