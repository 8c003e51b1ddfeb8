//! What is searched in a message, as SEARCH defines it (RFC 9051 §6.4.4).

use std::ops::ControlFlow;

use ids::ContentId;
use message::{KeysView, Limits, header_fields, header_line, search_form, searchable_text};
use textindex::{Builder, Field};

use crate::{Content, Want};

/// What has to be read of a content.
pub(super) const WANT: Want = Want::KEYS.and(Want::HEADER).and(Want::TEXT).and(Want::PARTS);

/// Adds a content. Of a field with more than `bytes_max` bytes nothing is known then.
pub(super) fn add(builder: &mut Builder, id: ContentId, content: &Content, bytes_max: usize) {
    builder.begin(id.get());
    let mut put = |field, texts: Option<Vec<String>>| match texts {
        Some(texts) => builder.add(field, &texts),
        None => builder.leave_out(field),
    };
    put(Field::Header, header(content, bytes_max));
    put(Field::Body, body(content, bytes_max));
    let keys = content.keys().and_then(|keys| KeysView::parse(keys).ok());
    // Where a key was cut, the field itself has to be looked at.
    let keys = keys.filter(|keys| !keys.is_cut());
    for (field, text) in [
        (Field::Subject, keys.map(|keys| keys.subject())),
        (Field::From, keys.map(|keys| keys.from())),
        (Field::To, keys.map(|keys| keys.to())),
        (Field::Cc, keys.map(|keys| keys.cc())),
        (Field::Bcc, keys.map(|keys| keys.bcc())),
    ] {
        put(field, text.map(|text| vec![search_form(text)]));
    }
}

/// Adds a content of which nothing is known.
pub(super) fn add_unknown(builder: &mut Builder, id: ContentId) {
    builder.begin(id.get());
    Field::ALL.into_iter().for_each(|field| builder.leave_out(field));
}

fn header(content: &Content, bytes_max: usize) -> Option<Vec<String>> {
    let header = content.header().filter(|header| header.len() <= bytes_max)?;
    let lines = header_fields(header).map(|field| header_line(field.name, field.value));
    Some(lines.map(|line| search_form(&line)).collect())
}

fn body(content: &Content, bytes_max: usize) -> Option<Vec<String>> {
    let (header, text) = (content.header()?, content.text()?);
    let whole = [header, text].concat();
    let (mut texts, mut bytes) = (Vec::new(), 0usize);
    let visited = searchable_text(&whole, content.parts()?, &Limits::default(), &mut |text| {
        bytes = bytes.saturating_add(text.len());
        if bytes > bytes_max {
            return ControlFlow::Break(());
        }
        texts.push(search_form(text));
        ControlFlow::Continue(())
    });
    visited.is_continue().then_some(texts)
}
