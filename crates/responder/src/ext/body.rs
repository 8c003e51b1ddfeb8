//! The `body` extension (RFC 5173): tests of the body, raw, as text or by media type.

use std::borrow::Cow;

use crate::capability::Capability;
use crate::compile::{Arguments, CompiledTest, Compiler, TestRow};
use crate::error::Trouble;
use crate::mail::{Entity, EntityKind, Markup, Structure};
use crate::matching::{MatchTags, Matcher};
use crate::run::{Machine, State, Test};
use crate::syntax::Node;
use crate::text::Text;

pub(crate) const TESTS: &[TestRow] =
    &[TestRow { name: "body", needs: &[Capability::Body], compile }];

/// BODY-TRANSFORM = ":raw" / ":content" <content-types: string-list> / ":text"
enum Transform {
    Raw,
    Content(Vec<Text>),
    Text,
}

struct Body {
    transform: Transform,
    matcher: Matcher,
}

// body [COMPARATOR] [MATCH-TYPE] [BODY-TRANSFORM] <key-list: string-list>
fn compile(compiler: &mut Compiler<'_>, node: &Node) -> CompiledTest {
    let mut arguments = Arguments::of(node);
    let tags = MatchTags::take(&mut arguments, compiler)?;
    tags.refuse_lists(&arguments)?;
    let raw = arguments.tag("raw").is_some();
    let text = arguments.tag("text").is_some();
    let content = arguments.tagged_list("content")?;
    let transform = match (raw, content, text) {
        (true, None, false) => Transform::Raw,
        (false, Some(types), false) => Transform::Content(compiler.texts(types)?),
        // RFC 5173 §5: the default is :text.
        (false, None, _) => Transform::Text,
        _ => return Err(arguments.wrong("more than one transform")),
    };
    let keys = arguments.list("keys")?;
    arguments.finish()?;
    // RFC 5173 §6: a body sets no match variables.
    let matcher = tags.without_captures().with_keys(keys, compiler)?;
    Ok(Box::new(Body { transform, matcher }))
}

impl Test for Body {
    fn holds(&self, machine: &mut Machine<'_>) -> Result<bool, Trouble> {
        let Machine { mail, state } = machine;
        let types = match &self.transform {
            // A message without an empty line has no body to look at.
            _ if !mail.has_body() => return self.matcher.any(state, None),
            Transform::Raw => {
                state.charge(1 + mail.raw_body().len() as u64 / 64)?;
                let body = String::from_utf8_lossy(mail.raw_body());
                return self.matcher.any(state, [&*body]);
            }
            Transform::Text => None,
            Transform::Content(types) => {
                let types = state.texts(types)?;
                Some(types.iter().map(|t| t.to_ascii_lowercase()).collect::<Vec<_>>())
            }
        };
        let structure = mail.structure(state)?;
        let mut matching = self.matcher.begin(state)?;
        for (index, entity) in structure.entities().iter().enumerate() {
            let values = match &types {
                None if entity.kind == EntityKind::Text => {
                    structure.text(entity, Markup::Removed, state)?.into_iter().collect()
                }
                Some(types) => {
                    let header = entity.header.len() as u64 / 64;
                    state.charge(1 + header + types.len() as u64 / 4)?;
                    match is_one_of(structure, entity, types) {
                        true => content(structure, index, entity, state)?,
                        false => Vec::new(),
                    }
                }
                _ => Vec::new(),
            };
            for value in values {
                state.charge(1 + value.len() as u64 / 64)?;
                if matching.value(state, (&*value).into())? {
                    return Ok(true);
                }
            }
        }
        matching.finish(state)
    }
}

// RFC 5173 §5.2
fn is_one_of(structure: &Structure, entity: &Entity, types: &[String]) -> bool {
    let content_type = structure.content_type(entity);
    let main = String::from_utf8_lossy(&content_type.main).to_ascii_lowercase();
    let sub = String::from_utf8_lossy(&content_type.sub).to_ascii_lowercase();
    types.iter().any(|wanted| match wanted.split_once('/') {
        // A slash at an end, or several of them, match no type at all.
        Some((wanted_main, wanted_sub)) => {
            !wanted_sub.is_empty() && wanted_main == main && wanted_sub == sub
        }
        None => wanted.is_empty() || *wanted == main,
    })
}

// What of an entity is searched.
fn content<'s>(
    structure: &'s Structure,
    index: usize,
    entity: &'s Entity,
    state: &mut State<'_>,
) -> Result<Vec<Cow<'s, str>>, Trouble> {
    let text = |range| String::from_utf8_lossy(structure.slice(&range));
    Ok(match entity.kind {
        EntityKind::Multipart => {
            let inner = structure.entities().get(index + 1..structure.end_of(index));
            let inner = inner.unwrap_or_default();
            state.charge(1 + inner.len() as u64 / 4)?;
            let first = inner.first().map_or(entity.body.end, |part| part.header.start);
            let last = inner.iter().map(|part| part.body.end).max().unwrap_or(first);
            let (before, after) = (entity.body.start..first, last..entity.body.end);
            state.charge((before.len() + after.len()) as u64 / 64)?;
            let (prologue, epilogue) = (text(before), text(after));
            // The delimiters belong to neither.
            let before = prologue.trim_end_matches(['\r', '\n']);
            let before = before.rfind('\n').map_or("", |at| before.get(..=at).unwrap_or(""));
            let after = epilogue.trim_start_matches(['\r', '\n']);
            let after = after.split_once('\n').map_or("", |(_, after)| after);
            vec![before.to_owned().into(), after.to_owned().into()]
        }
        EntityKind::Message => match structure.entities().get(index + 1) {
            Some(inner) => {
                state.charge(1 + inner.header.len() as u64 / 8)?;
                vec![structure.header_text(inner).into()]
            }
            None => {
                state.charge(1 + entity.body.len() as u64 / 64)?;
                vec![text(entity.body.clone())]
            }
        },
        _ => structure.text(entity, Markup::Kept, state)?.into_iter().collect(),
    })
}
