//! Commands on scripts (RFC 5804 §2.5 to RFC 5804 §2.12).

use ids::AccountId;
use responder::Program;
use storage::{AccountTx, ScriptName, ScriptUses, StorageError, WriteTx};

use crate::error::{CommandError, Result};
use crate::render::{Code, literal, response, string};
use crate::server::{Reply, Session};

impl Session {
    fn account(&self) -> Result<AccountId> {
        let user = self.user.as_ref().ok_or(CommandError::Refused(None, "Sign in first"))?;
        Ok(user.account)
    }

    async fn change(
        &mut self,
        label: &'static str,
        change: impl FnOnce(&mut AccountTx<'_, '_>) -> storage::Result<()> + Send + 'static,
    ) -> Result<Reply> {
        let account = self.account()?;
        // At the account's word, who may lack the right (R-ADDR-7).
        let write = move |tx: &mut WriteTx<'_>| change(&mut tx.account_as(account, account)?);
        self.shared.store.write(label, write).await?;
        Ok(Reply::text(""))
    }

    pub(crate) async fn have_space(&mut self, name: ScriptName, size_bytes: u64) -> Result<Reply> {
        let (account, store) = (self.account()?, self.shared.store.clone());
        let checked = self
            .shared
            .store
            .read(move |tx| tx.check_script_room(account, &name, size_bytes, &store.settings()));
        checked.await?;
        Ok(Reply::text(""))
    }

    /// RFC 5804 §2.6: a script with mistakes is not stored; what was there stays.
    pub(crate) async fn put_script(&mut self, name: ScriptName, text: Vec<u8>) -> Result<Reply> {
        let (text, compiled) = self.compile(text).await?;
        let change = move |tx: &mut AccountTx<'_, '_>| {
            tx.check_script_uses(compiled.uses)?;
            tx.put_script(&name, &text)
        };
        self.change("managesieve put", change).await?;
        Ok(taken(compiled.warnings))
    }

    /// RFC 5804 §2.12
    pub(crate) async fn check_script(&mut self, text: Vec<u8>) -> Result<Reply> {
        let (_, compiled) = self.compile(text).await?;
        Ok(taken(compiled.warnings))
    }

    /// Compiles a script, off the async threads, and gives it back with what is known of it; what
    /// is wrong with it, a line each with its place.
    async fn compile(&self, text: Vec<u8>) -> Result<(Vec<u8>, Compiled)> {
        let language = self.shared.settings.language.clone();
        let compiled =
            tokio::task::spawn_blocking(move || match Program::compile(&text, &language) {
                Ok(program) => {
                    let warnings = lines(program.warnings());
                    Ok((text, Compiled { warnings, uses: uses(&program) }))
                }
                Err(mistakes) => Err(lines(&mistakes)),
            });
        let failed = |_| StorageError::Internal("the compiler panicked".to_owned());
        compiled.await.map_err(failed)?.map_err(CommandError::Script)
    }

    pub(crate) async fn list_scripts(&mut self) -> Result<Reply> {
        let account = self.account()?;
        let scripts = self.shared.store.read(move |tx| tx.list_scripts(account)).await?;
        let mut out = Vec::new();
        for script in &scripts {
            string(script.name.as_str().as_bytes(), &mut out);
            out.extend_from_slice(if script.active { b" ACTIVE\r\n" } else { b"\r\n" });
        }
        self.send(out).await
    }

    pub(crate) async fn send_script(&mut self, name: ScriptName) -> Result<Reply> {
        let account = self.account()?;
        let text = self.shared.store.read(move |tx| tx.find_script(account, &name)).await?;
        let text = text.ok_or(StorageError::NotFound("script"))?;
        let mut out = Vec::new();
        literal(&text, &mut out);
        out.extend_from_slice(b"\r\n");
        self.send(out).await
    }

    /// Ends an answer that may be long, and waits for a client that has not read many of them.
    async fn send(&mut self, mut out: Vec<u8>) -> Result<Reply> {
        response("OK", None, "", &mut out);
        self.connection.write(&out).await?;
        Ok(Reply::Sent)
    }

    pub(crate) async fn set_active(&mut self, name: Option<ScriptName>) -> Result<Reply> {
        let Some(name) = name else {
            return self.change("managesieve deactivate", |tx| tx.activate_script(None)).await;
        };
        let (account, wanted) = (self.account()?, name.clone());
        let text = self.shared.store.read(move |tx| tx.find_script(account, &wanted)).await?;
        // One that was put there before some of it was withdrawn (R-ADDR-7). What has mistakes by
        // now does nothing.
        let uses = match self.compile(text.ok_or(StorageError::NotFound("script"))?).await {
            Ok((_, compiled)) => compiled.uses,
            Err(_) => ScriptUses::default(),
        };
        let change = move |tx: &mut AccountTx<'_, '_>| {
            tx.check_script_uses(uses)?;
            tx.activate_script(Some(&name))
        };
        self.change("managesieve activate", change).await
    }

    pub(crate) async fn delete_script(&mut self, name: ScriptName) -> Result<Reply> {
        self.change("managesieve delete", move |tx| tx.delete_script(&name)).await
    }

    pub(crate) async fn rename_script(
        &mut self,
        from: ScriptName,
        to: ScriptName,
    ) -> Result<Reply> {
        self.change("managesieve rename", move |tx| tx.rename_script(&from, &to)).await
    }
}

/// What is known of a script without mistakes.
struct Compiled {
    /// A line each.
    warnings: String,
    uses: ScriptUses,
}

fn uses(program: &Program) -> ScriptUses {
    ScriptUses { vacation: program.uses("vacation"), redirect: program.uses("redirect") }
}

fn lines(told: &[impl ToString]) -> String {
    let lines: Vec<String> = told.iter().map(ToString::to_string).collect();
    lines.join("\r\n")
}

/// RFC 5804 §1.3: a script that is taken with warnings is taken.
fn taken(warnings: String) -> Reply {
    let code = (!warnings.is_empty()).then_some(Code::Warnings);
    Reply::Ok(code, warnings)
}
