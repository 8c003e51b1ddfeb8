use std::sync::Arc;

use super::{DeliveryPlan, Filing, Outgoing};
use crate::testing::on_both_engines_with;
use crate::{
    Delivery, MailParameters, PreparedMessage, RcptParameters, SpoolEntry, SpoolRecipient,
    SpoolTerms,
};

/// What a script makes of a message may be too big where the message was not.
#[test]
fn a_version_too_big_is_given_up_and_the_message_kept() {
    const TEXT: &[u8] = b"Subject: a\r\n\r\nb\r\n";
    on_both_engines_with(
        |settings| settings.message_bytes_max = TEXT.len() as u64,
        |store| {
            let julie = store.account("julie");
            let message = Arc::new(PreparedMessage::new(TEXT.to_vec()));
            let big = Arc::new(PreparedMessage::new([TEXT, b"more\r\n"].concat()));
            let filing = Filing { message: Some(big.clone()), ..Filing::usual() };
            let entry = SpoolEntry {
                account: Some(julie),
                reverse_path: String::new(),
                parameters: MailParameters::default(),
                recipients: vec![SpoolRecipient {
                    forward_path: "x@y.test".to_owned(),
                    parameters: RcptParameters::default(),
                }],
            };
            let send = Outgoing {
                entry,
                message: big,
                terms: SpoolTerms::default(),
                claim: None,
                counted: false,
                copy: None,
                is_forwarded: true,
            };
            for (filings, sends) in [(vec![filing], Vec::new()), (Vec::new(), vec![send])] {
                let plan = DeliveryPlan {
                    rules: 1,
                    filings,
                    sends,
                    calendar: None,
                    seen: Vec::new(),
                    failure: None,
                    script: None,
                    notice: Arc::new(|trouble: &str| trouble.as_bytes().to_vec()),
                };
                let (message, messages) = (message.clone(), vec![message.clone()]);
                let delivered = store.inner().account_write_blocking(
                    julie,
                    "test",
                    messages.into_iter().chain(plan.messages().cloned()).collect(),
                    move |tx| tx.deliver_planned(&message, &plan, &Delivery::default()),
                );
                delivered.unwrap();
            }
            let inbox = store.mailbox(julie, "INBOX");
            assert_eq!(store.messages(inbox).len(), 2);
            assert!(store.read(|tx| tx.spool_backlog(10)).unwrap().is_empty());
        },
    );
}
