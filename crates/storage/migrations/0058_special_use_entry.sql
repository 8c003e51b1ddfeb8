-- What was kept as an annotation /private/specialuse of a mailbox and said nothing of its use.
DELETE FROM metadata WHERE entry = '/specialuse' AND scope > 0 AND mailbox_id > 0;
