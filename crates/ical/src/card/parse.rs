//! Parsing of vCards (RFC 6350, RFC 2426), as clients put them and as they are stored.

use super::invalid::InvalidCard;
use super::old::modernize;
use crate::component::Component;
use crate::limits::Limits;
use crate::object::is_text;

/// Which standard a card follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CardVersion {
    /// RFC 2426
    V3,
    /// RFC 6350
    V4,
}

impl CardVersion {
    /// As VERSION and the parameter of the media type have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::V3 => "3.0",
            Self::V4 => "4.0",
        }
    }

    /// The version that VERSION names, such as `4.0`.
    pub fn find(name: &str) -> Option<Self> {
        [Self::V3, Self::V4].into_iter().find(|version| version.name() == name.trim())
    }
}

/// Whether a card stands for somebody, or for several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardKind {
    /// A person, an organisation, a place: anything with an address.
    Single,
    /// A list of cards: KIND:group, or Apple's X-ADDRESSBOOKSERVER-KIND:group.
    Group,
}

/// What a store keeps of a card beside its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardFacts {
    /// The UID.
    pub uid: String,
    /// Whether it is a single card or a group (RFC 6350 §6.1.4).
    pub kind: CardKind,
    /// The name that the card is shown under (FN).
    pub formatted_name: String,
}

/// A parsed vCard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    component: Component,
    version: CardVersion,
}

impl Card {
    /// Reads and checks what may be stored as one resource (RFC 6352 §5.1).
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, InvalidCard> {
        is_text(bytes).then_some(()).ok_or(InvalidCard::Lacks("text in UTF-8"))?;
        let card = Self::of(Component::parse(bytes, limits)?)?;
        if card.uid().is_none() {
            // RFC 6352 §5.1: every card in an address book has one.
            return Err(InvalidCard::Lacks("UID"));
        }
        Ok(card)
    }

    /// Reads the cards of a file, of any version, with or without UID. What was written by the
    /// rules of vCard 2.1 is 3.0 afterwards.
    pub fn parse_all(bytes: &[u8], limits: &Limits) -> Result<Vec<Self>, InvalidCard> {
        let bytes = modernize(bytes, limits)?;
        let cards = Component::parse_all(&bytes, limits)?;
        cards.into_iter().map(Self::of).collect()
    }

    fn of(component: Component) -> Result<Self, InvalidCard> {
        if !component.is("VCARD") {
            return Err(InvalidCard::Lacks("VCARD"));
        }
        let version = version_of(&component)?;
        // RFC 2426 §3.1.1, RFC 6350 §6.2.1: FN has to be there. Programs exist that leave it to
        // others to make it of N.
        let is_named = ["FN", "N", "ORG"].iter().any(|name| component.line(name).is_some());
        match is_named {
            true => Ok(Self { component, version }),
            false => Err(InvalidCard::Lacks("FN")),
        }
    }

    pub(super) fn made(component: Component, version: CardVersion) -> Self {
        Self { component, version }
    }

    /// The VCARD as a component.
    pub fn component(&self) -> &Component {
        &self.component
    }

    /// The VCARD as a component, to be changed or given away.
    pub fn into_component(self) -> Component {
        self.component
    }

    /// Which standard it follows.
    pub fn version(&self) -> CardVersion {
        self.version
    }

    /// The UID, which names the card everywhere.
    pub fn uid(&self) -> Option<String> {
        let uid = self.component.line("UID").map(|line| line.text().trim().to_owned());
        uid.filter(|uid| !uid.is_empty())
    }

    /// Whether it is a single card or a group.
    pub fn kind(&self) -> CardKind {
        let kind = self.component.line("KIND");
        let kind = kind.or_else(|| self.component.line("X-ADDRESSBOOKSERVER-KIND"));
        match kind.is_some_and(|line| line.value().trim().eq_ignore_ascii_case("group")) {
            true => CardKind::Group,
            false => CardKind::Single,
        }
    }

    /// Looks at everything once.
    pub fn facts(&self) -> CardFacts {
        CardFacts {
            uid: self.uid().unwrap_or_default(),
            kind: self.kind(),
            formatted_name: formatted_name(&self.component),
        }
    }

    /// The card converted to a version; unchanged if it has that version already.
    #[must_use]
    pub fn in_version(self, version: CardVersion) -> Self {
        match (self.version, version) {
            (CardVersion::V3, CardVersion::V4) => self.to_v4(),
            (CardVersion::V4, CardVersion::V3) => self.to_v3(),
            _ => self,
        }
    }
}

/// RFC 2426 §3.6.9, RFC 6350 §6.7.9: it stands there once.
fn version_of(component: &Component) -> Result<CardVersion, InvalidCard> {
    let mut versions = component.lines_named("VERSION");
    match (versions.next(), versions.next()) {
        (Some(line), None) => CardVersion::find(line.value()).ok_or(InvalidCard::Version),
        _ => Err(InvalidCard::Lacks("VERSION")),
    }
}

/// FN, or what can be made of other names.
pub(super) fn formatted_name(card: &Component) -> String {
    let text = |name: &str| {
        let text = card.line(name).map(|line| line.text().trim().to_owned());
        text.filter(|text| !text.is_empty())
    };
    let of_names = || {
        let line = card.line("N")?;
        let parts: Vec<String> = crate::text::split_structured(line.value())
            .map(|part| crate::text::unescape_text(part).trim().to_owned())
            .collect();
        let part = |at: usize| parts.get(at).filter(|part| !part.is_empty()).cloned();
        // Prefix, given, middle, family, suffix.
        let ordered: Vec<String> = [3, 1, 2, 0, 4].into_iter().filter_map(part).collect();
        (!ordered.is_empty()).then(|| ordered.join(" "))
    };
    let of_organization = || {
        let line = card.line("ORG")?;
        let first = crate::text::split_structured(line.value()).next()?;
        Some(crate::text::unescape_text(first).trim().to_owned()).filter(|name| !name.is_empty())
    };
    text("FN")
        .or_else(of_names)
        .or_else(of_organization)
        .or_else(|| text("EMAIL"))
        .unwrap_or_default()
}
