use ids::{CollectionId, Uid};

use super::ThreadId;
use crate::sql::Value;
use crate::testing::{TestStore, on_both_engines, uids};

/// The conversation of each message, numbered in the order in which they appear.
fn threads(store: &TestStore, mailbox: CollectionId) -> Vec<usize> {
    let threads = store.read(move |tx| {
        let contents = tx.sql.query_all(
            "SELECT content_id FROM message WHERE mailbox_id = ?1 ORDER BY uid",
            &[Value::Int(mailbox.get())],
            |row| Ok(ids::ContentId::new(row.int(0)?)),
        )?;
        let threads = tx.load_threads(&contents)?;
        let of = |content| threads.iter().find(|(known, _)| *known == content).unwrap().1;
        Ok(contents.into_iter().map(of).collect::<Vec<ThreadId>>())
    });
    let threads = threads.unwrap();
    let mut known: Vec<ThreadId> = Vec::new();
    let mut number = |thread| {
        known.iter().position(|seen| *seen == thread).unwrap_or_else(|| {
            known.push(thread);
            known.len() - 1
        })
    };
    threads.into_iter().map(&mut number).collect()
}

#[test]
fn replies_are_of_the_conversation_that_began_it() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let inbox = store.mailbox(julie, "INBOX");
        for text in [
            "Message-ID: <1@x>\r\n\r\n",
            "Message-ID: <2@x>\r\nReferences: <1@x>\r\n\r\n",
            "Message-ID: <3@x>\r\nIn-Reply-To: <1@x>\r\n\r\n",
            "Message-ID: <4@x>\r\nReferences: <1@x> <2@x>\r\nIn-Reply-To: <2@x>\r\n\r\n",
            "Message-ID: <5@x>\r\n\r\n",
            "Subject: none\r\n\r\n",
            "Subject: another\r\n\r\n",
            "Subject: none\r\n\r\n",
        ] {
            store.append(julie, inbox, text, "").unwrap();
        }
        let expect = [0, 0, 0, 0, 1, 2, 3, 2];
        assert_eq!(threads(store, inbox), expect);
        // Where they are makes no difference.
        let archive = store.mailbox(julie, "Archive");
        store.with(julie, move |tx| tx.move_messages(inbox, &uids("2:8"), archive)).unwrap();
        assert_eq!(threads(store, archive), [0, 0, 0, 1, 2, 3, 2]);
        let found = |mailbox: CollectionId, uid: u32| {
            store
                .read(move |tx| {
                    let content = tx.sql.query_one(
                        "SELECT content_id FROM message WHERE mailbox_id = ?1 AND uid = ?2",
                        &[Value::Int(mailbox.get()), Value::Int(uid.into())],
                        |row| Ok(ids::ContentId::new(row.int(0)?)),
                    )?;
                    let thread = tx.load_threads(&[content.unwrap()])?[0].1;
                    assert_eq!(ThreadId::parse(&thread.to_string()), Some(thread));
                    Ok((tx.find_thread(inbox, thread)?, tx.find_thread(archive, thread)?))
                })
                .unwrap()
        };
        let list = |numbers: &[u32]| numbers.iter().copied().map(Uid::new).collect::<Vec<_>>();
        assert_eq!(found(inbox, 1), (list(&[1]), list(&[1, 2, 3])));
        assert_eq!(found(archive, 7), (list(&[]), list(&[5, 7])));
        // What was stored before conversations were is found all the same.
        let forget = |tx: &mut crate::WriteTx<'_>| {
            tx.sql.execute("UPDATE content SET thread_id = 0", &[]).map(drop)
        };
        store.write(forget).unwrap();
        assert_eq!(threads(store, archive), [0, 0, 0, 1, 2, 3, 2]);
        assert_eq!(found(archive, 7), (list(&[]), list(&[5, 7])));
    });
}

#[test]
fn only_what_was_written_here_is_an_id() {
    for text in
        ["", "1", "0000000000000001x", "000000000000000G", "-000000000000001", "+000000000000001"]
    {
        assert_eq!(ThreadId::parse(text), None, "{text}");
    }
}
