-- Lists of values that scripts ask about (RFC 6134), of an account or of everybody.

CREATE TABLE value_list (
    id {PK},
    account_id BIGINT REFERENCES account (id),  -- NULL: of everybody
    name {TEXT} NOT NULL                        -- a URI
);
CREATE UNIQUE INDEX value_list_account ON value_list (account_id, name)
    WHERE account_id IS NOT NULL;
CREATE UNIQUE INDEX value_list_everybody ON value_list (name) WHERE account_id IS NULL;

CREATE TABLE list_value (
    list_id BIGINT NOT NULL REFERENCES value_list (id),
    form {TEXT} NOT NULL,                       -- the value without case
    value {TEXT} NOT NULL,
    PRIMARY KEY (list_id, form)
) {ROWLESS};
