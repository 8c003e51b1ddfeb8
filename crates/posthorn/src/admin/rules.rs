//! Scripts, responders, redirections and time zones of accounts (R-FILT, R-RESP, R-ADDR-10).

use std::sync::PoisonError;

use delivery::Question;
use responder::rules::RuleList;
use storage::{
    AccountTx, Address, Agreement, LocalTime, Overwrite, Purpose, ResponderBody, ScriptAuthor,
    ScriptName, ScriptUses, StorageError, Weekdays, WriteTx,
};

use super::account::{load, parse};
use super::text::refusal;
use super::{
    Admin, RedirectRow, RedirectVerb, Refusal, ResponderChange, ResponderRow, ResponderVerb,
    Response, ScriptRow, SieveVerb,
};

/// Where an address says that it may be used; the code stands behind it.
pub(crate) const CONFIRM_PATH: &str = "/confirm/";

/// Why a script is shown as no list of rules.
const BY_HAND: &str = "a person wrote this script, it is no list of rules";

impl Admin {
    pub(super) async fn sieve(&self, account: &str, verb: SieveVerb) -> Result<Response, Refusal> {
        match verb {
            SieveVerb::Put { name, text } => {
                let uses = check(text.as_bytes())?;
                self.change_rules(account, &name, move |tx, name| {
                    tx.check_script_uses(uses)?;
                    tx.put_script(name, text.as_bytes())
                })
                .await
            }
            SieveVerb::Get { name } => {
                let text = self.script(account, &name).await?;
                Ok(Response::Text(String::from_utf8_lossy(&text).into_owned()))
            }
            SieveVerb::List => {
                let wanted = parse(account)?;
                let read = self.read(move |tx| {
                    let account = load(tx, &wanted)?;
                    tx.list_scripts(account)
                });
                let scripts = read.await.map_err(|error| refusal(account, error))?;
                let rows = scripts.into_iter().map(|script| ScriptRow {
                    name: script.name.to_string(),
                    active: script.active,
                    size_bytes: script.size_bytes,
                    of_rules: script.author == ScriptAuthor::RuleList,
                });
                Ok(Response::Scripts(rows.collect()))
            }
            SieveVerb::Activate { name: Some(name) } => {
                let text = self.script(account, &name).await?;
                // What has mistakes by now does nothing.
                let uses = check(&text).unwrap_or_default();
                self.change_rules(account, &name, move |tx, name| {
                    tx.check_script_uses(uses)?;
                    tx.activate_script(Some(name))
                })
                .await
            }
            SieveVerb::Activate { name: None } => {
                self.change(account, "rules", |tx| tx.activate_script(None)).await
            }
            SieveVerb::Remove { name } => {
                self.change_rules(account, &name, |tx, name| tx.delete_script(name)).await
            }
            SieveVerb::Check { text } => {
                check(text.as_bytes())?;
                Ok(Response::Done)
            }
            SieveVerb::Rules { name } => {
                let text = self.script(account, &name).await?;
                let list = RuleList::read(&text, &delivery::language().limits);
                let by_hand = || Refusal(format!("{name}: {BY_HAND}"));
                list.map(Response::Rules).ok_or_else(by_hand)
            }
            SieveVerb::PutRules { name, rules, force } => {
                let script = rules.script(&delivery::language());
                let script = script.map_err(|error| Refusal(error.to_string()))?;
                let overwrite = match force {
                    true => Overwrite::Anything,
                    false => Overwrite::RuleLists,
                };
                let uses = check(script.as_bytes())?;
                self.change_rules(account, &name, move |tx, name| {
                    tx.check_script_uses(uses)?;
                    tx.put_rule_list(name, script.as_bytes(), overwrite)
                })
                .await
            }
        }
    }

    /// The text of a script.
    async fn script(&self, account: &str, name: &str) -> Result<Vec<u8>, Refusal> {
        let (wanted, meant) = (parse(account)?, script_name(name)?);
        let read = self.read(move |tx| {
            let account = load(tx, &wanted)?;
            tx.find_script(account, &meant)?.ok_or(StorageError::NotFound("script"))
        });
        read.await.map_err(|error| refusal(&format!("{name} of {account}"), error))
    }

    /// Changes a script or responder of an account, which a refusal names.
    async fn change_rules(
        &self,
        account: &str,
        name: &str,
        change: impl FnOnce(&mut AccountTx<'_, '_>, &ScriptName) -> storage::Result<()> + Send + 'static,
    ) -> Result<Response, Refusal> {
        let (meant, subject) = (script_name(name)?, format!("{name} of {account}"));
        self.change_of(&subject, account, "rules", move |tx| change(tx, &meant)).await
    }

    pub(super) async fn responder(
        &self,
        account: &str,
        verb: ResponderVerb,
    ) -> Result<Response, Refusal> {
        match verb {
            ResponderVerb::Add { name, change } => {
                change.check()?;
                let (subject, name) = (format!("{name} of {account}"), script_name(&name)?);
                self.agree(&subject, account, Purpose::Sender, move |tx| {
                    let mut body = ResponderBody::default();
                    change.apply(&mut body)?;
                    let (sender, confirmed) = (body.sender.clone(), change.sender_confirmed);
                    let agreement = tx.add_responder(&name, body)?;
                    confirm_sender(tx, sender, confirmed, agreement)
                })
                .await
            }
            ResponderVerb::Edit { name, change } => {
                change.check()?;
                let (subject, name) = (format!("{name} of {account}"), script_name(&name)?);
                self.agree(&subject, account, Purpose::Sender, move |tx| {
                    let mut sender = None;
                    let agreement = tx.edit_responder(&name, |body| {
                        change.apply(body)?;
                        sender = body.sender.clone();
                        Ok(())
                    })?;
                    confirm_sender(tx, sender, change.sender_confirmed, agreement)
                })
                .await
            }
            ResponderVerb::List => {
                let wanted = parse(account)?;
                let read = self.read(move |tx| {
                    let account = load(tx, &wanted)?;
                    tx.list_responders(account)
                });
                let found = read.await.map_err(|error| refusal(account, error))?;
                Ok(Response::Responders(found.into_iter().map(responder_row).collect()))
            }
            ResponderVerb::Activate { name } => {
                self.change_rules(account, &name, |tx, name| tx.activate_responder(Some(name)))
                    .await
            }
            ResponderVerb::Deactivate { name: Some(name) } => {
                self.change_rules(account, &name, |tx, name| tx.deactivate_responder(name)).await
            }
            ResponderVerb::Deactivate { name: None } => {
                self.change(account, "rules", |tx| tx.activate_responder(None)).await
            }
            ResponderVerb::Reset { name } => {
                self.change_rules(account, &name, |tx, name| tx.reset_responder(name)).await
            }
            ResponderVerb::Remove { name } => {
                self.change_rules(account, &name, |tx, name| tx.remove_responder(name)).await
            }
        }
    }

    pub(super) async fn redirect(
        &self,
        account: &str,
        verb: RedirectVerb,
    ) -> Result<Response, Refusal> {
        match verb {
            RedirectVerb::Add { target, keep, confirmed } => {
                let (subject, target) = (format!("{target} for {account}"), parse(&target)?);
                self.agree(&subject, account, Purpose::Redirection, move |tx| {
                    let agreement = tx.add_redirection(&target, keep)?;
                    if confirmed {
                        tx.confirm_redirection(&target)?;
                        return Ok((Agreement::Usable, target));
                    }
                    Ok((agreement, target))
                })
                .await
            }
            RedirectVerb::List => {
                let wanted = parse(account)?;
                let read = self.read(move |tx| {
                    let account = load(tx, &wanted)?;
                    tx.list_redirections(account)
                });
                let found = read.await.map_err(|error| refusal(account, error))?;
                let rows = found.into_iter().map(|one| RedirectRow {
                    target: one.target,
                    keep: one.keep,
                    confirmed: one.confirmed,
                });
                Ok(Response::Redirects(rows.collect()))
            }
            RedirectVerb::Remove { target } => {
                let (subject, target) = (format!("{target} for {account}"), parse(&target)?);
                self.change_of(&subject, account, "rules", move |tx| tx.remove_redirection(&target))
                    .await
            }
        }
    }

    /// What an address says that was asked whether it may be used.
    pub(super) async fn confirm(&self, token: &str) -> Result<Response, Refusal> {
        let token = token.to_owned();
        let confirmed = self.write("confirm", move |tx| tx.confirm(&token)).await;
        let confirmed = confirmed.map_err(|error| refusal("the code", error))?;
        Ok(Response::Text(format!("{} may be used\n", confirmed.address)))
    }

    /// R-RESP-2: whose clock the times of an account's responders are on.
    pub(super) async fn set_time_zone(
        &self,
        account: &str,
        zone: &str,
    ) -> Result<Response, Refusal> {
        if !delivery::zone_exists(zone) {
            return Err(Refusal(format!("{zone}: there is no such time zone")));
        }
        let zone = zone.to_owned();
        self.change(account, "rules", move |tx| tx.set_time_zone(&zone)).await
    }

    /// Changes something that may need the agreement of an address, which is asked by a letter in
    /// the same transaction.
    async fn agree(
        &self,
        subject: &str,
        account: &str,
        purpose: Purpose,
        change: impl FnOnce(&mut AccountTx<'_, '_>) -> storage::Result<(Agreement, Address)>
        + Send
        + 'static,
    ) -> Result<Response, Refusal> {
        let wanted = parse(account)?;
        let page = {
            let url = self.web_url.read().unwrap_or_else(PoisonError::into_inner);
            format!("{url}{CONFIRM_PATH}")
        };
        let done = self.write("rules", move |tx| {
            let account = load(tx, &wanted)?;
            let (agreement, address) = change(&mut tx.account(account)?)?;
            if let Agreement::Token(token) = &agreement {
                ask(tx, &wanted, (purpose, &address), token, &page)?;
            }
            Ok((agreement, address))
        });
        let (agreement, address) = done.await.map_err(|error| refusal(subject, error))?;
        Ok(match agreement {
            Agreement::Usable => Response::Done,
            Agreement::Token(_) => Response::Text(format!(
                "{address} was sent a link; it is used once it was followed, or `posthorn confirm CODE` says so\n"
            )),
            Agreement::Waiting => Response::Text(format!(
                "{address} was sent a code not long ago, and has not answered yet\n"
            )),
        })
    }
}

/// Writes to an address whether it may be used.
fn ask(
    tx: &mut WriteTx<'_>,
    account: &Address,
    (purpose, address): (Purpose, &Address),
    token: &str,
    page: &str,
) -> storage::Result<()> {
    let (owner, to) = (account.to_string(), address.to_string());
    let link = format!("{page}{token}");
    let question = Question { account: &owner, purpose, address: &to, token, link: &link };
    let letter = delivery::confirmation(account.domain(), question, tx.now());
    tx.spool(letter.entry, &letter.message).map(|_| ())
}

/// Takes another sender's agreement as given where the operator says so.
fn confirm_sender(
    tx: &mut AccountTx<'_, '_>,
    sender: Option<String>,
    confirmed: bool,
    agreement: Agreement,
) -> storage::Result<(Agreement, Address)> {
    let Some(sender) = sender else {
        // Nobody else is named, so nobody has to agree.
        let account = tx.id();
        let own = tx.load_account(account)?.address;
        return Ok((Agreement::Usable, Address::parse(&own)?));
    };
    let sender = Address::parse(&sender)?;
    if confirmed {
        tx.confirm_sender(&sender)?;
        return Ok((Agreement::Usable, sender));
    }
    Ok((agreement, sender))
}

fn script_name(name: &str) -> Result<ScriptName, Refusal> {
    ScriptName::parse(name).map_err(|error| refusal(name, error))
}

/// Refuses a script with mistakes; each is told with its line and column. What it does that a right
/// of its own is for.
fn check(text: &[u8]) -> Result<ScriptUses, Refusal> {
    let compiled = responder::Program::compile(text, &delivery::language());
    let uses = |program: responder::Program| ScriptUses {
        vacation: program.uses("vacation"),
        redirect: program.uses("redirect"),
    };
    compiled.map(uses).map_err(|mistakes| {
        let lines = mistakes.iter().map(ToString::to_string);
        Refusal(lines.collect::<Vec<_>>().join("\n"))
    })
}

impl ResponderChange {
    /// Whether its values can be read; a refusal names the one that cannot.
    fn check(&self) -> Result<(), Refusal> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(from) = given(&self.from) {
            LocalTime::parse_start(&from).map_err(|error| refusal(&from, error))?;
        }
        if let Some(until) = given(&self.until) {
            LocalTime::parse_end(&until).map_err(|error| refusal(&until, error))?;
        }
        given(&self.sender).map_or(Ok(()), |sender| parse(&sender).map(drop))?;
        self.excluded.iter().filter(|one| !one.is_empty()).try_for_each(|one| {
            // `@domain` stands for everybody there.
            let address = if one.starts_with('@') { format!("x{one}") } else { one.clone() };
            Address::parse(&address).map(drop).map_err(|error| refusal(one, error))
        })
    }

    fn apply(&self, body: &mut ResponderBody) -> storage::Result<()> {
        let text = |given: &Option<String>, kept: &mut String| {
            if let Some(given) = given {
                given.clone_into(kept);
            }
        };
        text(&self.subject, &mut body.subject);
        text(&self.text, &mut body.text);
        text(&self.html, &mut body.html);
        if let Some(from) = &self.from {
            body.from = (!from.is_empty()).then(|| LocalTime::parse_start(from)).transpose()?;
        }
        if let Some(until) = &self.until {
            body.until = (!until.is_empty()).then(|| LocalTime::parse_end(until)).transpose()?;
        }
        if let Some(days) = &self.weekdays {
            let wrong = StorageError::Invalid("weekdays are mon,tue,wed,thu,fri,sat,sun");
            body.weekdays = Weekdays::parse(days).ok_or(wrong)?;
        }
        if let Some(sender) = &self.sender {
            body.sender = Some(sender.clone()).filter(|sender| !sender.is_empty());
        }
        if !self.excluded.is_empty() {
            body.excluded = self.excluded.iter().filter(|one| !one.is_empty()).cloned().collect();
        }
        Ok(())
    }
}

fn responder_row(responder: storage::Responder) -> ResponderRow {
    let body = responder.body;
    let time = |time: Option<LocalTime>| time.map(|time| time.as_str().to_owned());
    ResponderRow {
        name: responder.name.to_string(),
        active: responder.active,
        subject: body.subject,
        text: body.text,
        html: body.html,
        from: time(body.from),
        until: time(body.until),
        weekdays: body.weekdays.to_string(),
        sender: body.sender,
        excluded: body.excluded,
    }
}
