-- IMAP capabilities switched off for one account, in capitals, with spaces between.
ALTER TABLE account ADD COLUMN capabilities_off {TEXT} NOT NULL DEFAULT '';
