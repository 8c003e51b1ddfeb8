//! Synchronisation of homes (RFC 6578 §3.3).

use storage::CollectionRights;

use crate::calendars::{AT_NINE, event};
use crate::house::{House, on_both_engines};
use crate::shared::path_of_shared;

const JULIE: &str = "/dav/calendars/julie@example.test/";
const PAUL: &str = "/dav/calendars/paul@example.test/";

fn body(token: &str, limit: &str) -> String {
    format!(
        "<sync-collection xmlns=\"DAV:\"><sync-token>{token}</sync-token><sync-level>1</sync-level>\
         {limit}<prop><displayname/><resourcetype/></prop></sync-collection>"
    )
}

/// A program that synchronises a home.
struct Program<'h> {
    house: &'h House,
    name: &'static str,
    home: &'static str,
    /// Headers of its requests.
    headers: &'static str,
    token: String,
}

impl<'h> Program<'h> {
    async fn new(house: &'h House, name: &'static str, home: &'static str) -> Self {
        let mut program = Self { house, name, home, headers: "", token: String::new() };
        program.sync("").await;
        program
    }

    /// Names with the status of each; the token is the new one from then on.
    async fn sync(&mut self, limit: &str) -> Vec<String> {
        let body = body(&self.token, limit);
        let answer = self.house.ask(self.name, "REPORT", self.home, self.headers, &body).await;
        assert_eq!(answer.status, 207, "{}", answer.text);
        let mut names = Vec::new();
        for response in answer.text.split("<D:response>").skip(1) {
            let href = response.split(['<', '>']).nth(2).unwrap();
            let name = href.strip_prefix(self.home).unwrap();
            let status = response.split("HTTP/1.1 ").nth(1).unwrap().get(..3).unwrap();
            // Where invitations are told of: not what these tests are about.
            if name != "notifications/" || self.token.is_empty() {
                names.push(format!("{name} {status}"));
            }
        }
        let token = answer.text.split("<D:sync-token>").nth(1).unwrap();
        self.token = token.split('<').next().unwrap().to_owned();
        names
    }

    /// DAV:sync-token of the home as PROPFIND tells it.
    async fn property(&self) -> String {
        let ask = "<propfind xmlns=\"DAV:\"><prop><sync-token/></prop></propfind>";
        let answer = self.house.ask(self.name, "PROPFIND", self.home, "depth: 0", ask).await;
        let token = answer.text.split("<D:sync-token>").nth(1).unwrap_or_default();
        token.split('<').next().unwrap_or_default().to_owned()
    }
}

const NOTHING: [&str; 0] = [];

#[test]
fn collections_come_change_and_go() {
    on_both_engines(|house| async move {
        let mut all =
            Program { token: String::new(), ..Program::new(&house, "julie", JULIE).await };
        let names = ["inbox/ 200", "notifications/ 200", "personal/ 200", "outbox/ 200"];
        assert_eq!(all.sync("").await, names);
        assert_eq!(all.sync("").await, NOTHING);
        assert_eq!(all.property().await, all.token);

        assert_eq!(house.julie("MKCALENDAR", "plan/", "", "").await.status, 201);
        assert_ne!(all.property().await, all.token);
        assert_eq!(all.sync("").await, ["plan/ 200"]);
        assert_eq!(all.property().await, all.token);
        let patch = "<propertyupdate xmlns=\"DAV:\"><set><prop><displayname>Job</displayname>\
                     </prop></set></propertyupdate>";
        assert_eq!(house.julie("PROPPATCH", "plan/", "", patch).await.status, 207);
        let answer = house.julie("REPORT", "", "", &body(&all.token, "")).await;
        let told = "<D:response><D:href>/dav/calendars/julie@example.test/plan/</D:href>\
            <D:propstat><D:prop><D:displayname>Job</D:displayname><D:resourcetype>\
            <D:collection/><C:calendar/></D:resourcetype></D:prop>";
        assert!(answer.text.contains(told), "{}", answer.text);
        assert_eq!(all.sync("").await, ["plan/ 200"]);
        // Its getctag is another one.
        house.julie("PUT", "plan/1", "", &event("1", AT_NINE)).await;
        assert_eq!(all.sync("").await, ["plan/ 200"]);

        let to = format!("destination: {JULIE}job/");
        assert_eq!(house.julie("MOVE", "plan/", &to, "").await.status, 201);
        assert_eq!(all.sync("").await, ["plan/ 404", "job/ 200"]);
        assert_eq!(house.julie("DELETE", "job/", "", "").await.status, 204);
        let answer = house.julie("REPORT", "", "", &body(&all.token, "")).await;
        let gone = "<D:response><D:href>/dav/calendars/julie@example.test/job/</D:href>\
                    <D:status>HTTP/1.1 404 Not Found</D:status></D:response>";
        assert!(answer.text.contains(gone), "{}", answer.text);
        assert_eq!(all.sync("").await, ["job/ 404"]);
        // RFC 6578 §3.5.2: who brought it knows of it.
        house.julie("MKCALENDAR", "brief/", "", "").await;
        house.julie("DELETE", "brief/", "", "").await;
        assert_eq!(all.sync("").await, ["brief/ 404"]);
        // RFC 6578 §3.5.1: what is there again has changed, and has not gone.
        house.julie("MKCALENDAR", "brief/", "", "").await;
        assert_eq!(all.sync("").await, ["brief/ 200"]);
        house.julie("DELETE", "brief/", "", "").await;
        house.julie("MKCALENDAR", "brief/", "", "").await;
        assert_eq!(all.sync("").await, ["brief/ 200"]);
        assert_eq!(all.sync("").await, NOTHING);
    });
}

#[test]
fn long_answers_are_cut_and_strange_tokens_refused() {
    on_both_engines(|house| async move {
        let mut program = Program::new(&house, "julie", JULIE).await;
        for name in ["a", "b", "c"] {
            house.julie("MKCALENDAR", &format!("{name}/"), "", "").await;
        }
        house.julie("DELETE", "b/", "", "").await;
        let limit = "<limit><nresults>2</nresults></limit>";
        assert_eq!(program.sync(limit).await, ["b/ 404", "a/ 200", " 507"]);
        assert_eq!(program.sync(limit).await, ["c/ 200"]);
        assert_eq!(program.sync(limit).await, NOTHING);
        let newest = std::mem::take(&mut program.token);
        assert_eq!(program.sync(limit).await, ["inbox/ 200", "notifications/ 200", " 507"]);

        let of_paul = Program::new(&house, "paul", PAUL).await.token;
        let future = format!("{newest}0");
        for strange in ["http://example.com/sync/1", "data:,1-1", "data:,home1", &of_paul, &future]
        {
            let answer = house.julie("REPORT", "", "", &body(strange, "")).await;
            assert_eq!((answer.status, answer.failed()), (403, "D:valid-sync-token"), "{strange}");
        }
        let deep = body("", "").replace(">1<", ">infinite<");
        let answer = house.julie("REPORT", "", "", &deep).await;
        assert_eq!((answer.status, answer.failed()), (403, "D:sync-traversal-supported"));
        let answer = house.ask("paul", "REPORT", JULIE, "", &body("", "")).await;
        assert_eq!(answer.status, 404);
    });
}

#[test]
fn what_others_share_comes_and_goes() {
    on_both_engines(|house| async move {
        let mut paul = Program::new(&house, "paul", PAUL).await;
        house.julie("MKCALENDAR", "plans/", "", "").await;
        house.share("plans", "paul@example.test", CollectionRights::READ).await;
        let path = path_of_shared(&house, "calendars").await;
        let name = path.strip_prefix(PAUL).unwrap();
        let (there, gone) = ([format!("{name} 200")], [format!("{name} 404")]);
        assert_eq!(paul.sync("").await, there);
        // He may do more.
        house.share("plans", "paul@example.test", CollectionRights::WRITE).await;
        assert_eq!(paul.sync("").await, there);
        house.julie("PUT", "plans/1", "", &event("1", AT_NINE)).await;
        assert_eq!(paul.sync("").await, there);
        let patch = "<propertyupdate xmlns=\"DAV:\"><set><prop><displayname>Hers</displayname>\
                     </prop></set></propertyupdate>";
        house.ask("paul", "PROPPATCH", &path, "", patch).await;
        assert_eq!(paul.sync("").await, there);
        house.share("plans", "paul@example.test", CollectionRights::NONE).await;
        assert_eq!(paul.sync("").await, gone);

        // By a team.
        house.team("Sales", &["paul"]).await;
        let joined = house.store.write("test", |tx| {
            let julie = storage::Address::parse("julie@example.test").unwrap();
            let julie = tx.find_account(&julie)?.unwrap().id;
            let found = tx.find_collection(julie, storage::Home::Calendars, "plans")?.unwrap();
            let team = tx.list_teams()?[0].id;
            let sharee = storage::Sharee::Team(team);
            tx.account(julie)?.share_collection(found.id, sharee, CollectionRights::READ)?;
            Ok(team)
        });
        let team = joined.await.unwrap().value;
        assert_eq!(paul.sync("").await, there);
        let left = house.store.write("test", move |tx| {
            let paul = storage::Address::parse("paul@example.test").unwrap();
            let paul = tx.find_account(&paul)?.unwrap().id;
            tx.remove_team_member(team, paul)
        });
        left.await.unwrap();
        assert_eq!(paul.sync("").await, gone);
        // He leaves it himself before he was told of it.
        house.share("plans", "paul@example.test", CollectionRights::READ).await;
        assert_eq!(house.ask("paul", "DELETE", &path, "", "").await.status, 204);
        assert_eq!(paul.sync("").await, gone);
        // Its owner deletes it.
        house.share("plans", "paul@example.test", CollectionRights::READ).await;
        assert_eq!(paul.sync("").await, there);
        house.julie("DELETE", "plans/", "", "").await;
        assert_eq!(paul.sync("").await, gone);
        assert_eq!(paul.sync("").await, NOTHING);
    });
}

#[test]
fn homes_of_books_and_files_are_synchronised_too() {
    on_both_engines(|house| async move {
        let books = "/dav/addressbooks/julie@example.test/";
        let mut julie = Program::new(&house, "julie", books).await;
        let mut contacts = Program::new(&house, "julie", books).await;
        contacts.headers = "User-Agent: iOS/17.4.1 (21E236) dataaccessd/1.0";
        contacts.token.clear();
        assert_eq!(contacts.sync("").await, ["personal/ 200"]);
        let made = house.ask("julie", "MKCOL", &format!("{books}more/"), "", MKCOL_BOOK).await;
        assert_eq!(made.status, 201, "{}", made.text);
        assert_eq!(julie.sync("").await, ["more/ 200"]);
        // R-CARD-2: it is not one of those that Contacts sees.
        assert_eq!(contacts.sync("").await, NOTHING);
        // Somebody more is in the directory.
        house.move_in_at("ann", "example.test").await;
        assert_eq!(julie.sync("").await, ["directory/ 200"]);

        let mut files = Program::new(&house, "julie", "/dav/files/julie@example.test/").await;
        house.file("MKCOL", "docs/", "", "").await;
        assert_eq!(files.sync("").await, ["docs/ 200"]);
        house.file("MKCOL", "docs/a/", "", "").await;
        assert_eq!(files.sync("").await, ["docs/ 200"]);
        house.file("DELETE", "docs/a/", "", "").await;
        assert_eq!(files.sync("").await, ["docs/ 200"]);
        house.file("DELETE", "docs/", "", "").await;
        assert_eq!(files.sync("").await, ["docs/ 404"]);
    });
}

const MKCOL_BOOK: &str = "<mkcol xmlns=\"DAV:\"><set><prop><resourcetype><collection/>\
    <addressbook xmlns=\"urn:ietf:params:xml:ns:carddav\"/></resourcetype></prop></set></mkcol>";

#[test]
fn the_report_is_announced_where_it_is() {
    on_both_engines(|house| async move {
        let ask = "<propfind xmlns=\"DAV:\"><prop><supported-report-set/></prop></propfind>";
        let answer = house.julie("PROPFIND", "", "depth: 0", ask).await;
        let report = "<D:supported-report><D:report><D:sync-collection/></D:report>";
        assert!(answer.text.contains(report), "{}", answer.text);
        // Beside others, and where its name is asked for.
        let ask = "<propfind xmlns=\"DAV:\"><prop><sync-token/></prop></propfind>";
        let answer = house.ask("julie", "PROPFIND", "/dav/calendars/", "depth: 1", ask).await;
        assert!(answer.text.contains("<D:sync-token>data:,home"), "{}", answer.text);
        let ask = "<propfind xmlns=\"DAV:\"><propname/></propfind>";
        let answer = house.julie("PROPFIND", "", "depth: 0", ask).await;
        assert!(answer.text.contains("<D:sync-token/>"), "{}", answer.text);
    });
}

/// RFC 6638 §2.2.1: a schedule inbox is synchronised like any other collection.
#[test]
fn the_inbox_is_synchronised_as_any() {
    on_both_engines(|house| async move {
        let inbox = "/dav/calendars/paul@example.test/inbox/";
        let mut paul = Program::new(&house, "paul", inbox).await;
        let invitation = event("1", AT_NINE).replace(
            "END:VEVENT",
            "ORGANIZER:mailto:julie@example.test\r\nATTENDEE:mailto:julie@example.test\r\n\
             ATTENDEE:mailto:paul@example.test\r\nEND:VEVENT",
        );
        let put = house.julie("PUT", "personal/1", "", &invitation).await;
        assert_eq!(put.status, 201, "{}", put.text);
        let told = paul.sync("").await;
        let name = told[0].strip_suffix(" 200").unwrap().to_owned();
        assert_eq!(told.len(), 1);
        assert_eq!(paul.sync("").await, NOTHING);
        let deleted = house.ask("paul", "DELETE", &format!("{inbox}{name}"), "", "").await;
        assert_eq!(deleted.status, 204);
        assert_eq!(paul.sync("").await, [format!("{name} 404")]);
    });
}
