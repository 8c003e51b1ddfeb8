//! DELE, RSET (RFC 1939 §5), and what QUIT carries out (RFC 1939 §6).

use message::flag::{Flags, SystemFlags};
use storage::FlagChange;

use crate::error::Result;
use crate::reply::counted;
use crate::server::{Reply, Session};

impl Session {
    /// Marks a message; it goes at QUIT.
    pub(crate) fn dele(&mut self, number: u32) -> Result<Reply> {
        self.maildrop_mut()?.delete(number)?;
        Ok(Reply::text(format!("Message {number} deleted")))
    }

    /// Takes all marks back.
    pub(crate) fn rset(&mut self) -> Result<Reply> {
        let maildrop = self.maildrop_mut()?;
        maildrop.reset();
        let messages = counted(maildrop.count().into(), "message");
        let octets = counted(maildrop.octets(), "octet");
        Ok(Reply::text(format!("Maildrop has {messages} ({octets})")))
    }

    /// Removes what is marked, all of it or nothing, in one transaction that is on stable storage
    /// when it is answered. What another session expunged meanwhile is passed over.
    pub(crate) async fn update(&mut self) -> Result<()> {
        let maildrop = self.maildrop()?;
        let (account, mailbox) = (maildrop.account(), maildrop.mailbox());
        let (deleted, seen) = (maildrop.deleted_uids(), maildrop.uids_to_mark_seen());
        if deleted.is_empty() && seen.is_empty() {
            return Ok(());
        }
        let write = self.shared.store.account_write(account, "pop3 quit", move |tx| {
            if !seen.is_empty() {
                let change = FlagChange::Add(Flags::new(SystemFlags::SEEN, Vec::new()));
                tx.store_flags(mailbox, &seen, change, None)?;
            }
            if !deleted.is_empty() {
                tx.remove_messages(mailbox, &deleted)?;
            }
            Ok(())
        });
        write.await?;
        Ok(())
    }
}
