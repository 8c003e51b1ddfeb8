-- R-ADDR-11: how many redirections an account may have, where it has a limit of its own.

ALTER TABLE sending ADD COLUMN redirections_max BIGINT; -- 0: no limit, NULL: that of the server
