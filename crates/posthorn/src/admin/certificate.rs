//! Certificates by ACME: listed, and ordered anew.

use storage::AcmeCertificate;

use super::access_key::instant;
use super::text::refusal;
use super::{Admin, CertificateRow, Refusal, Response};

impl Admin {
    pub(super) async fn list_certificates(&self) -> Result<Response, Refusal> {
        let found = self.read(|tx| tx.acme_certificates()).await;
        let found = found.map_err(|error| refusal("certificates", error))?;
        Ok(Response::Certificates(found.into_iter().map(row).collect()))
    }

    /// The daemon that keeps them looks every few seconds.
    pub(super) async fn renew_certificates(
        &self,
        name: Option<String>,
    ) -> Result<Response, Refusal> {
        let wanted = name.clone();
        let renewed = self
            .write("certificate renew", move |tx| tx.renew_acme_certificates(wanted.as_deref()))
            .await
            .map_err(|error| refusal("certificates", error))?;
        match (renewed, name) {
            (0, Some(name)) => Err(Refusal(format!("{name}: no certificate by ACME has it"))),
            (0, None) => Err(Refusal("there are no certificates by ACME".to_owned())),
            (count, _) => Ok(Response::CertificatesDue(count)),
        }
    }
}

fn row(row: AcmeCertificate) -> CertificateRow {
    CertificateRow {
        names: row.each_name().map(str::to_owned).collect(),
        ends: if row.chain.is_empty() { String::new() } else { instant(row.ends) },
        due: instant(row.due),
        failures: row.failures,
        problem: row.problem,
    }
}
