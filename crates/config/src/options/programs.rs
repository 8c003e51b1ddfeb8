//! What single protocols allow to the programs of users.

use std::time::Duration;

use super::{Row, Section};
use crate::reader::TableReader;
use crate::value::{MailedInvitations, OptionValue, Word};

sections! {
    /// What IMAP does beyond its limits.
    table "imap" pub struct Imap {
        /// Addresses of the accounts as which submission servers elsewhere sign in to fetch what
        /// users let them have by URL (URLAUTH); nobody else may use such URLs.
        submission_servers: Vec<Word> = default [], since "0.1";

        /// Messages that one command works on; of more it works on those with the highest UIDs,
        /// and says so (MESSAGELIMIT). The standard wants 1,000 at least. Without it there is no
        /// limit, which is what most programs expect.
        message_limit: Option<u32> = optional 1000, since "0.1";

        /// Messages that one command adds to a mailbox (SAVELIMIT), where `message_limit` does not
        /// limit that among the rest.
        save_limit: Option<u32> = optional 1000, since "0.1";
    }

    /// What POP3 does beyond its limits.
    table "pop3" pub struct Pop3 {
        /// Whether a message that was retrieved shows as read in other programs. It takes effect
        /// when the POP3 session ends with QUIT. By default a machine that collects mail is not
        /// taken for somebody who has read it.
        mark_seen: bool = default false, since "0.1";

        /// Whether a program that knows no UTF-8 in headers gets a surrogate of a message that has
        /// some: its subject and names encoded, addresses that it cannot show replaced, other such
        /// fields left out. Programs that collect mail to keep it elsewhere never say that they
        /// know UTF-8 and are to have the message as it is; so by default every message is sent
        /// byte for byte. With this on, a header of more than 1 MiB still is, and so are those of
        /// the parts of a message where they have more together.
        surrogates: bool = default false, since "0.1";
    }

    /// Meetings and who is invited to them.
    table "calendar" pub struct Calendar {
        /// Attendees of one meeting. An invitation by mail with more of them does not come into
        /// the calendar.
        attendees: u32 = default 500, since "0.1";

        /// Largest attachment of an event, task or journal entry that programs hand to the server
        /// to keep (RFC 8607). What stands in the event itself has at most as much as
        /// `dav.attachment` says.
        /// Each `[[check]]` by clamd looks at it first, under what is said of it for mail.
        attachment: u64 = default "20 MiB", since "0.1";

        /// Attachments of one event, task or journal entry.
        attachments: u32 = default 20, since "0.1";

        /// Whether people without a calendar here are invited, and answered, by mail.
        invite_by_mail: bool = default true, since "0.1";

        /// Whether people elsewhere with whom a calendar is shared are told by mail that they may
        /// do something else with it, or that it is no longer shared with them. They are invited by
        /// mail in any case.
        tell_of_sharing: bool = default true, since "0.1";

        /// What mail with an invitation, an answer or a cancellation changes in the calendar of
        /// whom it is for: `all`, what concerns meetings that stand there already (`known`), or
        /// `nothing`. Only mail counts whose sender was found to be who it says, and who speaks for
        /// itself.
        invitations_by_mail: MailedInvitations = default "all", since "0.1";

        /// Whether programs are told of changes by the push service that they name (WebDAV-Push),
        /// over HTTPS and encrypted: it learns that something changed, not what. Without it they
        /// ask again and again.
        push: bool = default true, since "0.1";

        /// Subscriptions to pushes of one account; each of its programs has one for each calendar
        /// and address book.
        push_subscriptions: u32 = default 100, since "0.1";

        /// How long a program is told of no more changes of a calendar after one; they are gathered
        /// meanwhile.
        push_delay: Duration = default "5 s", since "0.1";

        /// Whether push services may have private addresses, as one of your own may. Who has an
        /// account can then have requests sent to whatever answers HTTPS in your network.
        push_private_addresses: bool = default false, since "0.1";
    }

    /// What calendars, address books and files may cost (CalDAV, CardDAV, WebDAV).
    table "dav" pub struct Dav {
        /// Bytes of one event, task, contact or file.
        object: u64 = default "10 MiB", since "0.1";

        /// Bytes of an attachment inside of an event, decoded.
        attachment: u64 = default "64 KiB", since "0.1";

        /// Occurrences of an event in a year.
        occurrences: u32 = default 10000, since "0.1";

        /// Bytes of a request that is no object: of its XML.
        request: u64 = default "4 MiB", since "0.1";

        /// Properties that one request may name; each is looked for on each resource.
        properties: u32 = default 250, since "0.1";

        /// Objects that one request may ask for by name (calendar-multiget, addressbook-multiget).
        multiget: u32 = default 10000, since "0.1";

        /// Tests of one filter.
        filter_tests: u32 = default 200, since "0.1";

        /// Objects that one answer tells of. Beyond it an answer is cut, and programs ask for the
        /// rest.
        results: u32 = default 100000, since "0.1";

        /// Bytes of an answer about many objects. Beyond it a synchronisation is cut, and another
        /// answer refused.
        answer: u64 = default "256 MiB", since "0.1";

        /// How long such an answer may take to make.
        answer_time: Duration = default "1 min", since "0.1";

        /// Requests of one account that may read from the store at a time; more of
        /// them wait, so that somebody's long queries keep nobody else waiting. Half of
        /// `storage.readers` where nothing is said; one of these is left to accounts that read
        /// nothing else at the time. Public calendars are read by one account, as it were.
        account_readers: Option<u32> = optional 2, since "0.1";

        /// What bodies of requests above 64 KiB take in memory, those of all connections of a
        /// listener together: objects, attachments, XML. Whoever has no room waits for ten seconds,
        /// and is then told to come again.
        body_memory: u64 = default "256 MiB", since "0.1";

        /// How long the body of a request may take to arrive.
        body_time: Duration = default "5 min", since "0.1";

        /// Calendars, address books and folders of one account.
        collections: u32 = default 1000, since "0.1";

        /// Objects in one of them.
        objects: u32 = default 200000, since "0.1";

        /// Properties of one calendar, address book or object that mean nothing to the server.
        dead_properties: u32 = default 100, since "0.1";

        /// Objects that one request copies with their folder.
        copied_objects: u32 = default 10000, since "0.1";

        /// Bytes that what was replaced or deleted takes of one account, so that it can be brought
        /// back: as much as its quota where that is more. Beyond it the oldest goes before its time
        /// (`storage.expunged_retention`).
        versions: u64 = default "1 GiB", since "0.1";
    }
}
