-- Whether a script was made of a list of rules, and not changed by hand since.

ALTER TABLE script ADD COLUMN of_rules BIGINT NOT NULL DEFAULT 0;
