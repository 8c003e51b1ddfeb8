//! What is in the spool for mailboxes here: the copy of a recipient whose mailbox filled up while
//! others got theirs.

use std::sync::{Arc, OnceLock};

use ids::{ListId, QueueDaemonId};
use message::compose::return_path;
use smtp::client::OutboundContent;
use smtp::report::{Action, Prepared, Way};
use storage::{
    Address, Arrival, ArrivalParameters, CalendarMail, CarriedOut, ClaimedMessage,
    ClaimedRecipient, Delivery, DeliveryPlan, Disposition, Fate, PreparedMessage, Recipient,
    Resolution, Settlement, StorageError, Verdict,
};
use tokio::sync::OnceCell;

use crate::answer::Answer;
use crate::counters::add;
use crate::queue::Inner;
use crate::report;
use crate::settle::{End, Settling};

/// LIMIT: times that one message is sorted; each time another one like it came first.
const SORTINGS_MAX: u32 = 5;

/// A message with the external mark (R-ADDR-13), made where somebody gets it so, and once for all.
type Marked = OnceCell<(Vec<u8>, Arc<PreparedMessage>)>;

/// A message for one mailbox or list here.
pub(crate) struct Local<'a> {
    pub(crate) daemon: QueueDaemonId,
    pub(crate) message: &'a ClaimedMessage,
    pub(crate) recipient: &'a ClaimedRecipient,
    pub(crate) destination: &'a str,
    pub(crate) content: &'a OutboundContent,
    prepared: &'a Arc<PreparedMessage>,
    marked: &'a Marked,
    /// R-ADDR-13: it is from outside, and says so.
    is_external: bool,
}

impl Local<'_> {
    /// Whether the sender is told of a refusal: who is perhaps not the one who sent it is not
    /// (RFC 5429 §2.1).
    fn may_report(&self) -> bool {
        self.message.parameters.verified && !self.message.reverse_path.is_empty()
    }
}

/// Why a message is not in its mailbox.
enum FilingError {
    /// The recipient is in the hands of another daemon.
    NotOurs,
    /// Another message that the rules take for the same was delivered at the same moment.
    CameTwice,
    /// This became of it, and its sender was to be told something else.
    Untrue(Option<Action>),
    Storage(StorageError),
}

impl Inner {
    /// Delivers a message to mailboxes here, each with its outcome in one transaction.
    pub(crate) async fn deliver_here(
        &self,
        daemon: QueueDaemonId,
        destination: &str,
        message: &ClaimedMessage,
        content: &OutboundContent,
    ) {
        let path = return_path(Some(&message.reverse_path)).into_bytes();
        let bytes = [&path[..], &content.header, &content.body].concat();
        let prepared = self.store.prepare(bytes.clone()).await.map(Arc::new);
        let (mut ends, marked) = (Vec::new(), Marked::new());
        for recipient in &message.recipients {
            let end = match &prepared {
                Ok(prepared) => {
                    let local = Local {
                        daemon,
                        message,
                        recipient,
                        destination,
                        content,
                        prepared,
                        marked: &marked,
                        is_external: false,
                    };
                    self.deliver_one(&local, &bytes).await
                }
                Err(error @ StorageError::TooBig { .. }) => {
                    Some(End::Failed(Answer::ours(5, 3, 4, error.to_string())))
                }
                Err(error) => Some(End::Deferred(Answer::ours(4, 3, 0, error.to_string()))),
            };
            ends.extend(end.map(|end| (recipient.clone(), end)));
        }
        if !ends.is_empty() {
            self.settle(Settling { daemon, destination, message, content, ends }).await;
        }
    }

    /// `None`: it is in its mailbox, or no longer ours.
    async fn deliver_one(&self, local: &Local<'_>, bytes: &[u8]) -> Option<End> {
        let found = match self.find_here(&local.recipient.forward_path).await {
            Ok(Resolution::Account(found)) if found.blocked => {
                let text = "the mailbox is disabled";
                return Some(End::Failed(Answer::ours(5, 2, 1, text)));
            }
            Ok(Resolution::Account(found)) => found,
            Ok(Resolution::List(list)) => return self.post_to_list(local, list, bytes).await,
            Ok(Resolution::UnknownRecipient | Resolution::Relay) => {
                return Some(End::Failed(Answer::ours(5, 1, 1, "there is no such mailbox here")));
            }
            Err(error) => return Some(End::Deferred(Answer::ours(4, 3, 0, error.to_string()))),
        };
        let marked = match self.mark(local, &found, bytes).await {
            Ok(marked) => marked,
            Err(error) => return Some(End::Deferred(Answer::ours(4, 3, 0, error.to_string()))),
        };
        let is_external = marked.is_some();
        let (bytes, prepared) = match marked {
            Some((bytes, prepared)) => (&bytes[..], prepared),
            None => (bytes, local.prepared),
        };
        let local = &Local { prepared, is_external, ..*local };
        let mut became = None;
        for _ in 0..SORTINGS_MAX {
            let (plan, action) = match self.sort(local, &found, bytes).await {
                Ok(None) => (None, Some(Action::Delivered)),
                Ok(Some(Verdict::Do(plan))) => {
                    let action = Action::of_plan(&plan);
                    (Some(plan), action)
                }
                // The report of the failure tells the sender why.
                Ok(Some(Verdict::Refuse { reason, .. })) if local.may_report() => {
                    return Some(End::Failed(Answer::ours(5, 7, 1, reason)));
                }
                Ok(Some(Verdict::Refuse { instead, .. })) => (Some(instead), None),
                Err(error) => return Some(End::Deferred(Answer::ours(4, 3, 0, error.to_string()))),
            };
            // Mail first is not for the queue, which nobody sends a message again that a crash cut
            // off from a calendar; to apply it twice changes nothing.
            self.tell_calendar(local, &found, plan.as_deref(), bytes).await;
            match self.file_one(local, &found, (plan, became.unwrap_or(action))).await {
                Ok(()) => {
                    add(&self.counters.delivered, 1);
                    return None;
                }
                Err(FilingError::NotOurs) => return None,
                Err(FilingError::CameTwice) => {}
                Err(FilingError::Untrue(action)) => became = Some(action),
                Err(FilingError::Storage(StorageError::OverQuota { .. })) => {
                    return Some(End::Deferred(Answer::ours(4, 2, 2, "the mailbox is full")));
                }
                Err(FilingError::Storage(error)) => {
                    return Some(End::Deferred(Answer::ours(4, 3, 0, error.to_string())));
                }
            }
        }
        Some(End::Deferred(Answer::ours(4, 3, 0, "the same message comes again and again")))
    }

    /// The message with the external mark (R-ADDR-13), if it gets that here.
    async fn mark<'m>(
        &self,
        local: &Local<'m>,
        found: &Recipient,
        bytes: &[u8],
    ) -> storage::Result<Option<&'m (Vec<u8>, Arc<PreparedMessage>)>> {
        if !found.marks_external {
            return Ok(None);
        }
        let authors = message::authors(bytes);
        let mut senders: Vec<Address> =
            authors.iter().flatten().cloned().map(Address::from).collect();
        if senders.is_empty() && authors.is_some() {
            senders.extend(Address::parse(&local.message.reverse_path));
        }
        // An account sends on what others wrote, too, and may be its sender then (RFC 6009 §6.1).
        let whose = local.message.account.filter(|_| !local.message.parameters.sent_on);
        let account = found.account;
        let sender = Address::parse(&local.message.reverse_path).ok();
        let asked = self.store.read(move |tx| {
            let submitter = match (whose, &sender) {
                (Some(whose), Some(sender)) => match tx.sending(whose, sender) {
                    Ok(right) => right.map(|_| whose),
                    Err(StorageError::Maintenance) => None,
                    Err(error) => return Err(error),
                },
                _ => None,
            };
            tx.is_external(account, submitter, &senders)
        });
        if !asked.await? {
            return Ok(None);
        }
        let made = async {
            let marked = message::mark_external(bytes);
            let prepared = Arc::new(self.store.prepare(marked.clone()).await?);
            Ok::<_, StorageError>((marked, prepared))
        };
        local.marked.get_or_try_init(|| made).await.map(Some)
    }

    /// What becomes of the message, where its account has rules.
    async fn sort(
        &self,
        local: &Local<'_>,
        found: &Recipient,
        bytes: &[u8],
    ) -> storage::Result<Option<Verdict>> {
        let (Some(sorter), Some(rules)) = (self.sorter.as_ref(), found.rules) else {
            return Ok(None);
        };
        let (parameters, own) = (&local.message.parameters, &local.recipient.parameters);
        let arrival = Arrival {
            account: found.account,
            rules,
            message: bytes,
            reverse_path: &local.message.reverse_path,
            forward_path: &local.recipient.forward_path,
            placement: parameters.placement(),
            author: parameters.author.as_deref(),
            verified: parameters.verified,
            is_believed: !parameters.doubtful,
            parameters: ArrivalParameters {
                body: parameters.body.as_deref().unwrap_or_default(),
                smtputf8: parameters.smtputf8,
                notify: own.notify.as_deref(),
                ret: parameters.ret.as_deref(),
                envelope_id: parameters.envid.as_deref(),
                original: own.orcpt.as_deref(),
                require_tls: parameters.requiretls,
                tls_optional: parameters.tls_optional,
                priority: parameters.priority,
                deadline: parameters.by,
            },
        };
        sorter.sort(arrival).await.map(Some)
    }

    /// Applies the calendar message of a mail by an author who is known to be who they say.
    async fn tell_calendar(
        &self,
        local: &Local<'_>,
        found: &Recipient,
        plan: Option<&DeliveryPlan>,
        bytes: &[u8],
    ) {
        let Some(author) = &local.message.parameters.author else { return };
        if CalendarMail::is_likely(bytes, local.message.parameters.placement()) {
            let wishes = plan.and_then(|plan| plan.calendar.clone());
            let accounts = vec![(found.account, wishes)];
            self.store.take_calendar_mail(accounts, bytes.to_vec(), author.clone()).await;
        }
    }

    async fn file_one(
        &self,
        local: &Local<'_>,
        found: &Recipient,
        (plan, action): (Option<Arc<DeliveryPlan>>, Option<Action>),
    ) -> Result<(), FilingError> {
        let report = self.report_filed(local, action).await.map_err(FilingError::Storage)?;
        let reported = usize::from(report.is_some());
        let (daemon, spool, ordinal) = (local.daemon, local.message.id, local.recipient.ordinal);
        let delivery = Delivery {
            mailbox: found.detail.clone(),
            placement: local.message.parameters.placement(),
            is_external: local.is_external,
        };
        let (account, prepared) = (found.account, local.prepared.clone());
        let planned = plan.iter().flat_map(|plan| plan.messages());
        let reports = report.iter().map(Prepared::message);
        let messages = planned.chain([local.prepared]).chain(reports).cloned().collect();
        let (noted, kept) = (Arc::new(OnceLock::new()), plan.clone());
        let (came_twice, untrue) = (noted.clone(), Arc::new(OnceLock::new()));
        let (is_told, became) = (report.is_some(), untrue.clone());
        let delivered = self.store.write_messages("queue delivery", messages, move |tx| {
            let done = match &plan {
                None => tx.account(account)?.deliver(&prepared, delivery).map(CarriedOut::from)?,
                Some(plan) => tx
                    .account(account)?
                    .deliver_planned(&prepared, plan, &delivery)
                    .inspect_err(|error| {
                        if matches!(error, StorageError::Conflict(_)) {
                            // Set once: the transaction runs once.
                            let _ = noted.set(());
                        }
                    })?,
            };
            let done_action = Action::of_dispositions(&done.dispositions);
            if is_told && done_action != action {
                // R-ADDR-11: a daily limit on redirections may change what is done with the
                // message, so that the report made before no longer tells the truth. It is made
                // anew. Set once: the transaction runs once.
                let _ = became.set(done_action);
                return Err(StorageError::Conflict("something else became of the message"));
            }
            let answer = Answer::ours(2, 0, 0, told(&done.dispositions)).to_string();
            let outcome = Settlement { spool, ordinal, fate: Fate::Delivered, answer };
            match tx.settle_spooled(daemon, spool, &[outcome])?.first() {
                Some(true) => {}
                _ => return Err(StorageError::Conflict("the recipient is no longer in our hands")),
            }
            report.map_or(Ok(()), |report| report.file(tx))?;
            Ok(done.claimed)
        });
        match delivered.await {
            Ok(committed) => {
                add(&self.counters.reports, reported);
                if let (Some(sorter), Some(plan)) = (self.sorter.as_ref(), kept) {
                    sorter.settled(account, &plan, &committed.value);
                }
                Ok(())
            }
            Err(StorageError::Conflict(_)) => Err(match (came_twice.get(), untrue.get()) {
                (Some(()), _) => FilingError::CameTwice,
                (None, Some(action)) => FilingError::Untrue(*action),
                (None, None) => FilingError::NotOurs,
            }),
            Err(error) => Err(FilingError::Storage(error)),
        }
    }

    /// What the sender hears of what is filed, if it asked (RFC 3461 §5.2.3).
    async fn report_filed(
        &self,
        local: &Local<'_>,
        action: Option<Action>,
    ) -> storage::Result<Option<Prepared>> {
        let Some(action) = action else { return Ok(None) };
        let answer = Answer::ours(2, 0, 0, action.text());
        // Its own account may come after that of the recipient, which is locked.
        self.report_success(local, action, &answer, Way::Spool).await
    }

    /// The report of what was done here, if the sender asked for it.
    pub(crate) async fn report_success(
        &self,
        local: &Local<'_>,
        action: Action,
        answer: &Answer,
        way: Way,
    ) -> storage::Result<Option<Prepared>> {
        let Some(line) = report::wanted(local.recipient, action, (answer, Some(self.store.now())))
        else {
            return Ok(None);
        };
        let settling = Settling {
            daemon: local.daemon,
            destination: local.destination,
            message: local.message,
            content: local.content,
            ends: Vec::new(),
        };
        self.prepare_report(&settling, vec![line], way).await
    }

    async fn find_here(&self, path: &str) -> storage::Result<Resolution> {
        let hostname = self.settings().hostname.clone();
        let address = Address::parse(path).ok();
        if let Some(address) = &address {
            let found = self.store.find_recipient(address).await?;
            let is_sure = match &found {
                Resolution::Account(recipient) => !recipient.blocked || !address.is_role(),
                Resolution::List(list) => {
                    !address.is_role() || self.reaches_somebody(*list).await?
                }
                Resolution::UnknownRecipient | Resolution::Relay => false,
            };
            if is_sure {
                return Ok(found);
            }
        }
        // RFC 5321 §4.5.1: a postmaster exists at every domain served here, and by RFC 2142 §4
        // somebody who is told of abuse.
        let domain = match &address {
            None => hostname,
            Some(address) if address.is_role() => address.domain().to_owned(),
            Some(_) => return Ok(Resolution::UnknownRecipient),
        };
        let found = self.store.read(move |tx| tx.postmaster(&domain)).await?;
        Ok(found.map_or(Resolution::UnknownRecipient, Resolution::Account))
    }

    async fn reaches_somebody(&self, list: ListId) -> storage::Result<bool> {
        self.store.read(move |tx| Ok(!tx.reaches_nobody(list)?)).await
    }
}

/// What became of a message, for the trace.
fn told(dispositions: &[Disposition]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for disposition in dispositions {
        parts.push(match disposition {
            Disposition::Stored { .. } => "delivered to the mailbox".to_owned(),
            Disposition::SentOn(spool) => format!("sent on as {spool}"),
            Disposition::Answered(spool) => format!("answered as {spool}"),
            Disposition::Discarded => "discarded by the rules of the account".to_owned(),
            Disposition::Queued(_) | Disposition::Posted(_) | Disposition::Refused(_) => continue,
        });
    }
    parts.dedup();
    parts.join("; ")
}
