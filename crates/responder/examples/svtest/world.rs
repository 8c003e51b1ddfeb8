//! Where the actions of tested scripts go: mailboxes, and messages sent.

use std::collections::{BTreeMap, BTreeSet};

use message::date::DateTime;
use responder::compose::Refusal;
use responder::{Action, DuplicateKey, Env, Fcc, Location, Outcome, Place, Stamp};

/// A message that is kept or sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stored {
    pub(crate) message: Vec<u8>,
    pub(crate) flags: Vec<String>,
    pub(crate) from: String,
    pub(crate) to: String,
}

/// Everything outside the script.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) mailboxes: BTreeMap<String, Vec<Stored>>,
    pub(crate) sent: Vec<Stored>,
    pub(crate) metadata: BTreeMap<(Option<String>, String), String>,
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) folder: std::path::PathBuf,
    pub(crate) message: Vec<u8>,
    pub(crate) seen: BTreeSet<(String, String)>,
    pub(crate) answered: BTreeSet<(String, String)>,
    pub(crate) recipient: String,
}

fn stamp() -> Stamp<'static> {
    Stamp { date: DateTime::from_unix_secs(0), message_id: "posthorn@svtest.example.com" }
}

impl World {
    fn setting(&self, name: &str) -> &str {
        self.settings.get(name).map_or("", String::as_str).trim()
    }

    /// Executes actions, or says which mailbox is missing.
    pub(crate) fn execute(
        &mut self,
        outcome: &Outcome,
        message: &[u8],
        from: &str,
        to: &str,
    ) -> Result<(), String> {
        for action in &outcome.actions {
            match action {
                Action::Keep(keep) => {
                    let message = outcome.version(keep.version, message).to_vec();
                    self.store(
                        &Place { name: "INBOX".into(), create: true, ..Place::default() },
                        message,
                        &keep.flags,
                    )?;
                }
                Action::FileInto(file) => {
                    let message = outcome.version(file.version, message).to_vec();
                    self.store(&file.mailbox, message, &file.flags)?;
                }
                Action::Redirect(redirect) => {
                    let message = outcome.version(redirect.version, message).to_vec();
                    let from = match self.setting("sieve_redirect_envelope_from") {
                        _ if from.is_empty() => String::new(),
                        "recipient" | "orig_recipient" => to.to_owned(),
                        "user_email" => self.setting("sieve_user_email").to_owned(),
                        fixed if fixed.starts_with('<') => {
                            fixed.trim_matches(['<', '>']).to_owned()
                        }
                        _ => from.to_owned(),
                    };
                    self.send(message, from, redirect.address.clone());
                }
                Action::Reject(reject) => {
                    if !from.is_empty() {
                        let refusal = Refusal {
                            host: "svtest.example.com",
                            recipient: to,
                            sender: from,
                            header: b"",
                            in_reply_to: None,
                        };
                        self.send(reject.render(refusal, stamp()), String::new(), from.to_owned());
                    }
                }
                Action::Vacation(vacation) => {
                    let key = (vacation.handle.clone(), vacation.recipient.clone());
                    if self.answered.insert(key) {
                        let answer = vacation.render(stamp());
                        self.file_copy(vacation.fcc.as_ref(), &answer)?;
                        self.send(answer, String::new(), vacation.recipient.clone());
                    }
                }
                Action::ProcessCalendar(_) => {}
                Action::Notify(notify) => {
                    let notice = notify.render(stamp());
                    self.file_copy(notify.fcc.as_ref(), &notice)?;
                    for address in notify.to.iter().chain(&notify.cc).chain(&notify.bcc) {
                        self.send(notice.clone(), notify.reverse_path.clone(), address.clone());
                    }
                }
            }
        }
        for (DuplicateKey { handle, id }, _) in &outcome.seen {
            self.seen.insert((handle.clone(), id.clone()));
        }
        Ok(())
    }

    fn file_copy(&mut self, fcc: Option<&Fcc>, message: &[u8]) -> Result<(), String> {
        match fcc {
            Some(fcc) => self.store(&fcc.mailbox, message.to_vec(), &fcc.flags),
            None => Ok(()),
        }
    }

    fn send(&mut self, message: Vec<u8>, from: String, to: String) {
        self.sent.push(Stored { message, flags: Vec::new(), from, to });
    }

    fn store(&mut self, place: &Place, message: Vec<u8>, flags: &[String]) -> Result<(), String> {
        let name = match place.name.to_ascii_uppercase().as_str() {
            "INBOX" => "INBOX".to_owned(),
            _ => place.name.clone(),
        };
        let bad = name.starts_with('/') || name.split('/').any(|part| part.is_empty());
        if bad || (!place.create && !self.mailboxes.contains_key(&name) && name != "INBOX") {
            return Err(format!("no mailbox {name}"));
        }
        let stored = Stored { message, flags: flags.to_vec(), ..Stored::default() };
        self.mailboxes.entry(name).or_default().push(stored);
        Ok(())
    }

    // A verdict as Pigeonhole's settings say where it stands: "Field" or "Field: regex".
    fn verdict(&self, what: &str, largest: f64) -> f64 {
        let field = self.setting(&format!("sieve_{what}_status_header"));
        let (name, pattern) = field.split_once(':').unwrap_or((field, ""));
        let value = message::header_fields(&self.message)
            .find(|field| field.is(name.trim()))
            .map(|field| message::decode_header_text(field.value));
        let Some(value) = value else { return 0.0 };
        let regex = regex_lite::Regex::new(pattern.trim()).ok();
        let part = |regex: &regex_lite::Regex, value: &str| {
            let found = regex.captures(value)?;
            found.get(1).or(found.get(0)).map(|found| found.as_str().to_owned())
        };
        let found = match (&regex, pattern.trim()) {
            (_, "") => Some(value),
            (Some(regex), _) => part(regex, &value),
            (None, _) => None,
        };
        let Some(found) = found else { return 0.0 };
        match self.setting(&format!("sieve_{what}_status_type")) {
            "text" => (0..=10)
                .find(|n| self.setting(&format!("sieve_{what}_text_value{n}")) == found.trim())
                .map_or(0.0, f64::from),
            kind => {
                let score = match kind {
                    "strlen" => found.len() as f64,
                    _ => found.trim().parse().unwrap_or(0.0),
                };
                let max = self.maximum(what).unwrap_or(largest);
                (score / max).clamp(0.0, 1.0)
            }
        }
    }

    fn maximum(&self, what: &str) -> Option<f64> {
        let fixed = self.setting(&format!("sieve_{what}_score_max_value"));
        if let Ok(max) = fixed.parse() {
            return Some(max);
        }
        let field = self.setting(&format!("sieve_{what}_score_max_header"));
        let (name, pattern) = field.split_once(':')?;
        let found = message::header_fields(&self.message).find(|field| field.is(name.trim()))?;
        let value = message::decode_header_text(found.value);
        let found = regex_lite::Regex::new(pattern.trim())
            .ok()?
            .captures(&value)?
            .get(1)?
            .as_str()
            .to_owned();
        found.parse().ok()
    }
}

impl Env for World {
    fn mailbox_exists(&mut self, name: &str) -> bool {
        name.eq_ignore_ascii_case("INBOX") || self.mailboxes.contains_key(name)
    }

    fn metadata(&mut self, mailbox: Option<&str>, entry: &str) -> Option<String> {
        self.metadata.get(&(mailbox.map(str::to_owned), entry.to_ascii_lowercase())).cloned()
    }

    fn environment(&mut self, item: &str) -> Option<String> {
        match item {
            "host" => Some("svtest.example.com".to_owned()),
            "name" => Some("Pigeonhole Sieve".to_owned()),
            _ => None,
        }
    }

    fn is_duplicate(&mut self, key: &DuplicateKey) -> bool {
        self.seen.contains(&(key.handle.clone(), key.id.clone()))
    }

    fn script(&mut self, location: Location, name: &str) -> Option<Vec<u8>> {
        let folder = match location {
            Location::Personal => "included",
            Location::Global => "included-global",
        };
        std::fs::read(self.folder.join(folder).join(format!("{name}.sieve"))).ok()
    }

    fn spam_value(&mut self) -> u8 {
        let text = self.setting("sieve_spamtest_status_type") == "text";
        let verdict = self.verdict("spamtest", 10.0);
        if self.setting("sieve_spamtest_status_header").is_empty() {
            return 0;
        }
        if text { verdict as u8 } else { (verdict * 9.0).round() as u8 + 1 }
    }

    fn spam_percent(&mut self) -> Option<u8> {
        (self.spam_value() > 0).then(|| (self.verdict("spamtest", 10.0) * 100.0).round() as u8)
    }

    fn virus_value(&mut self) -> u8 {
        let text = self.setting("sieve_virustest_status_type") == "text";
        let verdict = self.verdict("virustest", 5.0);
        if text { verdict as u8 } else { (verdict * 4.0).round() as u8 + u8::from(verdict > 0.0) }
    }

    fn is_own_address(&mut self, address: &str) -> bool {
        let own = self.setting("sieve_user_email");
        // There, who gets the message is the owner as well.
        let is_recipient = self.recipient.eq_ignore_ascii_case(address);
        is_recipient || !own.is_empty() && own.eq_ignore_ascii_case(address)
    }

    fn list_exists(&mut self, list: &str) -> bool {
        self.settings.contains_key(&format!("list {list}"))
    }
}
