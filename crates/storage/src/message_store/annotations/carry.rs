//! How annotations come and go with their messages: APPEND (RFC 5257 §4.7), COPY (RFC 5257 §4.6),
//! MOVE and EXPUNGE.

use ids::{CollectionId, ModSeq, Uid};

use super::AnnotationChanges;
use super::limits::{Load, check_parts, size_bytes};
use crate::mailbox::Mailbox;
use crate::message_store::PreparedMessage;
use crate::message_store::copy::run_params;
use crate::message_store::counts::Reserved;
use crate::message_store::selection::Run;
use crate::sql::Value;
use crate::{AccountTx, MetadataScope, Result, Rights};

impl AccountTx<'_, '_> {
    /// Refuses annotations that a new message of a mailbox may not be given.
    pub(in crate::message_store) fn check_new_annotations(
        &mut self,
        mailbox: CollectionId,
        message: &PreparedMessage,
        annotations: &AnnotationChanges,
    ) -> Result<()> {
        if annotations.is_empty() {
            return Ok(());
        }
        self.require_annotating(mailbox, annotations, Rights::NONE)?;
        self.check_annotations(annotations)?;
        check_parts(&message.described()?.summary.parts, annotations.keys())?;
        for scope in [MetadataScope::Private, MetadataScope::Shared] {
            self.check_load(Load::of(annotations, scope))?;
        }
        Ok(())
    }

    /// Writes the annotations of a message that was just added.
    pub(in crate::message_store) fn insert_annotations(
        &mut self,
        mailbox: CollectionId,
        uid: Uid,
        modseq: ModSeq,
        annotations: &AnnotationChanges,
    ) -> Result<()> {
        // RFC 5257 §4.5: NIL is for what shall not be there.
        let set = annotations.iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
        let (actor, account) = (self.actor, Value::Int(self.account.get()));
        let mut rows = set.map(|(key, value)| {
            vec![
                Value::Int(mailbox.get()),
                Value::Int(uid.get().into()),
                Value::Text(&key.entry),
                Value::Int(key.column(actor)),
                Value::Bytes(value),
                Value::Int(size_bytes(&key.entry, value)),
                Value::Int(modseq.get().cast_signed()),
                account,
            ]
        });
        let added = self.sql.execute_many(
            "INSERT INTO annotation (mailbox_id, uid, entry, scope, value, size_bytes, modseq, \
             account_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            &mut rows,
        )?;
        match added {
            0 => Ok(()),
            _ => {
                self.mark_annotated(mailbox)?;
                self.check_annotation_space(actor)
            }
        }
    }

    /// Copies the annotations of messages that are still there, as `place` was reserved for them.
    /// RFC 5257 §4.6: the shared ones and those of whoever copies, of nobody else, and only what
    /// may be set in the target.
    pub(in crate::message_store) fn copy_annotations(
        &mut self,
        source: &Mailbox,
        runs: &[Run],
        place: Reserved,
        modseq: ModSeq,
        rights: Rights,
    ) -> Result<u64> {
        if !source.annotated {
            return Ok(0);
        }
        let (account, actor) = (Value::Int(self.account.get()), Value::Int(self.actor.get()));
        let shared = Value::Int(rights.contains(Rights::ANNOTATE).into());
        let private = Value::Int(rights.contains(Rights::READ).into());
        let modseq = Value::Int(modseq.get().cast_signed());
        let target = Value::Int(place.mailbox.get());
        let mut before = i64::from(place.first.get()) - 1;
        let mut rows = runs.iter().map(|run| {
            let mut params = run_params(source.id.get(), run).to_vec();
            params.extend([target, Value::Int(before), modseq, account, actor, shared, private]);
            before += i64::from(run.count);
            params
        });
        let copied = self.sql.execute_many(
            "INSERT INTO annotation (mailbox_id, uid, entry, scope, value, size_bytes, modseq, \
             account_id) \
             SELECT CAST(?4 AS BIGINT), n.uid, a.entry, a.scope, a.value, a.size_bytes, \
             CAST(?6 AS BIGINT), CAST(?7 AS BIGINT) \
             FROM (SELECT uid AS old, CAST(?5 AS BIGINT) + row_number() OVER (ORDER BY uid) AS uid \
             FROM message WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3) n \
             JOIN annotation a ON a.mailbox_id = ?1 AND a.uid = n.old \
             WHERE a.value IS NOT NULL AND ((a.scope = 0 AND CAST(?9 AS BIGINT) = 1) \
             OR (a.scope = ?8 AND CAST(?10 AS BIGINT) = 1))",
            &mut rows,
        )?;
        if copied > 0 {
            self.mark_annotated(place.mailbox)?;
        }
        Ok(copied)
    }

    /// Forgets the annotations of messages that are gone from these runs.
    pub(in crate::message_store) fn drop_annotations(
        &mut self,
        mailbox: &Mailbox,
        runs: &[Run],
    ) -> Result<()> {
        if !mailbox.annotated {
            return Ok(());
        }
        let mut rows = runs.iter().map(|run| run_params(mailbox.id.get(), run).to_vec());
        self.sql.execute_many(
            "DELETE FROM annotation WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3 \
             AND uid NOT IN (SELECT uid FROM message \
             WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3)",
            &mut rows,
        )?;
        Ok(())
    }

    pub(super) fn note_annotated(&mut self, mailbox: &Mailbox) -> Result<()> {
        match mailbox.annotated {
            true => Ok(()),
            false => self.mark_annotated(mailbox.id),
        }
    }

    fn mark_annotated(&mut self, mailbox: CollectionId) -> Result<()> {
        self.sql.execute(
            "UPDATE mailbox SET annotated = 1 WHERE id = ?1 AND annotated = 0",
            &[Value::Int(mailbox.get())],
        )?;
        Ok(())
    }
}
