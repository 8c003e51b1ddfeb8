-- Whether a sender was answered is asked across sources: responders and scripts share it.

CREATE INDEX answered_sender ON answered (account_id, sender);
