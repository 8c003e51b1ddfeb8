//! What programs send to be told of changes (draft-bitfire-webdav-push §3).

use super::element::Element;
use super::error::XmlError;
use super::limits::Limits;
use super::name::{Name, PUSH};

/// P:push-register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushRegister {
    /// The URL at the push service.
    pub resource: String,
    /// The key of who is told, as base64url.
    pub public_key: String,
    /// What messages are encrypted with, too, as base64url.
    pub secret: String,
    /// Whether changes of members are to be told. All of them are, to the one level there is.
    pub content: bool,
    /// Whether changes of properties are. Those of the collection are, whatever depth is wanted.
    pub properties: bool,
    /// When the subscription is to end, as an HTTP date; absent if the client does not say.
    pub expires: Option<String>,
}

impl PushRegister {
    /// Reads the body of a POST; `None` where it is something else.
    pub fn parse(body: &[u8], limits: &Limits) -> Result<Option<Self>, XmlError> {
        let root = Element::parse(body, limits)?;
        if !root.is(PUSH, "push-register") {
            return Ok(None);
        }
        let invalid = || XmlError::Precondition(Name::known(PUSH, "invalid-subscription"));
        let subscription = only(&root, "subscription").ok_or_else(invalid)?;
        let web = only(subscription, "web-push-subscription").ok_or_else(invalid)?;
        // RFC 8291 §4: the only encoding.
        let coding = web.element(PUSH, "content-encoding").map(Element::word);
        if coding.is_some_and(|coding| !coding.eq_ignore_ascii_case("aes128gcm")) {
            return Err(invalid());
        }
        // QUIRK(DAVx5, 4.5): the name of the draft's first version; the next one has another.
        let key = only(web, "subscription-public-key").or_else(|| only(web, "client-public-key"));
        let key = key.filter(|key| key.attribute("type").is_none_or(|kind| kind == "p256dh"));
        let word = |element: Option<&Element>| element.map(Element::word).ok_or_else(invalid);
        let trigger = root.element(PUSH, "trigger");
        let has = |local| trigger.is_some_and(|trigger| trigger.element(PUSH, local).is_some());
        // QUIRK(DAVx5, 4.5): no trigger at all, which the draft refuses; it synchronises what is in
        // the collection when it is told.
        let content = trigger.is_none() || has("content-update");
        let properties = has("property-update");
        if !content && !properties {
            return Err(XmlError::Precondition(Name::known(PUSH, "no-supported-trigger")));
        }
        Ok(Some(Self {
            resource: word(only(web, "push-resource"))?,
            public_key: word(key)?,
            secret: word(only(web, "auth-secret"))?,
            content,
            properties,
            expires: root.element(PUSH, "expires").map(Element::word),
        }))
    }
}

fn only<'e>(parent: &'e Element, local: &'static str) -> Option<&'e Element> {
    parent.only(PUSH, local).ok().flatten()
}
