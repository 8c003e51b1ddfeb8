//! Bounds on what a message can make this crate do.

/// How much of a message is described. Beyond a bound the description is coarser, never wrong:
/// parts become opaque leaves, lists are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Containers (multiparts and messages) inside each other, the whole message included.
    /// Values above [`Limits::DEPTH_CEILING`] count as that.
    pub depth_max: usize,
    /// Parts of all kinds, the containers included.
    pub parts_max: usize,
    /// Fields looked at in one header.
    pub header_fields_max: usize,
    /// Addresses kept of one field.
    pub addresses_max: usize,
    /// Characters of the preview.
    pub preview_chars_max: usize,
    /// Bytes kept of one text in [`crate::Keys`].
    pub key_bytes_max: usize,
    /// Message ids kept of References and In-Reply-To each.
    pub references_max: usize,
    /// Attachment names kept.
    pub attachments_max: usize,
}

impl Limits {
    /// LIMIT: descriptions are made by recursion; 128 levels stay far below any stack size.
    pub const DEPTH_CEILING: usize = 128;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // LIMIT: mail of people nests 5 deep, chains of forwarded messages some 30.
            depth_max: 64,
            // LIMIT: a digest of 10,000 parts is described whole; 16,384 parts describe
            // themselves in some 2 MB.
            parts_max: 16_384,
            // LIMIT: real headers have up to some 300 fields.
            header_fields_max: 10_000,
            // LIMIT: more recipients than any server accepts in one transaction.
            addresses_max: 10_000,
            // LIMIT: RFC 8970 §3.3 asks for 200 characters.
            preview_chars_max: 200,
            // LIMIT: some 300 recipients; what is longer is searched in the message itself.
            key_bytes_max: 16_384,
            // LIMIT: threads of a hundred messages in a row are rare, and the first and the
            // nearest ids are those that tie a thread together.
            references_max: 100,
            // LIMIT: names are for search and display; nobody reads more.
            attachments_max: 100,
        }
    }
}
