use std::sync::Arc;

use ids::Uid;

use crate::testing::{flags, on_both_engines};
use crate::{Append, PreparedMessage};

#[test]
fn a_message_takes_the_place_of_another() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let (drafts, sent) = (store.mailbox(julie, "Drafts"), store.mailbox(julie, "Sent"));
        store.append(julie, drafts, "one", "\\Draft").unwrap();
        store.append(julie, drafts, "another", "\\Deleted").unwrap();
        let replace = |uid, target, text: &str| {
            let message = Arc::new(PreparedMessage::new(text.as_bytes().to_vec()));
            let append = Append { flags: flags("\\Draft Work"), ..Append::default() };
            store.with(julie, move |tx| {
                tx.replace_message(drafts, Uid::new(uid), target, &message, append)
            })
        };
        assert_eq!(replace(1, drafts, "three").unwrap().uid, Uid::new(3));
        assert_eq!(store.messages(drafts), ["2 (\\Deleted)", "3 (\\Draft Work)"]);
        // A quota that has room for the difference alone.
        store.with(julie, |tx| tx.set_quota(14)).unwrap();
        assert_eq!(replace(3, sent, "1234567").unwrap().uid, Uid::new(1));
        assert_eq!(store.messages(drafts), ["2 (\\Deleted)"]);
        let full = replace(2, sent, "12345678").unwrap_err();
        assert_eq!(full.to_string(), "over quota: 14 of 14 bytes are used");
        assert_eq!(store.messages(drafts), ["2 (\\Deleted)"]);
        let gone = replace(3, sent, "x").unwrap_err();
        assert_eq!(gone.to_string(), "the message has been expunged");
        let kept = store.read(move |tx| {
            tx.sql.query_one("SELECT COUNT(*) FROM expunged", &[], |row| row.int(0))
        });
        assert_eq!(kept.unwrap(), Some(2));
    });
}
