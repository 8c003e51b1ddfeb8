//! Inline attachments: ATTACH with the data itself (RFC 5545 §3.8.1.1, RFC 2397).

use crate::component::Component;
use crate::line::Line;
use crate::object::CalendarObject;

impl CalendarObject {
    /// The same without the inline attachments of more than `bytes_max` bytes, decoded. `None`
    /// where there are none.
    pub fn without_large_attachments(&self, bytes_max: u64) -> Option<Self> {
        let mut calendar = self.calendar().clone();
        if !calendar.drop_large_attachments(bytes_max) {
            return None;
        }
        Self::of_message(calendar).ok()
    }
}

impl Component {
    /// Takes out the inline attachments of more than `bytes_max` bytes, decoded; those of alarms as
    /// well. Whether there were any.
    pub fn drop_large_attachments(&mut self, bytes_max: u64) -> bool {
        let before = self.lines.len();
        self.lines.retain(|line| inline_bytes(line).is_none_or(|bytes| bytes as u64 <= bytes_max));
        let mut is_less = self.lines.len() < before;
        // As deep as `Limits::depth_max`.
        for within in &mut self.components {
            is_less |= within.drop_large_attachments(bytes_max);
        }
        is_less
    }
}

/// Bytes of the largest inline attachment, decoded; alarms have them, too. As deep as
/// [`Limits::depth_max`](crate::Limits::depth_max).
pub(crate) fn largest_inline(part: &Component) -> usize {
    let own = part.lines.iter().filter_map(inline_bytes);
    let within = part.components.iter().map(largest_inline);
    own.chain(within).max().unwrap_or(0)
}

/// How much data stands in an ATTACH itself, about, decoded; `None` of all other lines.
fn inline_bytes(line: &Line) -> Option<usize> {
    if line.name() != "ATTACH" {
        return None;
    }
    let is_inline = line.parameter("ENCODING").is_some()
        || line.parameter("VALUE").is_some_and(|kind| kind.eq_ignore_ascii_case("BINARY"));
    let text = match line.value().split_once(',') {
        // RFC 2397: what a URI holds is inline as well.
        Some((scheme, text)) if scheme.starts_with("data:") => Some(text),
        _ => is_inline.then_some(line.value()),
    };
    text.map(|text| text.len().div_ceil(4) * 3)
}
