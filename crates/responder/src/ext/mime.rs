//! `mime` (RFC 5703 §4): tests on the fields of parts.

use std::borrow::Cow;

use message::{Parameterized, decode_header_text};

use crate::capability::Capability;
use crate::compile::{Arguments, Compiler};
use crate::error::{ScriptError, Trouble};
use crate::ext::index::IndexTags;
use crate::run::Machine;
use crate::text::Text;

/// `":mime" [":anychild"]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MimeTags {
    any_child: bool,
}

/// MIMEOPTS = ":type" / ":subtype" / ":contenttype" / ":param" <param-list: string-list>
#[derive(Debug)]
pub(crate) enum MimeOption {
    Whole,
    Type,
    Subtype,
    ContentType,
    Parameters(Vec<Text>),
}

impl MimeTags {
    pub(crate) fn take(
        arguments: &mut Arguments<'_>,
        compiler: &Compiler<'_>,
    ) -> Result<Option<Self>, ScriptError> {
        let mime = arguments.tag_of(compiler, "mime", Capability::Mime)?.is_some();
        let any_child = arguments.tag_of(compiler, "anychild", Capability::Mime)?.is_some();
        match (mime, any_child) {
            (false, true) => Err(arguments.wrong(":anychild needs :mime")),
            (true, any_child) => Ok(Some(Self { any_child })),
            (false, false) => Ok(None),
        }
    }

    // The parts that are looked at (RFC 5703 §4.1).
    fn range(self, machine: &mut Machine<'_>) -> Result<std::ops::Range<usize>, Trouble> {
        let Machine { mail, state } = machine;
        let current = state.loops.last().map_or(0, |innermost| innermost.current);
        let structure = mail.structure(state)?;
        let end = if self.any_child { structure.end_of(current) } else { current + 1 };
        state.charge((end - current) as u64)?;
        Ok(current..end)
    }

    /// The undecoded values of the fields of some names.
    pub(crate) fn raw_values(
        self,
        machine: &mut Machine<'_>,
        names: &[Cow<'_, str>],
        index: IndexTags,
    ) -> Result<Vec<Vec<u8>>, Trouble> {
        let range = self.range(machine)?;
        charge_headers(machine, range.clone(), names.len())?;
        let structure = machine.mail.structure(&mut machine.state)?;
        let mut values = Vec::new();
        for entity in structure.entities().get(range).unwrap_or_default() {
            let named = names.iter().flat_map(|name| structure.fields(entity, name));
            values.extend(index.choose(named.collect()).into_iter().map(<[u8]>::to_vec));
        }
        Ok(values)
    }

    /// What `header` compares.
    pub(crate) fn values(
        self,
        machine: &mut Machine<'_>,
        names: &[Text],
        option: &MimeOption,
        index: IndexTags,
    ) -> Result<Vec<String>, Trouble> {
        let names = machine.state.texts(names)?;
        let parameters = match option {
            MimeOption::Parameters(names) => machine.state.texts(names)?,
            _ => Vec::new(),
        };
        let raw = self.raw_values(machine, &names, index)?;
        let looked_for = 1 + parameters.len() as u64;
        let cost = raw.iter().map(|value| looked_for + value.len() as u64 / 8).sum();
        machine.state.charge(cost)?;
        Ok(raw.iter().flat_map(|raw| option.of(raw, &parameters)).collect())
    }

    /// Whether one of the parts has a field of a name.
    pub(crate) fn exists(self, machine: &mut Machine<'_>, name: &str) -> Result<bool, Trouble> {
        let range = self.range(machine)?;
        charge_headers(machine, range.clone(), 1)?;
        let structure = machine.mail.structure(&mut machine.state)?;
        let entities = structure.entities().get(range).unwrap_or_default();
        Ok(entities.iter().any(|entity| structure.fields(entity, name).next().is_some()))
    }
}

/// Pays for looking for the fields of so many names in the headers of some parts.
fn charge_headers(
    machine: &mut Machine<'_>,
    range: std::ops::Range<usize>,
    names: usize,
) -> Result<(), Trouble> {
    let structure = machine.mail.structure(&mut machine.state)?;
    let entities = structure.entities().get(range).unwrap_or_default();
    let once: u64 = entities.iter().map(|entity| 1 + entity.header.len() as u64 / 64).sum();
    machine.state.charge(once.saturating_mul(names as u64))
}

impl MimeOption {
    pub(crate) fn take(
        arguments: &mut Arguments<'_>,
        compiler: &Compiler<'_>,
    ) -> Result<Self, ScriptError> {
        let mut options = Vec::new();
        options.extend(arguments.tag("type").map(|_| Self::Type));
        options.extend(arguments.tag("subtype").map(|_| Self::Subtype));
        options.extend(arguments.tag("contenttype").map(|_| Self::ContentType));
        if let Some(names) = arguments.tagged_list("param")? {
            options.push(Self::Parameters(compiler.texts(names)?));
        }
        if options.len() > 1 {
            return Err(arguments.wrong("more than one of :type :subtype :contenttype :param"));
        }
        Ok(options.pop().unwrap_or(Self::Whole))
    }

    fn of(&self, raw: &[u8], parameters: &[Cow<'_, str>]) -> Vec<String> {
        if let Self::Whole = self {
            return vec![decode_header_text(raw).trim().to_owned()];
        }
        let Some(value) = Parameterized::parse(raw) else { return Vec::new() };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match self {
            Self::Type => vec![text(&value.main)],
            Self::Subtype => vec![text(&value.sub)],
            Self::ContentType if value.sub.is_empty() => vec![text(&value.main)],
            Self::ContentType => vec![format!("{}/{}", text(&value.main), text(&value.sub))],
            _ => parameters.iter().filter_map(|name| parameter(&value, name)).collect(),
        }
    }
}

/// A parameter as text: what RFC 2231 §4 encodes is decoded.
fn parameter(value: &Parameterized, name: &str) -> Option<String> {
    if let Some(plain) = value.parameter(name) {
        return Some(decode_header_text(plain));
    }
    let encoded = value.parameter(&format!("{name}*"))?;
    let encoded = encoded.strip_prefix(b"UTF-8''").unwrap_or(encoded);
    Some(crate::ext::mailto::percent_decoded(&String::from_utf8_lossy(encoded)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options() {
        let raw = b" text/Plain; charset=utf-8; name*=utf-8''%e2%82%ac.txt";
        let of = |option: &MimeOption, names: &[&str]| {
            let names: Vec<Cow<'_, str>> = names.iter().map(|name| (*name).into()).collect();
            option.of(raw, &names)
        };
        assert_eq!(of(&MimeOption::Type, &[]), ["text"]);
        assert_eq!(of(&MimeOption::Subtype, &[]), ["Plain"]);
        assert_eq!(of(&MimeOption::ContentType, &[]), ["text/Plain"]);
        let parameters = MimeOption::Parameters(Vec::new());
        assert_eq!(of(&parameters, &["Charset", "name", "x"]), ["utf-8", "€.txt"]);
        assert_eq!(MimeOption::Subtype.of(b"attachment; filename=x", &[]), [""]);
        assert_eq!(MimeOption::Type.of(b"", &[]), [""; 0]);
    }
}
