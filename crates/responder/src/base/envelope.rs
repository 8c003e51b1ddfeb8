//! `envelope` (RFC 5228 §5.4), with the parts that `envelope-dsn` and `envelope-deliverby` add
//! (RFC 6009 §4, RFC 6009 §5).

use message::date::DateTime;

use crate::base::address::{AddressPart, addresses};
use crate::capability::Capability;
use crate::compile::{Arguments, CompiledTest, Compiler, TestRow};
use crate::env::Envelope;
use crate::error::{Mistake, Trouble};
use crate::matching::{MatchTags, Matcher};
use crate::run::{Machine, Test};
use crate::syntax::Node;
use crate::text::Text;

pub(crate) const TESTS: &[TestRow] =
    &[TestRow { name: "envelope", needs: &[Capability::Envelope], compile }];

/// The parts there are, and what makes them known.
const PARTS: [(&str, Option<Capability>); 11] = [
    ("from", None),
    ("to", None),
    ("auth", None),
    ("notify", Some(Capability::EnvelopeDsn)),
    ("orcpt", Some(Capability::EnvelopeDsn)),
    ("ret", Some(Capability::EnvelopeDsn)),
    ("envid", Some(Capability::EnvelopeDsn)),
    ("bytimerelative", Some(Capability::EnvelopeDeliverby)),
    ("bytimeabsolute", Some(Capability::EnvelopeDeliverby)),
    ("bymode", Some(Capability::EnvelopeDeliverby)),
    ("bytrace", Some(Capability::EnvelopeDeliverby)),
];

struct EnvelopeTest {
    parts: Vec<Text>,
    address_part: AddressPart,
    zone_mins: Option<i16>,
    matcher: Matcher,
}

// envelope [COMPARATOR] [ADDRESS-PART] [MATCH-TYPE] [:zone <time-zone: string>]
//          <envelope-part: string-list> <key-list: string-list>
fn compile(compiler: &mut Compiler<'_>, node: &Node) -> CompiledTest {
    let mut arguments = Arguments::of(node);
    let tags = MatchTags::take(&mut arguments, compiler)?;
    let zone_mins = match compiler.has(Capability::EnvelopeDeliverby) {
        true => crate::ext::date::take_zone(&mut arguments, compiler)?,
        false => None,
    };
    let address_part = AddressPart::take(&mut arguments, compiler)?;
    let literals = arguments.list("envelope parts")?;
    let parts = compiler.texts(literals)?;
    for (literal, part) in literals.iter().zip(&parts) {
        let Some(name) = part.fixed() else { continue };
        let known = PARTS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        match known {
            // RFC 5228 §5.4: an unknown envelope part is an error.
            None => {
                let name = name.to_owned();
                return Err(Mistake::Unknown { kind: "envelope part", name }.at(literal.at));
            }
            Some((name, Some(capability))) => {
                compiler.needs(literal.at, *name, &[*capability])?;
                // RFC 6009 §4, RFC 6009 §5: these are no addresses.
                if address_part != AddressPart::All {
                    return Err(arguments.wrong(format!("\"{name}\" has no address parts")));
                }
            }
            Some(_) => {}
        }
    }
    let keys = arguments.list("keys")?;
    arguments.finish()?;
    let matcher = tags.with_keys(keys, compiler)?;
    Ok(Box::new(EnvelopeTest { parts, address_part, zone_mins, matcher }))
}

impl Test for EnvelopeTest {
    fn holds(&self, machine: &mut Machine<'_>) -> Result<bool, Trouble> {
        let state = &mut machine.state;
        let Some(envelope) = state.envelope.clone() else {
            // RFC 6785 §4.6
            return Err(Trouble::NotHere("there is no envelope to test"));
        };
        let zone_mins = self.zone_mins.unwrap_or(state.now.offset_mins());
        let now = DateTime::with_offset(state.now.unix_secs(), zone_mins);
        let mut matching = self.matcher.begin(state)?;
        for part in &self.parts {
            let part = state.text(part)?.to_ascii_lowercase();
            let values = match part.as_str() {
                "from" => self.path(&envelope.from, state.detail_separator),
                "to" => self.path(&envelope.to, state.detail_separator),
                other => option(&envelope, other, now),
            };
            for value in values {
                if matching.value(state, value.as_str().into())? {
                    return Ok(true);
                }
            }
        }
        matching.finish(state)
    }
}

impl EnvelopeTest {
    fn path(&self, path: &str, separator: char) -> Vec<String> {
        // RFC 5228 §5.4: the null reverse-path is the empty string, whatever part is asked for.
        if path.is_empty() {
            return vec![String::new()];
        }
        let Some((local, host)) = addresses(path.as_bytes(), 1).into_iter().next() else {
            return Vec::new();
        };
        self.address_part.of(&local, &host, separator).map(Into::into).into_iter().collect()
    }
}

fn option(envelope: &Envelope<'_>, part: &str, now: DateTime) -> Vec<String> {
    let owned = |value: &Option<std::borrow::Cow<'_, str>>| {
        value.as_deref().map(str::to_owned).into_iter().collect()
    };
    match part {
        "auth" => return owned(&envelope.auth),
        // RFC 6009 §4: each condition by itself.
        "notify" => {
            let conditions = envelope.dsn_notify.as_deref().unwrap_or_default().split(',');
            return conditions.filter(|c| !c.is_empty()).map(str::to_owned).collect();
        }
        "ret" => return owned(&envelope.dsn_ret),
        "envid" => return owned(&envelope.dsn_envid),
        "orcpt" => return owned(&envelope.dsn_orcpt),
        _ => {}
    }
    let Some((by, mode, trace)) = envelope.deliver_by else { return Vec::new() };
    vec![match part {
        "bytimerelative" => (by.unix_secs() - now.unix_secs()).to_string(),
        "bytimeabsolute" => {
            crate::ext::date::iso8601(DateTime::with_offset(by.unix_secs(), now.offset_mins()))
        }
        "bymode" => if mode == 'N' { "notify" } else { "return" }.to_owned(),
        "bytrace" => if trace { "trace" } else { "" }.to_owned(),
        _ => return Vec::new(),
    }]
}
