//! Every stored invariant, named; and repair of what can be computed anew.

use super::text::refusal;
use super::{Admin, Finding, Refusal, Response};

impl Admin {
    /// Checks everything; with `repair`, puts right what can be and checks again.
    pub(super) async fn check_store(&self, repair: bool) -> Result<Response, Refusal> {
        let store = self.store.clone();
        // Every byte is read, which takes as long as it takes.
        let checking = tokio::task::spawn_blocking(move || {
            let found = store.check_consistency()?;
            if !repair || found.is_empty() {
                return Ok((found, None));
            }
            store.repair()?;
            Ok((found, Some(store.check_consistency()?)))
        });
        let (found, left) = checking
            .await
            .map_err(|error| Refusal(format!("check-store: {error}")))?
            .map_err(|error| refusal("check-store", error))?;
        Ok(Response::Findings(rows(found, left)))
    }
}

/// What was found, marked as repaired where it is no longer there.
fn rows(found: Vec<storage::Finding>, left: Option<Vec<storage::Finding>>) -> Vec<Finding> {
    let row = |finding: &storage::Finding, repaired| Finding {
        invariant: finding.invariant.to_owned(),
        detail: finding.detail.clone(),
        repaired,
    };
    let Some(left) = left else {
        return found.iter().map(|finding| row(finding, false)).collect();
    };
    // A repair can bring to light what another finding hid, so all that is left is told too.
    let repaired = found.iter().filter(|finding| !left.contains(finding));
    let repaired = repaired.map(|finding| row(finding, true));
    repaired.chain(left.iter().map(|finding| row(finding, false))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_after_the_repair_was_repaired() {
        let finding =
            |invariant, detail: &str| storage::Finding { invariant, detail: detail.to_owned() };
        let found = vec![finding("used-bytes", "account 1"), finding("blob-hash", "blob 2")];
        let left = vec![finding("blob-hash", "blob 2"), finding("names-valid", "mailbox 3")];
        let told = |rows: Vec<Finding>| -> Vec<(String, bool)> {
            rows.into_iter().map(|row| (row.detail, row.repaired)).collect()
        };
        assert_eq!(
            told(rows(found.clone(), None)),
            [("account 1".to_owned(), false), ("blob 2".to_owned(), false),]
        );
        assert_eq!(
            told(rows(found, Some(left))),
            [
                ("account 1".to_owned(), true),
                ("blob 2".to_owned(), false),
                ("mailbox 3".to_owned(), false),
            ]
        );
    }
}
