//! What is searched in a message, as SEARCH defines it (RFC 9051 §6.4.4).

use std::ops::ControlFlow;

use ids::ContentId;
use message::{
    KeysView, Limits, PartIndex, SearchablePart, header_fields, header_line, part_headers,
    search_form, searchable_text_of,
};
use textindex::{Builder, Field, HeaderLine};

use crate::{Content, Settings, Want};

/// What has to be read of a content.
pub(super) const WANT: Want = Want::KEYS.and(Want::HEADER).and(Want::TEXT).and(Want::PARTS);

/// Adds a content, of header and body as much as the settings say.
pub(super) fn add(builder: &mut Builder, id: ContentId, content: &Content, settings: &Settings) {
    builder.begin(id.get());
    add_texts(builder, content, settings);
    let keys = content.keys().and_then(|keys| KeysView::parse(keys).ok());
    for (field, text) in [
        (Field::Subject, keys.map(|keys| keys.subject())),
        (Field::From, keys.map(|keys| keys.from())),
        (Field::To, keys.map(|keys| keys.to())),
        (Field::Cc, keys.map(|keys| keys.cc())),
        (Field::Bcc, keys.map(|keys| keys.bcc())),
    ] {
        if let Some(text) = text {
            builder.add(field, &[search_form(text)]);
        }
        // Where a key was cut, the field itself has to be looked at.
        if keys.is_none_or(|keys| keys.is_cut()) {
            builder.leave_out(field);
        }
    }
}

fn add_texts(builder: &mut Builder, content: &Content, settings: &Settings) {
    let (Some(header), Some(text), Some(parts)) =
        (content.header(), content.text(), content.parts())
    else {
        builder.leave_out(Field::Header);
        return builder.leave_out(Field::Body);
    };
    let whole = [header, text].concat();
    let (lines, is_whole) = header_lines(header, &whole, parts, settings.index_text_bytes_max);
    builder.add_header(&lines);
    if !is_whole {
        builder.leave_out(Field::Header);
    }
    let (texts, is_whole) = body(&whole, parts, settings);
    builder.add(Field::Body, &texts);
    if !is_whole {
        builder.leave_out(Field::Body);
    }
}

/// Adds a content of which nothing is known.
pub(super) fn add_unknown(builder: &mut Builder, id: ContentId) {
    builder.begin(id.get());
    Field::ALL.into_iter().for_each(|field| builder.leave_out(field));
}

/// The fields of the header, then those of the parts, and whether these are all.
fn header_lines(
    header: &[u8],
    whole: &[u8],
    parts: &PartIndex,
    bytes_max: usize,
) -> (Vec<HeaderLine>, bool) {
    let (mut lines, mut bytes) = (Vec::new(), 0usize);
    for field in header_fields(header) {
        bytes = bytes.saturating_add(field.name.len() + field.value.len());
        if bytes > bytes_max {
            return (lines, false);
        }
        let text = search_form(&header_line(field.name, field.value));
        // Searches name fields in ASCII only.
        let name_bytes = field.name.is_ascii().then_some(field.name.len());
        lines.push(HeaderLine { text, name_bytes });
    }
    let visited = part_headers(whole, parts, &Limits::default(), &mut |line| {
        bytes = bytes.saturating_add(line.len());
        if bytes > bytes_max {
            return ControlFlow::Break(());
        }
        // HEADER looks at the header of the message alone: here no name is named.
        lines.push(HeaderLine { text: search_form(line), name_bytes: None });
        ControlFlow::Continue(())
    });
    (lines, visited.is_continue())
}

/// The texts of the body, and whether these are all.
fn body(whole: &[u8], parts: &PartIndex, settings: &Settings) -> (Vec<String>, bool) {
    let (mut texts, mut bytes, mut is_whole) = (Vec::new(), 0usize, true);
    let mut wants = |part: &SearchablePart| {
        let wants = !part.is_attachment || is_among(&part.media_type, &settings.index_attachments);
        is_whole &= wants;
        wants
    };
    let mut visit = |text: &str| {
        bytes = bytes.saturating_add(text.len());
        if bytes > settings.index_text_bytes_max {
            return ControlFlow::Break(());
        }
        texts.push(search_form(text));
        ControlFlow::Continue(())
    };
    let visited = searchable_text_of(whole, parts, &Limits::default(), &mut wants, &mut visit);
    (texts, is_whole && visited.is_continue())
}

/// Whether a media type is one of these, of which `text/*` are all that begin so.
fn is_among(media_type: &str, kinds: &[String]) -> bool {
    kinds.iter().any(|kind| match kind.strip_suffix('*') {
        Some(main) => media_type.starts_with(main),
        None => media_type == kind,
    })
}
