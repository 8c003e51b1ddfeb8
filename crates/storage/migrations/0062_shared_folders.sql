-- Mailboxes of accounts that are nobody's stand below 'Shared Folders/', as 'Shared' is what many people name a
-- folder of their own. Nobody could have one of that name: what was named 'Shared Folders' takes it. Both
-- at once, by way of a name that nothing can have.
UPDATE subscription SET name = '//' || substr(name, 7)
    WHERE name = 'Shared' OR (name >= 'Shared/' AND name < 'Shared0');
UPDATE subscription SET name = 'Shared' || substr(name, 15)
    WHERE name = 'Shared Folders' OR (name >= 'Shared Folders/' AND name < 'Shared Folders0');
UPDATE subscription SET name = 'Shared Folders' || substr(name, 3) WHERE name >= '//' AND name < '/0';
UPDATE mailbox SET name = 'Shared' || substr(name, 15)
    WHERE (name = 'Shared Folders' OR (name >= 'Shared Folders/' AND name < 'Shared Folders0'))
    AND account_id NOT IN
        (SELECT account_id FROM mailbox WHERE name = 'Shared' OR (name >= 'Shared/' AND name < 'Shared0'));
