//! clamd: the message is sent by `INSTREAM`, in chunks, and one line comes back.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::address::{Link, ScannerAddress};
use crate::error::ScanError;
use crate::finding::{Finding, Judgement, Reply};
use crate::mail::Mail;

/// LIMIT: bytes of one chunk; clamd takes any size.
const CHUNK_BYTES: usize = 64 * 1024;
/// LIMIT: bytes of an answer; names of signatures are short.
const ANSWER_BYTES_MAX: u64 = 4096;

/// A ClamAV daemon and the bounds on asking it.
#[derive(Debug, Clone)]
pub struct Clamd {
    /// The address that it listens at.
    pub address: ScannerAddress,
}

impl Clamd {
    /// Has a message scanned.
    pub(crate) async fn scan(&self, mail: &Mail<'_>) -> Result<Finding, ScanError> {
        self.look_at(mail.message).await.map(Finding::from)
    }

    /// Has any data looked at, not only messages.
    pub(crate) async fn look_at(&self, data: &[u8]) -> Result<Judgement, ScanError> {
        let mut link = self.address.connect().await?;
        // Where the message is larger than clamd takes, it answers and closes before the end; its
        // answer says more than the broken pipe.
        let sent = send(&mut *link, data).await;
        let mut answer = Vec::new();
        let read = (&mut *link).take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await;
        if answer.is_empty() {
            sent?;
            read?;
        }
        judge(&answer)
    }
}

async fn send(link: &mut dyn Link, message: &[u8]) -> Result<(), ScanError> {
    link.write_all(b"zINSTREAM\0").await?;
    for chunk in message.chunks(CHUNK_BYTES) {
        let size = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
        link.write_all(&size.to_be_bytes()).await?;
        link.write_all(chunk).await?;
    }
    link.write_all(&0_u32.to_be_bytes()).await?;
    link.flush().await?;
    Ok(())
}

/// `stream: OK`, `stream: NAME FOUND`, or `TEXT ERROR`.
fn judge(answer: &[u8]) -> Result<Judgement, ScanError> {
    let answer = String::from_utf8_lossy(answer);
    let answer = answer.trim_end_matches('\0').trim();
    let said = answer.strip_prefix("stream:").unwrap_or(answer).trim();
    if said == "OK" {
        return Ok(Judgement::Accept);
    }
    if let Some(name) = said.strip_suffix(" FOUND") {
        return Ok(Judgement::Reject(Reply::reject(&format!("Malware found: {name}"))));
    }
    match said.strip_suffix("ERROR") {
        Some(text) => Err(ScanError::Failed(text.trim().to_owned())),
        None => Err(ScanError::Protocol("the answer is none of clamd's")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let table: [(&[u8], &str); 6] = [
            (b"stream: OK\0", "Ok(Accept)"),
            (
                b"stream: Eicar-Test FOUND\0",
                "Ok(Reject(Reply { code: 554, enhanced: (5, 7, 1), \
                 text: \"Malware found: Eicar-Test\" }))",
            ),
            (
                b"INSTREAM size limit exceeded. ERROR\0",
                "Err(Failed(\"INSTREAM size limit exceeded.\"))",
            ),
            (b"stream: OK, or not", "Err(Protocol(\"the answer is none of clamd's\"))"),
            (b"\xff\xff", "Err(Protocol(\"the answer is none of clamd's\"))"),
            (b"", "Err(Protocol(\"the answer is none of clamd's\"))"),
        ];
        for (answer, expected) in table {
            assert_eq!(format!("{:?}", judge(answer)), expected);
        }
    }
}
