//! Who has been invited to a collection, as Apple's programs read it (caldav-sharing draft §5.2).

use storage::{Account, Collection, CollectionKind, CollectionRights, CollectionShare, SharedWith};

use super::{Described, Found};
use crate::notice::{state_name, write_access, write_organizer};
use crate::path;
use crate::xml::{Name, Writer};

impl Described<'_> {
    pub(super) fn write_sharing(
        &self,
        writer: &mut Writer,
        name: &Name,
        account: &Account,
        collection: &Collection,
    ) -> Found {
        if !matches!(collection.kind, CollectionKind::Calendar | CollectionKind::AddressBook) {
            return false;
        }
        let shares_on = self.actor.shares_on();
        let may_share = self.rights.contains(CollectionRights::SHARE) || shares_on;
        match name.local() {
            "invite" if may_share || collection.guest.is_some() => {
                writer.element(name, |writer| {
                    let called =
                        if account.name.is_empty() { &account.address } else { &account.name };
                    write_organizer(writer, &account.address, called);
                    // Who may not invite others learns of nobody but themselves.
                    // Somebody elsewhere learns of those they have invited.
                    let told = |share: &&CollectionShare| match self.actor.outside.as_deref() {
                        None => may_share || share.grantee == self.own_name(),
                        Some(own) => {
                            share.invited_by == Some(own.id) || share.grantee == self.own_name()
                        }
                    };
                    self.shares.iter().filter(told).for_each(|share| write_user(writer, share));
                });
            }
            "allowed-sharing-modes" if may_share => writer.element(name, |writer| {
                writer.empty(&Name::calendar_server("can-be-shared"));
                let is_calendar = collection.kind == CollectionKind::Calendar;
                if is_calendar && collection.source.is_none() && !shares_on {
                    writer.empty(&Name::calendar_server("can-be-published"));
                }
            }),
            // Where its owner has it.
            "shared-url" if collection.guest.is_some() => {
                let home = collection.kind.home();
                let href = path::collection_href(home, &account.address, &collection.name);
                writer.element(name, |writer| writer.href(&href));
            }
            _ => return false,
        }
        true
    }

    /// The one who asks, as others are told of.
    fn own_name(&self) -> SharedWith {
        let address = self.actor.mail_address().to_owned();
        match self.actor.is_outside() {
            true => SharedWith::Outside(address),
            false => SharedWith::Account(address),
        }
    }
}

fn write_user(writer: &mut Writer, share: &CollectionShare) {
    // There is no word for who may ask when its owner is busy.
    if !share.rights.contains(CollectionRights::READ) {
        return;
    }
    let (href, called) = match &share.grantee {
        SharedWith::Account(address) | SharedWith::Outside(address) => {
            (format!("mailto:{address}"), address.clone())
        }
        SharedWith::Team(team) => (path::group_href(&share.grantee), team.clone()),
        SharedWith::Organisation => (path::group_href(&share.grantee), "Everybody".to_owned()),
    };
    writer.element(&Name::calendar_server("user"), |writer| {
        writer.href(&href);
        let called = share.common_name.as_deref().unwrap_or(&called);
        writer.text_element(&Name::calendar_server("common-name"), called);
        writer.empty(&Name::calendar_server(state_name(share.state)));
        write_access(writer, share.rights);
        if let Some(summary) = &share.summary {
            writer.text_element(&Name::calendar_server("summary"), summary);
        }
    });
}
