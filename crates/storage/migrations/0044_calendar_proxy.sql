-- Who acts for somebody in their calendars (calendarserver's calendar-proxy principals).

CREATE TABLE calendar_proxy (
    account_id BIGINT NOT NULL REFERENCES account (id),  -- whose calendars
    grantee BIGINT NOT NULL,                -- an account or a team
    may_write BIGINT NOT NULL,              -- 1: they change them, too
    PRIMARY KEY (account_id, grantee, may_write)
) {ROWLESS};
CREATE INDEX calendar_proxy_grantee ON calendar_proxy (grantee);
