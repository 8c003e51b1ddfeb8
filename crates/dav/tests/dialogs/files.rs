//! Files, locks, copies (RFC 4918).

use crate::house::on_both_engines;

const LOCK: &str = "<lockinfo xmlns=\"DAV:\"><lockscope><exclusive/></lockscope><locktype><write/>\
                    </locktype><owner><href>me</href></owner></lockinfo>";

#[test]
fn locks_are_held_by_their_tokens() {
    on_both_engines(|house| async move {
        assert_eq!(house.file("MKCOL", "a/", "", "").await.status, 201);
        assert_eq!(house.file("MKCOL", "x/y/", "", "").await.status, 409);
        assert_eq!(house.file("PUT", "a/f", "", "one").await.status, 201);
        let locked = house.file("LOCK", "a/f", "depth: 0\ntimeout: Second-60", LOCK).await;
        assert_eq!(locked.status, 200);
        let token = locked.header("lock-token").to_owned();
        assert!(locked.text.contains("<D:timeout>Second-60</D:timeout>"));
        let root = "<D:lockroot><D:href>/dav/files/julie@example.test/a/f</D:href></D:lockroot>";
        assert!(locked.text.contains(root), "{}", locked.text);
        let refused = house.file("PUT", "a/f", "", "two").await;
        assert_eq!((refused.status, refused.failed()), (423, "D:lock-token-submitted"));
        let second = house.file("LOCK", "a/f", "depth: 0", LOCK).await;
        assert_eq!((second.status, second.failed()), (423, "D:no-conflicting-lock"));
        let held = format!("if: ({token})");
        assert_eq!(house.file("PUT", "a/f", &held, "two").await.status, 204);
        let wrong = "if: (<urn:uuid:0>)";
        assert_eq!(house.file("PUT", "a/f", wrong, "three").await.status, 412);
        assert_eq!(house.file("DELETE", "a/", "", "").await.status, 423);
        let refreshed = house.file("LOCK", "a/f", &format!("{held}\ntimeout: Second-90"), "").await;
        assert!(refreshed.text.contains("Second-90"));
        let token = format!("lock-token: {token}");
        assert_eq!(house.file("UNLOCK", "a/f", &token, "").await.status, 204);
        let again = house.file("UNLOCK", "a/f", &token, "").await;
        assert_eq!((again.status, again.failed()), (409, "D:lock-token-matches-request-uri"));
        assert_eq!(house.file("PUT", "a/f", "", "four").await.status, 204);
    });
}

#[test]
fn files_are_copied_and_moved() {
    on_both_engines(|house| async move {
        house.file("MKCOL", "a/", "", "").await;
        house.file("MKCOL", "b/", "", "").await;
        house.file("PUT", "a/f", "content-type: text/plain", "one").await;
        let to = |path: &str, more: &str| {
            format!("destination: /dav/files/julie@example.test/{path}{more}")
        };
        assert_eq!(house.file("COPY", "a/f", &to("b/g", ""), "").await.status, 201);
        assert_eq!(house.file("COPY", "a/f", &to("b/g", "\noverwrite: F"), "").await.status, 412);
        assert_eq!(house.file("COPY", "a/f", &to("b/g", ""), "").await.status, 204);
        assert_eq!(house.file("COPY", "a/f", &to("none/g", ""), "").await.status, 409);
        assert_eq!(house.file("COPY", "a/f", &to("a/f", ""), "").await.status, 403);
        let far = "destination: http://elsewhere.test/x";
        let here = format!("host: here.test\n{far}");
        assert_eq!(house.file("COPY", "a/f", &here, "").await.status, 502);
        assert_eq!(house.file("COPY", "a/", &to("c/", ""), "").await.status, 201);
        assert_eq!(house.file("MOVE", "a/", &to("b/inner/", ""), "").await.status, 201);
        assert_eq!(house.file("GET", "a/f", "", "").await.status, 404);
        let got = house.file("GET", "b/inner/f", "", "").await;
        assert_eq!((got.text.as_str(), got.header("content-type")), ("one", "text/plain"));
        assert_eq!(house.file("GET", "c/f", "", "").await.text, "one");
        // A calendar takes no files, and a folder no calendars.
        let calendar = "destination: /dav/calendars/julie@example.test/personal/f";
        assert_eq!(house.file("COPY", "c/f", calendar, "").await.status, 403);
    });
}
