//! Locks on what is shared (RFC 4918 §6, §7, §10.4).

use storage::CollectionRights;

use crate::calendars::{AT_NINE, event};
use crate::house::{Answered, House, on_both_engines};
use crate::shared::{between, path_of_shared};

const LOCK: &str = "<D:lockinfo xmlns:D=\"DAV:\"><D:lockscope><D:exclusive/></D:lockscope>\
                    <D:locktype><D:write/></D:locktype></D:lockinfo>";
const OWN: &str = "/dav/calendars/paul@example.test/personal/1.ics";

impl House {
    /// Paul has an event and may write into the calendar `team` of Julie; where it is to him.
    async fn share_team(&self) -> String {
        assert_eq!(self.julie("MKCALENDAR", "team/", "", "").await.status, 201);
        self.share("team", "paul@example.test", CollectionRights::WRITE).await;
        let path = path_of_shared(self, "calendars").await;
        self.put_own().await;
        path
    }

    async fn put_own(&self) {
        let put = self.ask("paul", "PUT", OWN, "", &event("1", AT_NINE)).await;
        assert!(matches!(put.status, 201 | 204), "{}", put.text);
    }

    async fn paul_asks(&self, method: &str, path: &str, headers: &str) -> Answered {
        self.ask("paul", method, path, headers, "").await
    }
}

fn token(locked: &Answered) -> String {
    assert!(matches!(locked.status, 200 | 201), "{}", locked.text);
    locked.header("lock-token").to_owned()
}

#[test]
fn roots_are_told_as_they_are_reached() {
    on_both_engines(|house| async move {
        let path = house.share_team().await;
        house.julie("PUT", "team/2.ics", "", &event("2", AT_NINE)).await;
        let object = format!("{path}2.ics");
        let own = "/dav/calendars/julie@example.test/team/2.ics".to_owned();
        let root = |answer: &Answered| {
            let root = between(&answer.text, "<D:lockroot><D:href>", "</D:href>");
            (answer.status, root.to_owned())
        };
        let locked = house.ask("paul", "LOCK", &object, "depth: 0", LOCK).await;
        assert_eq!(root(&locked), (200, object.clone()));
        let held = format!("if: ({})", token(&locked));
        assert_eq!(root(&house.paul_asks("LOCK", &object, &held).await), (200, object.clone()));
        let ask = "<propfind xmlns=\"DAV:\"><prop><lockdiscovery/></prop></propfind>";
        let found = house.ask("paul", "PROPFIND", &object, "depth: 0", ask).await;
        assert_eq!(root(&found), (207, object.clone()));
        // Each has the URL that they know.
        let found = house.julie("PROPFIND", "team/2.ics", "depth: 0", ask).await;
        assert_eq!(root(&found), (207, own.clone()));
        let found = house.ask("paul", "PROPFIND", &own, "depth: 0", ask).await;
        assert_eq!(root(&found), (207, own));
        // Of the collection, seen from what is in it.
        let unlocked = format!("lock-token: {}", token(&locked));
        assert_eq!(house.paul_asks("UNLOCK", &object, &unlocked).await.status, 204);
        let locked = house.ask("paul", "LOCK", &path, "", LOCK).await;
        let collection = path.trim_end_matches('/').to_owned();
        assert_eq!(root(&locked), (200, collection.clone()));
        let found = house.ask("paul", "PROPFIND", &object, "depth: 0", ask).await;
        assert_eq!(root(&found), (207, collection));
    });
}

#[test]
fn locks_of_another_home_are_obeyed_and_opened() {
    on_both_engines(|house| async move {
        let path = house.share_team().await;
        let to = format!("destination: {path}1.ics");
        let locked = house.ask("paul", "LOCK", &path, "depth: infinity", LOCK).await;
        let held = token(&locked);
        for method in ["COPY", "MOVE"] {
            let refused = house.paul_asks(method, OWN, &to).await;
            assert_eq!((refused.status, refused.failed()), (423, "D:lock-token-submitted"));
            for (condition, status) in [
                // Of what is copied itself.
                (format!("({held})"), 412),
                (format!("<{path}1.ics> ({held} [\"0\"])"), 412),
                (format!("<{path}> (Not {held})"), 412),
                (format!("<{path}> ({held})"), 201),
                (format!("<{path}1.ics> ({held})"), 204),
                (format!("<{OWN}> (<urn:x>) <{path}> ({held})"), 204),
                (format!("<https://mail.example.test{path}1.ics> ({held})"), 204),
                (format!("</dav/calendars/julie@example.test/team/> ({held})"), 204),
            ] {
                house.put_own().await;
                let headers = format!("{to}\nif: {condition}");
                let answer = house.paul_asks(method, OWN, &headers).await;
                assert_eq!(answer.status, status, "{method} {condition} {}", answer.text);
            }
            house.put_own().await;
            let headers = format!("if: ({held})");
            let removed = house.paul_asks("DELETE", &format!("{path}1.ics"), &headers).await;
            assert_eq!(removed.status, 204);
        }
        let unlocked = format!("lock-token: {held}");
        assert_eq!(house.paul_asks("UNLOCK", &path, &unlocked).await.status, 204);
        // A lock of somebody else is not opened by its name.
        let locked = house.julie("LOCK", "team/", "depth: infinity", LOCK).await;
        let headers = format!("{to}\nif: <{path}> ({})", token(&locked));
        let refused = house.paul_asks("COPY", OWN, &headers).await;
        assert_eq!((refused.status, refused.failed()), (423, "D:lock-token-submitted"));
        // Nor may what is locked at its source go away.
        let unlocked = format!("lock-token: {}", token(&locked));
        assert_eq!(house.julie("UNLOCK", "team/", &unlocked, "").await.status, 204);
        let held = token(&house.ask("paul", "LOCK", OWN, "depth: 0", LOCK).await);
        assert_eq!(house.paul_asks("MOVE", OWN, &to).await.status, 423);
        assert_eq!(house.paul_asks("COPY", OWN, &to).await.status, 201);
        let headers = format!("{to}\nif: ({held})");
        assert_eq!(house.paul_asks("MOVE", OWN, &headers).await.status, 204);
    });
}

/// RFC 4918 §16: with a URL of what is locked.
#[test]
fn refusals_name_what_is_locked() {
    on_both_engines(|house| async move {
        let path = house.share_team().await;
        house.julie("PUT", "team/2.ics", "", &event("2", AT_NINE)).await;
        let href = |answer: &Answered| {
            assert_eq!((answer.status, answer.failed()), (423, "D:lock-token-submitted"));
            between(&answer.text, "<D:href>", "</D:href>").to_owned()
        };
        let object = format!("{path}2.ics");
        let locked = house.julie("LOCK", "team/2.ics", "depth: 0", LOCK).await;
        assert_eq!(
            href(&house.ask("paul", "PUT", &object, "", &event("2", AT_NINE)).await),
            object
        );
        let mine = house.julie("PUT", "team/2.ics", "", &event("2", AT_NINE)).await;
        assert_eq!(href(&mine), "/dav/calendars/julie@example.test/team/2.ics");
        let to = format!("destination: {object}");
        assert_eq!(href(&house.paul_asks("COPY", OWN, &to).await), object);
        let unlocked = format!("lock-token: {}", token(&locked));
        assert_eq!(house.julie("UNLOCK", "team/2.ics", &unlocked, "").await.status, 204);
        house.julie("LOCK", "team/", "depth: infinity", LOCK).await;
        let new = format!("{path}new.ics");
        let refused = house.ask("paul", "PUT", &new, "", &event("new", AT_NINE)).await;
        assert_eq!(href(&refused), path.trim_end_matches('/'));
        assert_eq!(href(&house.paul_asks("DELETE", &object, "").await), path.trim_end_matches('/'));
    });
}

/// RFC 3744 Appendix B: LOCK needs what PUT needs. Who has it no more holds nobody up (R-SHARE-1).
#[test]
fn a_lock_ends_with_the_right_to_write() {
    on_both_engines(|house| async move {
        let path = house.share_team().await;
        let own = "/dav/calendars/julie@example.test/team/";
        for (rights, refreshed) in
            [(CollectionRights::NONE, [404, 404]), (CollectionRights::READ, [412, 412])]
        {
            house.share("team", "paul@example.test", CollectionRights::WRITE).await;
            let held = token(&house.ask("paul", "LOCK", &path, "depth: infinity", LOCK).await);
            let headers = format!("if: ({held})");
            let put = async || house.julie("PUT", "team/2.ics", "", &event("2", AT_NINE)).await;
            assert_eq!(put().await.status, 423);
            assert_eq!(house.paul_asks("LOCK", &path, &headers).await.status, 200);
            house.share("team", "paul@example.test", rights).await;
            for (place, status) in [path.as_str(), own].into_iter().zip(refreshed) {
                let refused = house.paul_asks("LOCK", place, &headers).await;
                assert_eq!(refused.status, status, "{place} {}", refused.text);
            }
            assert!(matches!(put().await.status, 201 | 204));
            let ask = "<propfind xmlns=\"DAV:\"><prop><lockdiscovery/></prop></propfind>";
            let found = house.julie("PROPFIND", "team/", "depth: 0", ask).await;
            assert!(!found.text.contains("<D:activelock>"), "{}", found.text);
            // Whose lock it is meanwhile, it stays.
            let mine = house.julie("LOCK", "team/", "depth: infinity", LOCK).await;
            house.share("team", "paul@example.test", CollectionRights::WRITE).await;
            assert_eq!(house.paul_asks("LOCK", &path, &headers).await.status, 412);
            let (new, body) = (format!("{path}3.ics"), event("3", AT_NINE));
            assert_eq!(house.ask("paul", "PUT", &new, "", &body).await.status, 423);
            let unlocked = format!("lock-token: {}", token(&mine));
            assert_eq!(house.julie("UNLOCK", "team/", &unlocked, "").await.status, 204);
        }
    });
}

/// R-SHARE-1: what somebody else wrote while a lock did not count is not written over with it.
#[test]
fn a_lock_that_did_not_count_does_not_come_back() {
    on_both_engines(|house| async move {
        let path = house.share_team().await;
        let object = format!("{path}2.ics");
        let put = async |headers: &str, text: &str| {
            house.ask("paul", "PUT", &object, headers, &event("2", text)).await.status
        };
        assert_eq!(put("", AT_NINE).await, 201);
        let held = token(&house.ask("paul", "LOCK", &path, "depth: infinity", LOCK).await);
        let headers = format!("if: ({held})");
        assert_eq!(put(&headers, AT_NINE).await, 204);
        house.share("team", "paul@example.test", CollectionRights::READ).await;
        let at_ten = AT_NINE.replace("T090000", "T093000");
        let written = house.julie("PUT", "team/2.ics", "", &event("2", &at_ten)).await;
        assert_eq!(written.status, 204);
        house.share("team", "paul@example.test", CollectionRights::WRITE).await;
        // RFC 4918 §10.4.4: there is no such token.
        assert_eq!(put(&headers, AT_NINE).await, 412);
        let found = house.julie("GET", "team/2.ics", "", "").await;
        assert!(found.text.contains("T093000"), "{}", found.text);
    });
}

/// However their rights went: nothing is written to a calendar where somebody acts for its owner no
/// more.
#[test]
fn locks_of_who_acted_for_somebody_end_with_that() {
    on_both_engines(|house| async move {
        house.julie("PUT", "personal/1.ics", "", &event("1", AT_NINE)).await;
        let [julie, paul] = ["julie", "paul"].map(|name| format!("{name}@example.test"));
        let [julie, paul] = [julie, paul].map(|text| storage::Address::parse(&text).unwrap());
        let set = async |acts: bool| {
            let (julie, paul) = (julie.clone(), paul.clone());
            let set = house.store.write("test", move |tx| {
                let paul = tx.find_account(&paul)?.unwrap().id;
                let julie = tx.find_account(&julie)?.unwrap().id;
                let members: Vec<_> = acts.then(|| paul.into()).into_iter().collect();
                tx.account(julie)?.set_proxies(storage::Proxy::Write, &members)
            });
            set.await.unwrap();
        };
        set(true).await;
        let object = "/dav/calendars/julie@example.test/personal/1.ics";
        let locked = house.ask("paul", "LOCK", object, "depth: 0", LOCK).await;
        let headers = format!("if: ({})", token(&locked));
        let delete = async || house.julie("DELETE", "personal/1.ics", "", "").await.status;
        assert_eq!(delete().await, 423);
        assert_eq!(house.paul_asks("LOCK", object, &headers).await.status, 200);
        set(false).await;
        assert_eq!(house.paul_asks("LOCK", object, &headers).await.status, 404);
        assert_eq!(delete().await, 204);
    });
}
