//! Synchronisation (RFC 6578).

use crate::calendars::{AT_NINE, event};
use crate::house::{Answered, House, on_both_engines};

fn body(token: &str, limit: &str) -> String {
    format!(
        "<sync-collection xmlns=\"DAV:\"><sync-token>{token}</sync-token><sync-level>1</sync-level>\
         {limit}<prop><getetag/><resourcetype/></prop></sync-collection>"
    )
}

async fn sync(house: &House, token: &str, limit: &str) -> Answered {
    house.julie("REPORT", "personal/", "", &body(token, limit)).await
}

/// Names with the status of each, and the token.
fn told(answer: &Answered) -> (Vec<String>, String) {
    assert_eq!(answer.status, 207, "{}", answer.text);
    let mut names = Vec::new();
    for response in answer.text.split("<D:response>").skip(1) {
        let href = response.split(['<', '>']).nth(2).unwrap();
        let name = href.rsplit_once("/personal/").or(href.split_once("/docs/")).unwrap().1;
        let status = response.split("HTTP/1.1 ").nth(1).unwrap().get(..3).unwrap();
        names.push(format!("{name} {status}"));
    }
    let token = answer.text.split("<D:sync-token>").nth(1).unwrap();
    (names, token.split('<').next().unwrap().to_owned())
}

#[test]
fn each_change_is_told_once() {
    on_both_engines(|house| async move {
        let (names, first) = told(&sync(&house, "", "").await);
        assert!(names.is_empty());
        for name in ["a", "b", "c"] {
            house.julie("PUT", &format!("personal/{name}"), "", &event(name, AT_NINE)).await;
        }
        let limit = "<limit><nresults>2</nresults></limit>";
        let (names, token) = told(&sync(&house, &first, limit).await);
        assert_eq!(names, ["a 200", "b 200", " 507"]);
        let (names, token) = told(&sync(&house, &token, limit).await);
        assert_eq!(names, ["c 200"]);
        house.julie("DELETE", "personal/b", "", "").await;
        let answer = sync(&house, &token, "").await;
        let gone = "<D:response><D:href>/dav/calendars/julie@example.test/personal/b</D:href>\
                    <D:status>HTTP/1.1 404 Not Found</D:status></D:response>";
        assert!(answer.text.contains(gone), "{}", answer.text);
        let (_, newest) = told(&answer);
        assert_eq!(told(&sync(&house, &newest, "").await), (Vec::new(), newest.clone()));
        assert_eq!(told(&sync(&house, "", "").await).0, ["a 200", "c 200"]);
        let other = newest.replace("data:,", "data:,9");
        let future = format!("{newest}0");
        for strange in ["http://example.com/sync/1", &other, &future, "data:,1", "data:,-1"] {
            let answer = sync(&house, strange, "").await;
            assert_eq!((answer.status, answer.failed()), (403, "D:valid-sync-token"), "{strange}");
        }
    });
}

/// RFC 6578 §3.5: folders are members of a folder.
#[test]
fn folders_in_folders_are_told_of() {
    on_both_engines(|house| async move {
        let sync =
            async |token: &str| told(&house.file("REPORT", "docs/", "", &body(token, "")).await);
        let moved = async |from: &str, to: &str| {
            let to = format!("destination: /dav/files/julie@example.test/{to}");
            assert_eq!(house.file("MOVE", from, &to, "").await.status, 201);
        };
        house.file("MKCOL", "docs/", "", "").await;
        let (names, start) = sync("").await;
        assert!(names.is_empty());
        house.file("MKCOL", "docs/a/", "", "").await;
        house.file("MKCOL", "docs/a/deep/", "", "").await;
        house.file("PUT", "docs/f", "", "one").await;
        let (names, token) = sync(&start).await;
        assert_eq!(names, ["f 200", "a/ 200"]);
        assert_eq!(sync("").await.0, ["f 200", "a/ 200"]);
        // What is in it is told of by it.
        house.file("PUT", "docs/a/g", "", "one").await;
        assert_eq!(sync(&token).await.0, [""; 0]);
        moved("docs/a/", "docs/b/").await;
        let (names, token) = sync(&token).await;
        assert_eq!(names, ["b/ 200", "a/ 404"]);
        house.file("MKCOL", "docs/a/", "", "").await;
        moved("docs/b/", "b/").await;
        let (names, token) = sync(&token).await;
        assert_eq!(names, ["a/ 200", "b/ 404"]);
        assert_eq!(house.file("DELETE", "docs/a/", "", "").await.status, 204);
        let answer = house.file("REPORT", "docs/", "", &body(&token, "")).await;
        let gone = "<D:response><D:href>/dav/files/julie@example.test/docs/a/</D:href>\
                    <D:status>HTTP/1.1 404 Not Found</D:status></D:response>";
        assert!(answer.text.contains(gone), "{}", answer.text);
        // A file takes the name of a folder that went.
        house.file("PUT", "docs/a", "", "one").await;
        assert_eq!(sync(&token).await.0, ["a 200", "a/ 404"]);
    });
}

/// RFC 6578 §3.5.2: who brought it has it, though no synchronisation told of it.
#[test]
fn what_came_and_went_since_is_told_of() {
    on_both_engines(|house| async move {
        let (_, token) = told(&sync(&house, "", "").await);
        house.julie("PUT", "personal/mine", "", &event("mine", AT_NINE)).await;
        house.julie("DELETE", "personal/mine", "", "").await;
        assert_eq!(told(&sync(&house, &token, "").await).0, ["mine 404"]);
    });
}
