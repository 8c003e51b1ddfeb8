//! What a mechanism has to know of the connection below it.

/// The connection a mechanism runs on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Channel {
    /// Whether TLS protects it.
    pub is_tls: bool,
    /// Whether passwords may be sent: TLS, or allowed without.
    pub may_send_secrets: bool,
    /// Whether SCRAM verifiers are kept at all.
    pub scram: bool,
    /// Whether a client certificate that names somebody was presented.
    pub has_certificate: bool,
    /// What SCRAM can be bound to.
    pub bindings: ChannelBindings,
}

/// The channel bindings of a TLS connection that ends here.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ChannelBindings {
    /// `tls-exporter` (RFC 9266); TLS 1.3 only, as rustls does not tell whether a TLS 1.2
    /// session has the extended master secret that this binding needs.
    pub tls_exporter: Option<Vec<u8>>,
    /// `tls-server-end-point` (RFC 5929): a hash of the server's certificate.
    pub tls_server_end_point: Option<Vec<u8>>,
}

impl ChannelBindings {
    /// The data of a binding by its registered name.
    pub(crate) fn find(&self, name: &[u8]) -> Option<&[u8]> {
        match name {
            b"tls-exporter" => self.tls_exporter.as_deref(),
            b"tls-server-end-point" => self.tls_server_end_point.as_deref(),
            _ => None,
        }
    }
}

impl std::fmt::Debug for ChannelBindings {
    /// Says which there are.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChannelBindings")
            .field("tls_exporter", &self.tls_exporter.is_some())
            .field("tls_server_end_point", &self.tls_server_end_point.is_some())
            .finish()
    }
}
