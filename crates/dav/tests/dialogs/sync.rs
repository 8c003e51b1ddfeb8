//! Synchronisation (RFC 6578).

use crate::calendars::{AT_NINE, event};
use crate::house::{Answered, House, on_both_engines};

async fn sync(house: &House, token: &str, limit: &str) -> Answered {
    let body = format!(
        "<sync-collection xmlns=\"DAV:\"><sync-token>{token}</sync-token><sync-level>1</sync-level>\
         {limit}<prop><getetag/></prop></sync-collection>"
    );
    house.julie("REPORT", "personal/", "", &body).await
}

/// Names with the status of each, and the token.
fn told(answer: &Answered) -> (Vec<String>, String) {
    assert_eq!(answer.status, 207, "{}", answer.text);
    let mut names = Vec::new();
    for response in answer.text.split("<D:response>").skip(1) {
        let href = response.split(['<', '>']).nth(2).unwrap();
        let name = href.rsplit('/').next().unwrap();
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
