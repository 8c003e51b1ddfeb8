//! The kinds of component that a calendar can hold, and sets of them.

/// What a calendar object is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ComponentKind {
    /// VEVENT
    Event,
    /// VTODO
    Todo,
    /// VJOURNAL
    Journal,
    /// VFREEBUSY
    FreeBusy,
    /// VAVAILABILITY (RFC 7953)
    Availability,
    /// VPOLL, of a draft that macOS speaks
    Poll,
}

impl ComponentKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Event, Self::Todo, Self::Journal, Self::FreeBusy, Self::Availability, Self::Poll];

    /// The name of the component.
    pub fn name(self) -> &'static str {
        match self {
            Self::Event => "VEVENT",
            Self::Todo => "VTODO",
            Self::Journal => "VJOURNAL",
            Self::FreeBusy => "VFREEBUSY",
            Self::Availability => "VAVAILABILITY",
            Self::Poll => "VPOLL",
        }
    }

    /// The kind of component of this name, in any case.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name.trim()))
    }
}
