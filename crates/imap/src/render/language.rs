//! Texts for people in their language (RFC 5255 §3).

use std::borrow::Cow;

use crate::types::Language;

/// `language-data = "LANGUAGE" SP "(" lang-tag-quoted *(SP lang-tag-quoted) ")"` (RFC 5255 §3.5),
/// the whole untagged line: one language now spoken, or all that could be.
pub fn language(out: &mut Vec<u8>, languages: &[Language]) {
    out.extend_from_slice(b"* LANGUAGE");
    let mut before: &[u8] = b" (";
    for language in languages {
        out.extend_from_slice(before);
        out.extend_from_slice(language.tag().as_bytes());
        before = b" ";
    }
    out.extend_from_slice(b")\r\n");
}

/// `text`, one of the server's own, in a language; what nobody has translated stays English.
pub fn in_language(language: Language, text: &str) -> Cow<'_, str> {
    match language {
        Language::Default | Language::English => Cow::Borrowed(text),
        Language::German => german(text),
    }
}

/// What people are shown in a language for the prefix of a namespace; `None`: the prefix.
pub fn prefix_in(language: Language, prefix: &str) -> Option<&'static str> {
    match (language, prefix) {
        (Language::German, "Other Users/") => Some("Andere Benutzer/"),
        (Language::German, "Shared Folders/") => Some("Gemeinsame Ordner/"),
        _ => None,
    }
}

/// A response code may stand before the text.
fn german(text: &str) -> Cow<'_, str> {
    if let Some((code, rest)) = text.split_once("] ").filter(|_| text.starts_with('[')) {
        return Cow::Owned(format!("{code}] {}", german(rest)));
    }
    if let Some(command) = text.strip_suffix(" completed") {
        return Cow::Owned(format!("{command} ausgeführt"));
    }
    if let Some((_, german)) = GERMAN.iter().find(|(english, _)| *english == text) {
        return Cow::Borrowed(german);
    }
    let mut filled = GERMAN_PATTERNS
        .iter()
        .filter_map(|(english, german)| Some(fill(german, &places(english, text)?)));
    filled.next().map_or(Cow::Borrowed(text), Cow::Owned)
}

/// What stands in a text at the places of a pattern; `None` where it is another text. Numbers and
/// names of faults stand there, which hold no blank.
fn places<'t>(pattern: &str, text: &'t str) -> Option<Vec<&'t str>> {
    let (mut found, mut parts) = (Vec::new(), pattern.split("{}"));
    let mut rest = text.strip_prefix(parts.next()?)?;
    for part in parts {
        let end = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let (place, after) = rest.split_at_checked(end).filter(|(place, _)| !place.is_empty())?;
        found.push(place);
        rest = after.strip_prefix(part)?;
    }
    rest.is_empty().then_some(found)
}

/// A pattern with its places taken, in order.
fn fill(pattern: &str, places: &[&str]) -> String {
    let (mut text, mut places) = (String::new(), places.iter());
    for (at, part) in pattern.split("{}").enumerate() {
        if at > 0 {
            text.push_str(places.next().copied().unwrap_or_default());
        }
        text.push_str(part);
    }
    text
}

/// The patterns with numbers, which come in the same order in both languages.
const GERMAN_PATTERNS: &[(&str, &str)] = &[
    ("Over quota: {} of {} bytes are used", "Kein Platz mehr: {} von {} Bytes sind belegt"),
    (
        "Over quota: {} of {} messages are used",
        "Kein Platz mehr: {} von {} Nachrichten sind schon da",
    ),
    (
        "Over quota: {} of {} mailboxes are used",
        "Kein Platz mehr: {} von {} Postfächern sind schon da",
    ),
    ("{} bytes are more than the {} allowed", "{} Bytes sind zu viel, erlaubt sind höchstens {}"),
    ("A value has at most {} bytes", "Ein Wert hat höchstens {} Bytes"),
    ("At most {} mailboxes are allowed", "Höchstens {} Postfächer sind erlaubt"),
    (
        "At most {} bytes in one level of a mailbox name are allowed",
        "Höchstens {} Bytes in einer Ebene eines Postfachnamens sind erlaubt",
    ),
    (
        "At most {} bytes in a mailbox name are allowed",
        "Höchstens {} Bytes in einem Postfachnamen sind erlaubt",
    ),
    (
        "At most {} levels in a mailbox name are allowed",
        "Höchstens {} Ebenen in einem Postfachnamen sind erlaubt",
    ),
    (
        "At most {} keywords in a mailbox are allowed",
        "Höchstens {} Schlagwörter in einem Postfach sind erlaubt",
    ),
    ("At most {} subscriptions are allowed", "Höchstens {} Abonnements sind erlaubt"),
    ("At most {} annotations are allowed", "Höchstens {} Anmerkungen sind erlaubt"),
    (
        "At most {} annotations of a message are allowed",
        "Höchstens {} Anmerkungen zu einer Nachricht sind erlaubt",
    ),
    (
        "At most {} entries in an access control list are allowed",
        "Höchstens {} Einträge in einer Zugriffsliste sind erlaubt",
    ),
    ("Internal error {}", "Interner Fehler {}"),
    ("Stored data is damaged ({})", "Gespeicherte Daten sind beschädigt ({})"),
];

/// What a person may get to read; what only programmers see is not among it.
const GERMAN: &[(&str, &str)] = &[
    ("Signed in", "Angemeldet"),
    ("Signed out", "Abgemeldet"),
    ("Sign in first", "Bitte erst anmelden"),
    ("Already signed in", "Schon angemeldet"),
    ("Wrong address or password", "Adresse oder Passwort ist falsch"),
    (
        "Too many failed sign-ins, try again later",
        "Zu viele fehlgeschlagene Anmeldungen, bitte später noch einmal",
    ),
    ("Sign-in is temporarily unavailable", "Die Anmeldung ist vorübergehend nicht möglich"),
    ("Sign-in needs TLS", "Die Anmeldung geht nur über TLS"),
    ("LOGIN is switched off", "LOGIN ist abgeschaltet"),
    (
        "This way of signing in is switched off for this account",
        "Diese Art der Anmeldung ist für dieses Konto abgeschaltet",
    ),
    (
        "Channel binding does not match",
        "Die Verbindung ist nicht die, für die sich das Programm ausgewiesen hat",
    ),
    ("This account is blocked", "Dieses Konto ist gesperrt"),
    (
        "This account is in maintenance; mail is still received",
        "Dieses Konto wird gewartet; Post wird weiter empfangen",
    ),
    (
        "Credentials have changed, sign in again",
        "Die Zugangsdaten haben sich geändert, bitte neu anmelden",
    ),
    ("Select a mailbox first", "Erst ein Postfach öffnen"),
    ("No such mailbox", "Dieses Postfach gibt es nicht"),
    ("Mailbox exists already", "Dieses Postfach gibt es schon"),
    ("The mailbox is open read-only", "Das Postfach ist nur zum Lesen geöffnet"),
    ("The selected mailbox is gone", "Das geöffnete Postfach gibt es nicht mehr"),
    ("Some messages have been expunged", "Einige Nachrichten wurden inzwischen gelöscht"),
    (
        "The messages have been deleted by another session",
        "Die Nachrichten wurden in einer anderen Sitzung gelöscht",
    ),
    ("INBOX has no special use", "INBOX hat keinen Zweck"),
    ("This special use can't be set", "Dieser Zweck kann nicht gesetzt werden"),
    ("Another mailbox has this special use", "Ein anderes Postfach hat diesen Zweck schon"),
    (
        "Too much mail is being appended, try later",
        "Es wird gerade zu viel Post abgelegt, bitte später noch einmal",
    ),
    (
        "Too much mail is being fetched, try later",
        "Es wird gerade zu viel Post abgeholt, bitte später noch einmal",
    ),
    ("Too many mailboxes to search at once", "Zu viele Postfächer auf einmal"),
    (
        "Temporarily unavailable, try again later",
        "Vorübergehend nicht möglich, bitte später noch einmal",
    ),
    (
        "The mail store has no room, try again later",
        "Der Server hat keinen Platz mehr, bitte später noch einmal",
    ),
    ("Message too big", "Die Nachricht ist zu groß"),
    ("The value is too big", "Der Wert ist zu groß"),
    ("Idle for too long", "Zu lange nichts getan"),
    ("Server is shutting down", "Der Server wird beendet"),
    ("Sign-in took too long", "Die Anmeldung hat zu lange gedauert"),
    ("Unsupported language", "Diese Sprache wird nicht gesprochen"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_translated_with_their_codes() {
        for (text, expect) in [
            ("UID FETCH completed", "UID FETCH ausgeführt"),
            ("No such mailbox", "Dieses Postfach gibt es nicht"),
            ("[UNAVAILABLE] Server is shutting down", "[UNAVAILABLE] Der Server wird beendet"),
            ("expected a space", "expected a space"),
            ("Over quota: 9 of 10 bytes are used", "Kein Platz mehr: 9 von 10 Bytes sind belegt"),
            (
                "11 bytes are more than the 10 allowed",
                "11 Bytes sind zu viel, erlaubt sind höchstens 10",
            ),
            ("At most 3 mailboxes are allowed", "Höchstens 3 Postfächer sind erlaubt"),
            ("At most 3 mailboxes are allowed today", "At most 3 mailboxes are allowed today"),
            ("At most  mailboxes are allowed", "At most  mailboxes are allowed"),
            ("Stored data is damaged (7f3a)", "Gespeicherte Daten sind beschädigt (7f3a)"),
            ("", ""),
        ] {
            assert_eq!(in_language(Language::German, text), expect);
            assert_eq!(in_language(Language::Default, text), text);
        }
    }

    /// A text that was reworded where it is said would no longer be found here.
    #[test]
    fn every_translated_text_is_said_somewhere() {
        let mut sources = String::new();
        let mut folders = vec![std::path::PathBuf::from("src")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path != std::path::Path::new("src/render/language.rs") {
                    sources.push_str(&std::fs::read_to_string(path).unwrap());
                }
            }
        }
        // Made of parts in `error.rs`.
        let made = ["Mailbox exists already"];
        for (english, _) in GERMAN.iter().filter(|(english, _)| !made.contains(english)) {
            assert!(sources.contains(english), "nobody says {english:?}");
        }
    }

    #[test]
    fn languages_as_in_rfc_5255() {
        for (languages, expect) in [
            (&[Language::German][..], "* LANGUAGE (de)\r\n"),
            (&Language::ALL, "* LANGUAGE (en de i-default)\r\n"),
        ] {
            let mut out = Vec::new();
            language(&mut out, languages);
            assert_eq!(String::from_utf8_lossy(&out), expect);
        }
    }
}
