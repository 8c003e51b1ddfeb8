//! The organisation's directory (R-CARD-5), and what Apple's Contacts sees (R-CARD-2).

use storage::AccountTx;

use crate::house::{Answered, House, on_both_engines};

const DIRECTORY: &str = "/dav/addressbooks/julie@example.test/directory/";
const HOME: &str = "/dav/addressbooks/julie@example.test/";

async fn ask(house: &House, method: &str, path: &str, headers: &str, body: &str) -> Answered {
    house.ask("julie", method, path, headers, body).await
}

fn hrefs(answer: &Answered) -> Vec<String> {
    assert_eq!(answer.status, 207, "{}", answer.text);
    let responses = answer.text.split("<D:response><D:href>").skip(1);
    responses.map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
}

async fn list(house: &House, headers: &str) -> Vec<String> {
    let headers = format!("Depth: 1\n{headers}");
    hrefs(&ask(house, "PROPFIND", HOME, &headers, "").await)
}

async fn property(house: &House, path: &str, name: &str) -> String {
    let body = format!(
        "<D:propfind xmlns:D=\"DAV:\" xmlns:CARD=\"urn:ietf:params:xml:ns:carddav\" \
         xmlns:CS=\"http://calendarserver.org/ns/\"><D:prop><{name}/></D:prop></D:propfind>"
    );
    let answer = ask(house, "PROPFIND", path, "Depth: 0\nPrefer: return=minimal", &body).await;
    let start = format!("<{name}>");
    let value = answer.text.split_once(&start).map_or("", |(_, rest)| rest);
    value
        .split_once("</")
        .map_or("", |_| value.split(&format!("</{name}>")).next().unwrap())
        .to_owned()
}

async fn rename(house: &House, name: &'static str) {
    let renamed = house.store.write("test", move |tx| {
        let paul = tx.find_account(&storage::Address::parse("paul@example.test")?)?.unwrap().id;
        let mut tx: AccountTx<'_, '_> = tx.account(paul)?;
        tx.set_name(name)
    });
    renamed.await.unwrap();
}

#[test]
fn everybody_is_in_the_directory() {
    on_both_engines(|house| async move {
        let all = list(&house, "").await;
        assert!(all.contains(&DIRECTORY.to_owned()), "{all:?}");
        let query = "<CARD:addressbook-query xmlns:D=\"DAV:\" \
            xmlns:CARD=\"urn:ietf:params:xml:ns:carddav\"><D:prop><D:getetag/><CARD:address-data/>\
            </D:prop><CARD:filter><CARD:prop-filter name=\"EMAIL\"><CARD:text-match \
            match-type=\"starts-with\">paul</CARD:text-match></CARD:prop-filter></CARD:filter>\
            </CARD:addressbook-query>";
        let found = ask(&house, "REPORT", DIRECTORY, "Depth: 1", query).await;
        let cards = hrefs(&found);
        assert_eq!(cards.len(), 1, "{}", found.text);
        assert!(found.text.contains("EMAIL;TYPE=INTERNET,WORK,PREF:paul@example.test"));
        let card = ask(&house, "GET", &cards[0], "", "").await;
        assert_eq!(card.status, 200);
        assert!(card.text.contains("FN:paul\r\n"), "{}", card.text);
        let etag = card.header("etag").to_owned();
        assert!(found.text.contains(&etag), "{etag}");
        let multiget = format!(
            "<CARD:addressbook-multiget xmlns:D=\"DAV:\" \
             xmlns:CARD=\"urn:ietf:params:xml:ns:carddav\"><D:prop><D:getetag/><CARD:address-data \
             content-type=\"text/vcard\" version=\"4.0\"/></D:prop><D:href>{}</D:href>\
             <D:href>{DIRECTORY}account-0.vcf</D:href></CARD:addressbook-multiget>",
            cards[0]
        );
        let both = ask(&house, "REPORT", DIRECTORY, "", &multiget).await;
        assert!(both.text.contains("VERSION:4.0") && both.text.contains("404"), "{}", both.text);
        // Of others it is not shown in their homes.
        let other = "/dav/addressbooks/paul@example.test/directory/";
        assert_eq!(ask(&house, "PROPFIND", other, "Depth: 0", "").await.status, 404);
    });
}

#[test]
fn changes_of_the_directory_are_synchronised() {
    on_both_engines(|house| async move {
        let sync = async |token: &str| {
            let body = format!(
                "<sync-collection xmlns=\"DAV:\"><sync-token>{token}</sync-token><sync-level>1\
                 </sync-level><prop><getetag/></prop></sync-collection>"
            );
            let answer = ask(&house, "REPORT", DIRECTORY, "", &body).await;
            let token = answer.text.split("<D:sync-token>").nth(1).unwrap();
            (hrefs(&answer), token.split('<').next().unwrap().to_owned())
        };
        let (all, token) = sync("").await;
        assert_eq!(all.len(), 2);
        assert_eq!(sync(&token).await, (Vec::new(), token.clone()));
        let (tag, home) = ("CS:getctag", property(&house, HOME, "CS:getctag").await);
        let before = property(&house, DIRECTORY, tag).await;
        rename(&house, "Paul Klee").await;
        assert_ne!(property(&house, DIRECTORY, tag).await, before);
        assert_ne!(property(&house, HOME, tag).await, home);
        let (changed, newest) = sync(&token).await;
        assert_eq!(changed.len(), 1);
        assert!(ask(&house, "GET", &changed[0], "", "").await.text.contains("N:Klee;Paul;;;\r\n"));
        house.move_in_at("mia", "example.test").await;
        assert_eq!(sync(&newest).await.0.len(), 1);
    });
}

#[test]
fn nobody_writes_into_the_directory() {
    on_both_engines(|house| async move {
        let card = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:1\r\nFN:x\r\nEND:VCARD\r\n";
        let kind = "Content-Type: text/vcard";
        let path = format!("{DIRECTORY}x.vcf");
        let first = ask(&house, "PROPFIND", DIRECTORY, "Depth: 1", "").await;
        let there = hrefs(&first).pop().unwrap();
        let patch = "<D:propertyupdate xmlns:D=\"DAV:\"><D:set><D:prop><D:displayname>x\
            </D:displayname></D:prop></D:set></D:propertyupdate>";
        for (method, path, headers, body) in [
            ("PUT", path.as_str(), kind, card),
            ("PUT", &there, kind, card),
            ("DELETE", &there, "", ""),
            ("DELETE", DIRECTORY, "", ""),
            ("PROPPATCH", DIRECTORY, "", patch),
            (
                "MOVE",
                &there,
                "Destination: /dav/addressbooks/julie@example.test/personal/y.vcf",
                "",
            ),
            ("POST", &format!("{DIRECTORY}?add-member"), kind, card),
            ("MKCOL", DIRECTORY, "", ""),
        ] {
            let answer = ask(&house, method, path, headers, body).await;
            let refused = matches!(answer.status, 403 | 405);
            assert!(refused, "{method} {path}: {} {}", answer.status, answer.text);
        }
        let privileges = property(&house, DIRECTORY, "D:current-user-privilege-set").await;
        assert!(
            privileges.contains("<D:read/>") && !privileges.contains("<D:write"),
            "{privileges}"
        );
    });
}

#[test]
fn contacts_of_apple_sees_one_book_and_the_gateway() {
    on_both_engines(|house| async move {
        let made = "<mkcol xmlns=\"DAV:\"><set><prop><resourcetype><collection/><addressbook \
            xmlns=\"urn:ietf:params:xml:ns:carddav\"/></resourcetype></prop></set></mkcol>";
        let path = format!("{HOME}a-second/");
        assert_eq!(ask(&house, "MKCOL", &path, "", made).await.status, 201);
        let personal = format!("{HOME}personal/");
        let all = [path, personal.clone(), DIRECTORY.to_owned()];
        let others = ["DAVx5/4.4.1", "Thunderbird/140.0", "macOS/14.4 (23E214) CalendarAgent/1010"];
        for program in others {
            let listed = list(&house, &format!("User-Agent: {program}")).await;
            assert!(all.iter().all(|path| listed.contains(path)), "{program}: {listed:?}");
        }
        for program in
            ["macOS/14.4.1 (23E224) AddressBookCore/2602.4", "iOS/17.4.1 (21E236) dataaccessd/1.0"]
        {
            let listed = list(&house, &format!("User-Agent: {program}")).await;
            assert_eq!(listed, [HOME.to_owned(), personal.clone()], "{program}");
        }
        let own = format!("{HOME}its-own/");
        let program = "User-Agent: iOS/17.4.1 (21E236) dataaccessd/1.0";
        assert_eq!(ask(&house, "MKCOL", &own, program, made).await.status, 201);
        let listed = list(&house, program).await;
        assert_eq!(listed, [HOME.to_owned(), own, personal.clone()], "what it made it sees");
        let gateway = format!("<D:href>{DIRECTORY}</D:href>");
        for path in [HOME, "/dav/principals/julie@example.test/"] {
            assert_eq!(property(&house, path, "CARD:directory-gateway").await, gateway);
        }
    });
}

#[test]
fn one_says_which_card_one_is() {
    on_both_engines(|house| async move {
        let card = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:1\r\nFN:x\r\nEND:VCARD\r\n";
        let me = format!("{HOME}personal/me.vcf");
        assert_eq!(ask(&house, "PUT", &me, "Content-Type: text/vcard", card).await.status, 201);
        let set = |href: &str| {
            format!(
                "<D:propertyupdate xmlns:D=\"DAV:\" xmlns:CS=\"http://calendarserver.org/ns/\">\
                 <D:set><D:prop><CS:me-card><D:href>{href}</D:href></CS:me-card></D:prop></D:set>\
                 </D:propertyupdate>"
            )
        };
        assert_eq!(ask(&house, "PROPPATCH", HOME, "", &set(&me)).await.status, 207);
        let expected = format!("<D:href>{me}</D:href>");
        assert_eq!(property(&house, HOME, "CS:me-card").await, expected);
        let missing = ask(&house, "PROPPATCH", HOME, "", &set(&format!("{me}x"))).await;
        assert_eq!(missing.status, 409);
        let name = "<D:propertyupdate xmlns:D=\"DAV:\"><D:set><D:prop><D:displayname>x\
            </D:displayname></D:prop></D:set></D:propertyupdate>";
        assert!(ask(&house, "PROPPATCH", HOME, "", name).await.text.contains("403"));
        assert_eq!(property(&house, HOME, "CS:me-card").await, expected);
        assert_eq!(ask(&house, "DELETE", &me, "", "").await.status, 204);
        assert_eq!(property(&house, HOME, "CS:me-card").await, "");
    });
}
