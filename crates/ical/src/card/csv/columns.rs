//! The names of columns: which property of a card each one becomes, in the languages and spellings
//! of the programs that export tables.

use std::borrow::Cow;

/// Where an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Home,
    Work,
    Other,
}

/// A part of a postal address, in the order of ADR (RFC 2426 §3.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Box = 0,
    Extended = 1,
    Street = 2,
    City = 3,
    Region = 4,
    Code = 5,
    Country = 6,
}

/// A part of something that a table has several of: `E-mail 1 - Label`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbered {
    Email,
    Phone,
    Address,
    Website,
    Event,
    Organization,
}

/// The meaning of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Column {
    Unknown,
    /// Known, and not worth anything without what is not there.
    Skipped,
    FullName,
    Prefix,
    Given,
    Middle,
    Family,
    Suffix,
    Nickname,
    Organization,
    Department,
    JobTitle,
    Note,
    Birthday,
    /// Year, month, day: 0 to 2.
    BirthPart(usize),
    Anniversary,
    Categories,
    Website(Option<Place>),
    Email(Option<Place>),
    /// A telephone number, with these types of TEL.
    Phone(&'static [&'static str]),
    Address(Place, Part),
    /// Google: which, its number, and the name of the part.
    Numbered(Numbered, u16, String),
}

impl Column {
    /// Whether somebody can be found or reached by it.
    pub(super) fn is_of_somebody(&self) -> bool {
        matches!(
            self,
            Self::FullName
                | Self::Given
                | Self::Family
                | Self::Nickname
                | Self::Organization
                | Self::Email(_)
                | Self::Phone(_)
                | Self::Numbered(Numbered::Email | Numbered::Phone, ..)
        )
    }

    /// Whether the column holds dates.
    pub(super) fn is_date(&self) -> bool {
        match self {
            Self::Birthday | Self::Anniversary => true,
            Self::Numbered(Numbered::Event, _, part) => part == "value",
            _ => false,
        }
    }
}

const WORK: &[&str] = &["WORK", "VOICE"];
const HOME: &[&str] = &["HOME", "VOICE"];
const CELL: &[&str] = &["CELL"];
const OTHER: &[&str] = &["VOICE"];

/// Names in small letters and digits, as [`plain`] has them.
const NAMES: &[(&str, Column)] = &[
    ("name", Column::FullName),
    ("fullname", Column::FullName),
    ("displayname", Column::FullName),
    ("contactname", Column::FullName),
    ("anzeigename", Column::FullName),
    ("nameprefix", Column::Prefix),
    ("prefix", Column::Prefix),
    ("honorificprefix", Column::Prefix),
    ("anrede", Column::Prefix),
    ("firstname", Column::Given),
    ("first", Column::Given),
    ("givenname", Column::Given),
    ("vorname", Column::Given),
    ("middlename", Column::Middle),
    ("middle", Column::Middle),
    ("additionalname", Column::Middle),
    ("weiterevornamen", Column::Middle),
    ("lastname", Column::Family),
    ("last", Column::Family),
    ("familyname", Column::Family),
    ("surname", Column::Family),
    ("nachname", Column::Family),
    ("namesuffix", Column::Suffix),
    ("suffix", Column::Suffix),
    ("honorificsuffix", Column::Suffix),
    ("nickname", Column::Nickname),
    ("alias", Column::Nickname),
    ("spitzname", Column::Nickname),
    ("company", Column::Organization),
    ("organization", Column::Organization),
    ("organizationname", Column::Organization),
    ("firma", Column::Organization),
    ("department", Column::Department),
    ("organizationdepartment", Column::Department),
    ("abteilung", Column::Department),
    ("jobtitle", Column::JobTitle),
    ("organizationtitle", Column::JobTitle),
    ("position", Column::JobTitle),
    ("notes", Column::Note),
    ("note", Column::Note),
    ("comments", Column::Note),
    ("notizen", Column::Note),
    ("birthday", Column::Birthday),
    ("birthdate", Column::Birthday),
    ("geburtstag", Column::Birthday),
    ("birthyear", Column::BirthPart(0)),
    ("birthmonth", Column::BirthPart(1)),
    ("anniversary", Column::Anniversary),
    ("jahrestag", Column::Anniversary),
    ("categories", Column::Categories),
    ("category", Column::Categories),
    ("labels", Column::Categories),
    ("groups", Column::Categories),
    ("groupmembership", Column::Categories),
    ("kategorien", Column::Categories),
    ("webpage", Column::Website(None)),
    ("webpage1", Column::Website(Some(Place::Work))),
    ("webpage2", Column::Website(Some(Place::Home))),
    ("website", Column::Website(None)),
    ("url", Column::Website(None)),
    ("personalwebsite", Column::Website(Some(Place::Home))),
    ("businesswebsite", Column::Website(Some(Place::Work))),
    ("webseite", Column::Website(None)),
    ("email", Column::Email(None)),
    ("emailaddress", Column::Email(None)),
    ("email1address", Column::Email(None)),
    ("email2address", Column::Email(None)),
    ("email3address", Column::Email(None)),
    ("email2", Column::Email(None)),
    ("email3", Column::Email(None)),
    ("primaryemail", Column::Email(None)),
    ("secondaryemail", Column::Email(None)),
    ("alternateemail1", Column::Email(None)),
    ("alternateemail2", Column::Email(None)),
    ("emailhome", Column::Email(Some(Place::Home))),
    ("homeemail", Column::Email(Some(Place::Home))),
    ("emailwork", Column::Email(Some(Place::Work))),
    ("workemail", Column::Email(Some(Place::Work))),
    ("emailadresse", Column::Email(None)),
    ("email2adresse", Column::Email(None)),
    ("email3adresse", Column::Email(None)),
    ("phone", Column::Phone(OTHER)),
    ("telephone", Column::Phone(OTHER)),
    ("primaryphone", Column::Phone(&["VOICE", "PREF"])),
    ("otherphone", Column::Phone(OTHER)),
    ("other", Column::Phone(OTHER)),
    ("businessphone", Column::Phone(WORK)),
    ("businessphone2", Column::Phone(WORK)),
    ("companymainphone", Column::Phone(WORK)),
    ("workphone", Column::Phone(WORK)),
    ("work", Column::Phone(WORK)),
    ("telefongeschaftlich", Column::Phone(WORK)),
    ("homephone", Column::Phone(HOME)),
    ("homephone2", Column::Phone(HOME)),
    ("home", Column::Phone(HOME)),
    ("telefonprivat", Column::Phone(HOME)),
    ("mobilephone", Column::Phone(CELL)),
    ("mobilenumber", Column::Phone(CELL)),
    ("mobile", Column::Phone(CELL)),
    ("cellphone", Column::Phone(CELL)),
    ("mobiltelefon", Column::Phone(CELL)),
    ("carphone", Column::Phone(&["CAR"])),
    ("pager", Column::Phone(&["PAGER"])),
    ("pagernumber", Column::Phone(&["PAGER"])),
    ("fax", Column::Phone(&["FAX"])),
    ("faxnumber", Column::Phone(&["FAX"])),
    ("otherfax", Column::Phone(&["FAX"])),
    ("businessfax", Column::Phone(&["WORK", "FAX"])),
    ("workfax", Column::Phone(&["WORK", "FAX"])),
    ("homefax", Column::Phone(&["HOME", "FAX"])),
    ("faxgeschaftlich", Column::Phone(&["WORK", "FAX"])),
    ("faxprivat", Column::Phone(&["HOME", "FAX"])),
    ("emailtype", Column::Skipped),
    ("email2type", Column::Skipped),
    ("email3type", Column::Skipped),
    ("emaildisplayname", Column::Skipped),
    ("email2displayname", Column::Skipped),
    ("email3displayname", Column::Skipped),
    ("fileas", Column::Skipped),
];

/// Parts of addresses behind the name of the place.
const PARTS: &[(&str, Part)] = &[
    ("street", Part::Street),
    ("street1", Part::Street),
    ("address", Part::Street),
    ("address1", Part::Street),
    ("street2", Part::Extended),
    ("street3", Part::Extended),
    ("address2", Part::Extended),
    ("pobox", Part::Box),
    ("addresspobox", Part::Box),
    ("city", Part::City),
    ("state", Part::Region),
    ("stateprovince", Part::Region),
    ("region", Part::Region),
    ("zip", Part::Code),
    ("zipcode", Part::Code),
    ("postalcode", Part::Code),
    ("country", Part::Country),
    ("countryregion", Part::Country),
];

const PLACES: &[(&str, Place)] = &[
    ("business", Place::Work),
    ("work", Place::Work),
    ("home", Place::Home),
    ("other", Place::Other),
    ("", Place::Other),
];

/// The meaning of each column of a header.
pub(super) fn columns(header: &[Cow<'_, str>]) -> Vec<Column> {
    let names: Vec<String> = header.iter().map(|name| plain(name)).collect();
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    // Outlook has titles of people and of jobs, Yahoo of jobs alone; Thunderbird has the day of
    // birth where others have the date.
    let title = if has("suffix") && has("jobtitle") { Column::Prefix } else { Column::JobTitle };
    let day = if has("birthyear") { Column::BirthPart(2) } else { Column::Birthday };
    let column = |(raw, name): (&Cow<'_, str>, &String)| match name.as_str() {
        "title" => title.clone(),
        "birthday" => day.clone(),
        name => numbered(raw).or_else(|| known(name)).unwrap_or(Column::Unknown),
    };
    header.iter().zip(&names).map(column).collect()
}

/// Letters and digits alone, small, without marks that some programs leave out.
fn plain(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    for char in name.chars().flat_map(char::to_lowercase) {
        match char {
            'ä' => plain.push('a'),
            'ö' => plain.push('o'),
            'ü' => plain.push('u'),
            char if char.is_alphanumeric() => plain.push(char),
            _ => {}
        }
    }
    plain
}

fn known(name: &str) -> Option<Column> {
    if let Some((_, column)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Some(column.clone());
    }
    PLACES.iter().find_map(|(place, of)| {
        let part = name.strip_prefix(place)?;
        let (_, part) = PARTS.iter().find(|(known, _)| *known == part)?;
        Some(Column::Address(*of, *part))
    })
}

/// `E-mail 1 - Value`.
fn numbered(raw: &str) -> Option<Column> {
    let (name, part) = raw.split_once(" - ")?;
    let (name, number) = name.trim().rsplit_once(' ')?;
    let which = match plain(name).as_str() {
        "email" => Numbered::Email,
        "phone" => Numbered::Phone,
        "address" => Numbered::Address,
        "website" => Numbered::Website,
        "event" => Numbered::Event,
        "organization" => Numbered::Organization,
        _ => return None,
    };
    Some(Column::Numbered(which, number.parse().ok()?, plain(part)))
}
