//! Acting for somebody in their calendars.

use super::*;
use crate::{CollectionRights, Proxy, SharedWith, Sharee, TeamName};

#[test]
fn proxies_have_rights_on_every_calendar_and_on_nothing_else() {
    on_both_engines(|store| {
        let [julie, paul, ann] = ["julie", "paul", "ann"].map(|name| store.account(name));
        let work = calendar(store, julie, "work");
        store.with(julie, |tx| tx.make_first_collections()).unwrap();
        let rights = |actor: AccountId, home: Home, name: &'static str| {
            store
                .read(move |tx| {
                    let found = tx.find_collection(julie, home, name)?.unwrap();
                    tx.collection_rights(actor, &found)
                })
                .unwrap()
        };
        let set = |proxy: Proxy, members: Vec<Sharee>| {
            store.with(julie, move |tx| tx.set_proxies(proxy, &members))
        };
        set(Proxy::Read, vec![paul.into()]).unwrap();
        assert_eq!(rights(paul, Home::Calendars, "work"), CollectionRights::READ);
        for (home, name) in [
            (Home::Calendars, "inbox"),
            (Home::Calendars, "notifications"),
            (Home::AddressBooks, "personal"),
        ] {
            assert!(rights(paul, home, name).is_empty(), "{name}");
        }
        assert!(rights(ann, Home::Calendars, "work").is_empty());
        // What one sees as a proxy does not stand in one's own home.
        let seen = store.read(move |tx| tx.list_guest_collections(paul, Home::Calendars));
        assert_eq!(seen.unwrap(), []);

        set(Proxy::Write, vec![paul.into()]).unwrap();
        let may = rights(paul, Home::Calendars, "work");
        assert!(
            may.contains(CollectionRights::WRITE) && may.contains(CollectionRights::PROPERTIES)
        );
        assert!(!may.contains(CollectionRights::SHARE));
        let put = store.write(move |tx| {
            let text = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\n\
                DTSTART:20260101T000000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
            let object = PreparedObject::calendar(text.to_vec(), &ObjectLimits::default());
            let name = crate::ObjectName::parse("a.ics")?;
            let mut tx = tx.account_as(julie, paul)?;
            tx.put_object(&work, &name, &object.unwrap(), &Condition::default()).map(drop)
        });
        put.unwrap();
        let both = store.read(move |tx| tx.proxied_by(paul)).unwrap();
        let julies = "julie@example.test".to_owned();
        assert_eq!(both, [(julies.clone(), Proxy::Read), (julies, Proxy::Write)]);

        // By a team, for as long as one is in it.
        let team = store.write(move |tx| {
            let organisation = tx.organisation_of(julie)?;
            let team = tx.create_team(organisation, &TeamName::parse("Office")?)?;
            tx.add_team_member(team, ann)?;
            Ok(team)
        });
        let team = team.unwrap();
        set(Proxy::Write, Vec::new()).unwrap();
        set(Proxy::Read, vec![team.into()]).unwrap();
        assert!(rights(paul, Home::Calendars, "work").is_empty());
        assert_eq!(rights(ann, Home::Calendars, "work"), CollectionRights::READ);
        let listed = store.read(move |tx| tx.list_proxies(julie, Proxy::Read)).unwrap();
        assert_eq!(listed, [SharedWith::Team("Office".to_owned())]);
        store.with(julie, |tx| tx.set_maintenance(true)).unwrap();
        assert!(rights(ann, Home::Calendars, "work").is_empty());
        store.write(move |tx| tx.remove_team(team)).unwrap();
        assert_eq!(store.read(move |tx| tx.list_proxies(julie, Proxy::Read)).unwrap(), []);
        for members in [vec![julie.into()], vec![Sharee::Organisation]] {
            assert!(matches!(set(Proxy::Read, members), Err(StorageError::Invalid(_))));
        }
        set(Proxy::Read, vec![paul.into()]).unwrap();
        store.write(move |tx| tx.remove_account(paul)).unwrap();
        store.write(move |tx| tx.remove_account(julie)).unwrap();
    });
}
