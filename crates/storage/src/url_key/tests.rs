use super::UrlKey;
use crate::testing::{mailbox_name, on_both_engines};
use crate::{AclChange, Rights};

#[test]
fn tokens_are_of_one_key_and_one_url() {
    let (one, other) = (UrlKey([1; 32]), UrlKey([2; 32]));
    let token = one.token("imap://a@b/c/;UID=1;URLAUTH=authuser");
    assert_eq!(token.len(), 66);
    for (key, url, token, expect) in [
        (&one, "imap://a@b/c/;UID=1;URLAUTH=authuser", token.clone(), true),
        // RFC 4467 §6: nothing is decoded or folded.
        (&one, "imap://a@B/c/;UID=1;URLAUTH=authuser", token.clone(), false),
        (&other, "imap://a@b/c/;UID=1;URLAUTH=authuser", token.clone(), false),
        (&one, "imap://a@b/c/;UID=1;URLAUTH=authuser", token.replacen("01", "02", 1), false),
        (&one, "imap://a@b/c/;UID=1;URLAUTH=authuser", token[..64].to_owned(), false),
        (&one, "imap://a@b/c/;UID=1;URLAUTH=authuser", String::new(), false),
    ] {
        assert_eq!(key.verifies(url, &token), expect, "{url} {token}");
    }
    assert_eq!(format!("{one:?}"), "UrlKey");
}

#[test]
fn keys_are_made_once_and_end() {
    on_both_engines(|store| {
        let (ann, ben) = (store.account("ann"), store.account("ben"));
        let inbox = store.mailbox(ann, "INBOX");
        let key = |account, mailbox| store.write(move |tx| tx.url_key(account, mailbox));
        let find = |account| store.read(move |tx| tx.find_url_key(account, inbox)).unwrap();
        assert_eq!(find(ann), None);
        let first = key(ann, inbox).unwrap();
        assert_eq!(key(ann, inbox).unwrap(), first);
        assert_eq!(find(ann), Some(first.clone()));
        // Who may not read a mailbox gets no key for it; who may has one of its own.
        assert!(key(ben, inbox).is_err());
        let rights = AclChange::Set(Rights::LOOKUP | Rights::READ);
        store.write(move |tx| tx.set_acl(ann, inbox, "ben@example.test", rights)).unwrap();
        let of_ben = key(ben, inbox).unwrap();
        assert_ne!(of_ben, first);
        let view = store.inner().open_view_blocking(ann, inbox).unwrap();
        let modseq = view.snapshot().highest_modseq();
        // Of what others do with theirs the sessions of the owner need not hear.
        store.write(move |tx| tx.reset_url_key(ben, inbox)).unwrap();
        assert_eq!(view.snapshot().url_key_resets(), 0);
        let of_ben = find(ben).unwrap();
        store.write(move |tx| tx.reset_url_key(ann, inbox)).unwrap();
        assert_eq!(view.snapshot().url_key_resets(), 1);
        let second = find(ann).unwrap();
        assert_ne!(second, first);
        assert_eq!(find(ben), Some(of_ben));
        store.write(move |tx| tx.remove_url_keys(ann)).unwrap();
        assert_eq!(view.snapshot().url_key_resets(), 2);
        store.write(move |tx| tx.remove_url_keys(ann)).unwrap();
        assert_eq!(
            (view.snapshot().url_key_resets(), view.snapshot().highest_modseq()),
            (2, modseq)
        );
        assert_eq!(find(ann), None);
        assert!(find(ben).is_some());
        // With the mailbox, and with the account.
        store.with(ann, |tx| tx.create_mailbox(&mailbox_name("Old"), None).map(drop)).unwrap();
        let old = store.mailbox(ann, "Old");
        key(ann, old).unwrap();
        store.with(ann, |tx| tx.delete_mailbox(&mailbox_name("Old"))).unwrap();
        assert_eq!(store.read(move |tx| tx.find_url_key(ann, old)).unwrap(), None);
        store.write(move |tx| tx.remove_account(ben)).unwrap();
        assert_eq!(find(ben), None);
    });
}
