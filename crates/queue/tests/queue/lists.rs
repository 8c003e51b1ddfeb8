//! What is in the spool for a list: posted when its turn comes.

use storage::{Address, NewList, Posting};

use crate::replying;
use crate::returned::set_quota;
use crate::scene::Scene;
use crate::server::Server;

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

/// `crew@here.test` with julie, who owns it, and `x@a.test`.
async fn with_list(server: &Server, posting: Posting) -> Scene {
    let scene = Scene::new(&[server]).await;
    let write = scene.store.write("list", move |tx| {
        let owner = tx.find_account(&address("julie@here.test"))?.unwrap().id;
        let description = String::new();
        let address_of_list = address("crew@here.test");
        let new = NewList { address: address_of_list, description, owner, posting, team: None };
        let list = tx.create_list(&new)?;
        tx.add_list_member(list, &address("julie@here.test"))?;
        tx.add_list_member(list, &address("x@a.test"))
    });
    write.await.unwrap();
    scene
}

#[tokio::test(flavor = "multi_thread")]
async fn members_get_it_and_the_owner_what_comes_back() {
    let server = Server::start().await;
    server.then(replying(&[("RCPT", "550 5.1.1 no such user")]));
    let scene = with_list(&server, Posting::Anyone).await;
    let parameters = r#"{"notify":"FAILURE,DELAY"}"#;
    let id = scene.send_from("y@elsewhere.test", &["crew@here.test"], parameters).await;
    // The list, julie, and the report of what x@a.test refused.
    scene.queue.wait_until(|counters| counters.failed == 1 && counters.active == 0).await;
    scene.queue.wait_until(|counters| counters.delivered == 2).await;
    let trace = scene.trace(id).await;
    assert!(trace[0].contains("posted to the list"), "{trace:?}");
    let inbox = scene.inbox().await;
    let path = "Return-Path: <crew+bounces@here.test>\r\n";
    let posted = inbox.iter().find(|text| text.starts_with(path)).unwrap();
    assert!(posted.contains("List-Id: <crew.here.test>\r\n"), "{posted}");
    let report = inbox.iter().find(|text| text.starts_with("Return-Path: <>\r\n")).unwrap();
    assert!(report.contains("Final-Recipient: rfc822; x@a.test\r\nAction: failed\r\n"));
    assert_eq!(inbox.len(), 2);
    assert_eq!(scene.spool().await, [], "who posted hears of nothing");
    scene.close().await;
}

/// RFC 3461 §5.2.7.1
#[tokio::test(flavor = "multi_thread")]
async fn who_asks_hears_that_the_list_has_it() {
    let server = Server::start().await;
    let scene = with_list(&server, Posting::Anyone).await;
    let parameters = r#"{"notify":"SUCCESS","orcpt":"rfc822;crew@here.test"}"#;
    scene.send_from("julie@here.test", &["crew@here.test"], parameters).await;
    scene.queue.wait_until(|counters| counters.delivered == 3 && counters.active == 0).await;
    assert_eq!(scene.queue.counters().reports, 1);
    // The members' servers are asked for nothing.
    assert_eq!(server.taken()[0].rcpts, ["RCPT TO:<x@a.test>"]);
    let inbox = scene.inbox().await;
    let report = inbox.iter().find(|text| text.starts_with("Return-Path: <>\r\n")).unwrap();
    let told = "Final-Recipient: rfc822; crew@here.test\r\nAction: delivered\r\n";
    assert!(report.contains(told), "{report}");
    assert_eq!((inbox.len(), scene.spool().await.len()), (2, 0));
    scene.close().await;
}

/// A list has what it posts, whether or not who posted has room for the report.
#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_room_for_the_report_has_posted_all_the_same() {
    let server = Server::start().await;
    let scene = with_list(&server, Posting::Anyone).await;
    set_quota(&scene, 1).await;
    let wish = r#"{"notify":"SUCCESS"}"#;
    let id = scene.send_from("julie@here.test", &["crew@here.test"], wish).await;
    // The list and x@a.test have it; Julie's copy and the report wait.
    scene.queue.wait_until(|it| it.delivered == 2 && it.deferred == 2 && it.active == 0).await;
    assert_eq!(server.taken().len(), 1);
    let trace = scene.trace(id).await;
    assert!(trace.len() == 1 && trace[0].contains("posted to the list"), "{trace:?}");
    let waiting = scene.spool().await;
    let null = waiting.iter().filter(|row| row.reverse_path.is_empty()).count();
    assert_eq!((waiting.len(), null, scene.queue.counters().reports), (2, 1, 1));
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_post_is_told() {
    let server = Server::start().await;
    let scene = with_list(&server, Posting::Members).await;
    // Nobody has shown to be julie.
    scene.send_from("julie@here.test", &["crew@here.test"], "{}").await;
    scene.queue.wait_until(|counters| counters.failed == 1 && counters.active == 0).await;
    let inbox = scene.inbox().await;
    assert!(inbox[0].contains("Status: 5.7.2\r\n"), "{inbox:?}");
    // What comes back to somebody is no post, and nobody is told.
    scene.send_from("", &["crew@here.test"], "{}").await;
    scene.queue.wait_until(|counters| counters.failed == 2 && counters.active == 0).await;
    assert_eq!(scene.inbox().await.len(), 1);
    assert_eq!(scene.spool().await, []);
    assert_eq!(server.taken().len(), 0);
    scene.close().await;
}

/// RFC 2142 §4
#[tokio::test(flavor = "multi_thread")]
async fn who_answers_for_a_domain_can_be_written_to_by_all() {
    let server = Server::start().await;
    let scene = with_list(&server, Posting::Members).await;
    let write = scene.store.write("list", |tx| {
        let owner = tx.find_account(&address("julie@here.test"))?.unwrap().id;
        for of in ["abuse@here.test", "postmaster@here.test"] {
            let (posting, description) = (Posting::Members, String::new());
            let new = NewList { address: address(of), description, owner, posting, team: None };
            let list = tx.create_list(&new)?;
            if of == "abuse@here.test" {
                tx.add_list_member(list, &address("julie@here.test"))?;
            }
        }
        Ok(())
    });
    write.await.unwrap();
    scene.send_from("y@elsewhere.test", &["abuse@here.test", "postmaster@here.test"], "{}").await;
    // The list and its member; the other has none, so that who is in charge gets it.
    scene.queue.wait_until(|counters| counters.delivered == 3 && counters.active == 0).await;
    let inbox = scene.inbox().await;
    assert_eq!((inbox.len(), scene.spool().await.len()), (2, 0), "{inbox:?}");
    assert_eq!(scene.queue.counters().failed, 0);
    scene.close().await;
}
