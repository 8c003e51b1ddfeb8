//! The bounds on the XML body of one request.

/// Bounds on what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the body.
    pub bytes_max: usize,
    /// How deep elements may be nested.
    pub depth_max: usize,
    /// The most elements in one body.
    pub elements_max: usize,
    /// Attributes of one element.
    pub attributes_max: usize,
    /// Namespace declarations in scope at one element.
    pub namespaces_max: usize,
    /// Bytes of the name of an element or attribute.
    pub name_bytes_max: usize,
    /// Properties that one request may name: each is looked for on each resource.
    pub properties_max: usize,
    /// Hrefs of one multiget.
    pub hrefs_max: usize,
    /// Tests of a filter, at every level together.
    pub tests_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes_max: 4 << 20,
            // A filter of VALARMs is seven deep.
            depth_max: 32,
            elements_max: 50_000,
            attributes_max: 32,
            namespaces_max: 64,
            name_bytes_max: 256,
            // macOS asks for some fifty.
            properties_max: 250,
            hrefs_max: 10_000,
            tests_max: 200,
        }
    }
}
