//! WebDAV-Push (draft-bitfire-webdav-push) by Web Push (RFC 8030): who asked for it is told by a
//! push service when a collection changes.
//!
//! Requests are answered by `methods/push.rs`; here is what is sent. **Invariants:** a message says
//! which collection changed and no more, and the push service cannot read it; nothing goes to an
//! address that is not public unless that is allowed. **Absent:** who is told, which is storage's.

mod encrypt;
mod hosts;
mod key;
mod pusher;
mod target;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ids::{CollectionId, ModSeq};
use storage::PushTriggers;

use crate::properties::sync_token;
use crate::xml::{Name, Writer};

pub(crate) use encrypt::encrypt;
pub use key::PushKey;
pub use pusher::{Pusher, PusherSettings};
pub(crate) use target::Target;

fn name(local: &'static str) -> Name {
    Name::known(crate::xml::PUSH, local)
}

/// What a collection is called in pushes: nobody tells from it which it is, or that two servers
/// have one of the same number.
pub(crate) fn topic(key: &PushKey, collection: CollectionId) -> String {
    let hash = blake3::keyed_hash(&key.topics(), &collection.get().to_be_bytes());
    let (short, _) = hash.as_bytes().split_at(16);
    URL_SAFE_NO_PAD.encode(short)
}

/// The properties of a collection that can be subscribed to.
pub(crate) fn write_property(
    writer: &mut Writer,
    property: &Name,
    key: &PushKey,
    collection: CollectionId,
) -> bool {
    match property.local() {
        "transports" => writer.element(property, |writer| {
            writer.element(&name("web-push"), |writer| {
                let public = URL_SAFE_NO_PAD.encode(key.public_key());
                let attributes = [("type", "p256ecdsa")];
                let content = |writer: &mut Writer| writer.text(&public);
                writer.element_with(&name("vapid-public-key"), &attributes, content);
            });
        }),
        "topic" => writer.text_element(property, &topic(key, collection)),
        "supported-triggers" => writer.element(property, |writer| {
            writer.element(&name("content-update"), |writer| {
                writer.text_element(&Name::dav("depth"), "1");
            });
            writer.element(&name("property-update"), |writer| {
                writer.text_element(&Name::dav("depth"), "0");
            });
        }),
        _ => return false,
    }
    true
}

/// The message of a push (draft-bitfire-webdav-push).
fn message(
    key: &PushKey,
    collection: CollectionId,
    modseq: ModSeq,
    changed: PushTriggers,
) -> Vec<u8> {
    Writer::document(&name("push-message"), |writer| {
        writer.text_element(&name("topic"), &topic(key, collection));
        if changed.content {
            writer.element(&name("content-update"), |writer| {
                // Its owner's: who has it from somebody else knows another, and synchronises all
                // the same.
                let token = sync_token(collection, modseq, None);
                writer.text_element(&Name::dav("sync-token"), &token);
            });
        }
        if changed.properties {
            writer.empty(&name("property-update"));
        }
    })
}
