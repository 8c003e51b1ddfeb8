//! Arguments of FETCH (RFC 9051 §6.4.5) with BINARY, CHANGEDSINCE, PARTIAL and other extensions.
//! Macros are expanded here.

use ids::ModSeq;

use super::annotation;
use super::search_return::partial_range;
use super::section::{partial, section, section_binary};
use super::sequence_set::sequence_set;
use super::{Cursor, ParseError, Parsed};
use crate::types::{Addressing, Command, FetchArgs, FetchAttribute};

/// `fetch` (RFC 9051 §9).
pub(crate) fn fetch(c: &mut Cursor<'_>) -> Parsed<Command> {
    fetch_by(c, Addressing::Seq)
}

/// `"UID" SP fetch` (RFC 9051 §9).
pub(crate) fn uid_fetch(c: &mut Cursor<'_>) -> Parsed<Command> {
    fetch_by(c, Addressing::Uid)
}

/// `fetch = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att
/// *(SP fetch-att) ")") [fetch-modifiers]` (RFC 9051 §9, RFC 4466 §3).
fn fetch_by(c: &mut Cursor<'_>, by: Addressing) -> Parsed<Command> {
    c.sp()?;
    let set = sequence_set(c)?;
    c.sp()?;
    let mut attributes = match c.peek() {
        Some(b'(') => fetch_list(c)?,
        _ => {
            let mut attributes = Vec::with_capacity(8);
            fetch_item(c, &mut attributes)?;
            require_few_fields(c, &attributes)?;
            attributes
        }
    };
    let asks_uid = attributes.contains(&FetchAttribute::Uid);
    if by == Addressing::Uid {
        // RFC 9051 §6.4.9: the reply to UID FETCH always holds the UID.
        attributes.retain(|attribute| *attribute != FetchAttribute::Uid);
        attributes.insert(0, FetchAttribute::Uid);
    }
    let (changed_since, vanished) = (None, false);
    let mut args =
        FetchArgs { set, by, attributes, asks_uid, changed_since, vanished, partial: None };
    if c.more() {
        c.sp()?;
        fetch_modifiers(c, &mut args)?;
    }
    Ok(Command::Fetch(args))
}

/// `"(" fetch-att *(SP fetch-att) ")"` (RFC 9051 §9, RFC 5465 §8).
pub(super) fn fetch_list(c: &mut Cursor<'_>) -> Parsed<Vec<FetchAttribute>> {
    let mut attributes = Vec::with_capacity(8);
    c.list(c.limits.fetch_attributes_max, "too many fetch items", |c| {
        fetch_item(c, &mut attributes)
    })?;
    if attributes.is_empty() {
        return Err(ParseError::Syntax("expected a fetch item"));
    }
    require_few_fields(c, &attributes)?;
    Ok(attributes)
}

/// Like `fetch_list`, for messages that will come, which do not become seen by it: `BODY[…]` is
/// `BODY.PEEK[…]` there.
pub(super) fn fetch_list_of_new(c: &mut Cursor<'_>) -> Parsed<Vec<FetchAttribute>> {
    let mut all = Vec::new();
    for mut attribute in fetch_list(c)? {
        if let FetchAttribute::BodySection { peek, .. } | FetchAttribute::Binary { peek, .. } =
            &mut attribute
        {
            *peek = true;
        }
        if !all.contains(&attribute) {
            all.push(attribute);
        }
    }
    Ok(all)
}

fn require_few_fields(c: &Cursor<'_>, attributes: &[FetchAttribute]) -> Parsed<()> {
    let fields: usize = attributes.iter().map(field_count).sum();
    match fields > c.limits.header_fields_max {
        true => Err(ParseError::TooMany("too many header fields")),
        false => Ok(()),
    }
}

fn field_count(attribute: &FetchAttribute) -> usize {
    use crate::types::SectionText::{HeaderFields, HeaderFieldsNot};
    match attribute {
        FetchAttribute::BodySection { section, .. } => match section.text() {
            Some(HeaderFields(names) | HeaderFieldsNot(names)) => names.len(),
            _ => 0,
        },
        _ => 0,
    }
}

/// `fetch-modifiers = SP "(" fetch-modifier *(SP fetch-modifier) ")"` (RFC 4466 §3) with
/// `"CHANGEDSINCE" SP mod-sequence-value` and `"VANISHED"` (RFC 7162 §7), and
/// `"PARTIAL" SP partial-range` (RFC 9394 §4).
fn fetch_modifiers(c: &mut Cursor<'_>, args: &mut FetchArgs) -> Parsed<()> {
    let max = c.limits.items_max;
    c.list(max, "too many fetch modifiers", |c| {
        let name = c.atom()?;
        if name.eq_ignore_ascii_case(b"CHANGEDSINCE") {
            c.sp()?;
            // QUIRK(iOS Mail, any): sends 0, which RFC 7162 §7 `mod-sequence-value` excludes.
            args.changed_since = Some(ModSeq::new(c.number64()?));
            Ok(())
        } else if name.eq_ignore_ascii_case(b"VANISHED") {
            args.vanished = true;
            Ok(())
        } else if name.eq_ignore_ascii_case(b"PARTIAL") {
            c.sp()?;
            match args.partial.replace(partial_range(c)?) {
                None => Ok(()),
                Some(_) => Err(ParseError::Syntax("PARTIAL more than once")),
            }
        } else {
            Err(ParseError::Syntax("unknown fetch modifier"))
        }
    })?;
    // RFC 7162 §3.2.6: VANISHED only in UID FETCH and only with CHANGEDSINCE.
    if args.vanished && (args.by == Addressing::Seq || args.changed_since.is_none()) {
        return Err(ParseError::Syntax("VANISHED needs UID FETCH and CHANGEDSINCE"));
    }
    // RFC 7162 §3.1.4.1: CHANGEDSINCE implies the MODSEQ item.
    if args.changed_since.is_some() {
        add(&mut args.attributes, FetchAttribute::ModSeq);
    }
    Ok(())
}

fn add(attributes: &mut Vec<FetchAttribute>, attribute: FetchAttribute) {
    if !attributes.contains(&attribute) {
        attributes.push(attribute);
    }
}

/// `fetch-att` (RFC 9051 §9) or a macro, which RFC 9051 §6.4.5 allows alone only.
///
/// QUIRK(several libraries, any): macros inside the parentheses too; they mean the same there.
fn fetch_item(c: &mut Cursor<'_>, attributes: &mut Vec<FetchAttribute>) -> Parsed<()> {
    use FetchAttribute as A;
    let name = c.take_while(|b| b.is_ascii_alphanumeric() || b == b'.');
    let mut upper = [0_u8; 16];
    let upper = match upper.get_mut(..name.len()) {
        Some(slot) => {
            slot.copy_from_slice(name);
            slot.make_ascii_uppercase();
            &*slot
        }
        None => return Err(ParseError::Syntax("unknown fetch item")),
    };
    let attribute = match upper {
        b"FLAGS" => A::Flags,
        b"UID" => A::Uid,
        b"ENVELOPE" => A::Envelope,
        b"INTERNALDATE" => A::InternalDate,
        b"RFC822.SIZE" => A::Rfc822Size,
        b"BODYSTRUCTURE" => A::BodyStructure,
        b"MODSEQ" => A::ModSeq,
        b"BODY" if c.peek() != Some(b'[') => A::Body,
        b"BODY" | b"BODY.PEEK" => {
            let section = section(c)?;
            A::BodySection { section, partial: partial(c)?, peek: upper.len() > 4 }
        }
        b"BINARY" | b"BINARY.PEEK" => {
            let part = section_binary(c)?;
            A::Binary { part, partial: partial(c)?, peek: upper.len() > 6 }
        }
        b"BINARY.SIZE" => A::BinarySize(section_binary(c)?),
        b"RFC822" => A::Rfc822,
        b"RFC822.HEADER" => A::Rfc822Header,
        b"RFC822.TEXT" => A::Rfc822Text,
        b"EMAILID" => A::EmailId,
        b"THREADID" => A::ThreadId,
        b"SAVEDATE" => A::SaveDate,
        b"ANNOTATION" => {
            // The answer does not say which of two it is to.
            if attributes.iter().any(|known| matches!(known, A::Annotation(_))) {
                return Err(ParseError::Syntax("ANNOTATION more than once"));
            }
            A::Annotation(annotation::query(c)?)
        }
        b"PREVIEW" => A::Preview { lazy: preview_modifiers(c)? },
        b"ALL" | b"FAST" | b"FULL" => {
            expand_macro(upper, attributes);
            return Ok(());
        }
        b"" => return Err(c.wrong("expected a fetch item")),
        _ => return Err(ParseError::Syntax("unknown fetch item")),
    };
    add(attributes, attribute);
    Ok(())
}

/// RFC 9051 §6.4.5: FAST, ALL and FULL each hold the one before and a little more.
fn expand_macro(name: &[u8], attributes: &mut Vec<FetchAttribute>) {
    add(attributes, FetchAttribute::Flags);
    add(attributes, FetchAttribute::InternalDate);
    add(attributes, FetchAttribute::Rfc822Size);
    if name != b"FAST" {
        add(attributes, FetchAttribute::Envelope);
    }
    if name == b"FULL" {
        add(attributes, FetchAttribute::Body);
    }
}

/// `[SP "(" preview-mod *(SP preview-mod) ")"]`, `preview-mod = "LAZY"` (RFC 8970 §6).
fn preview_modifiers(c: &mut Cursor<'_>) -> Parsed<bool> {
    // Behind a lone PREVIEW a list may be the modifiers of FETCH itself: look for LAZY.
    let mut ahead = c.rest();
    while let Some((b' ' | b'(', rest)) = ahead.split_first() {
        ahead = rest;
    }
    let lazy_follows = ahead.get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"LAZY"));
    if !lazy_follows || !c.sp_before(b'(') {
        return Ok(false);
    }
    let max = c.limits.items_max;
    c.list(max, "too many preview modifiers", |c| {
        if c.atom()?.eq_ignore_ascii_case(b"LAZY") {
            Ok(())
        } else {
            Err(ParseError::Syntax("unknown preview modifier"))
        }
    })?;
    Ok(true)
}
