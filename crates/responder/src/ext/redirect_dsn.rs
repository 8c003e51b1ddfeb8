//! `redirect-dsn` (RFC 6009 §6): what senders are told of a redirected message.

use crate::capability::Capability;
use crate::compile::{Arguments, Compiler};
use crate::error::{ScriptError, Trouble};
use crate::run::State;
use crate::text::Text;

/// `[":notify" string] [":ret" string]`
#[derive(Debug, Default)]
pub(crate) struct DsnTags {
    notify: Option<Text>,
    ret: Option<Text>,
}

impl DsnTags {
    pub(crate) fn take(
        arguments: &mut Arguments<'_>,
        compiler: &Compiler<'_>,
    ) -> Result<Self, ScriptError> {
        let notify = arguments.tagged_text(compiler, "notify")?;
        let ret = arguments.tagged_text(compiler, "ret")?;
        if notify.is_some() || ret.is_some() {
            compiler.needs(arguments.at(), ":notify", &[Capability::RedirectDsn])?;
        }
        let wrong = |trouble: Trouble| arguments.wrong(trouble.to_string());
        notify.as_ref().and_then(Text::fixed).map(parse_notify).transpose().map_err(wrong)?;
        ret.as_ref().and_then(Text::fixed).map(parse_ret).transpose().map_err(wrong)?;
        Ok(Self { notify, ret })
    }

    pub(crate) fn values(
        &self,
        state: &mut State<'_>,
    ) -> Result<(Option<String>, Option<String>), Trouble> {
        let notify =
            self.notify.as_ref().map(|text| parse_notify(&state.text(text)?)).transpose()?;
        let ret = self.ret.as_ref().map(|text| parse_ret(&state.text(text)?)).transpose()?;
        Ok((notify, ret))
    }
}

// notify-value = "NEVER" / notify-list-element *("," notify-list-element)
fn parse_notify(text: &str) -> Result<String, Trouble> {
    let upper = text.to_ascii_uppercase();
    let mut elements = upper.split(',');
    let known = |element: &str| matches!(element, "SUCCESS" | "FAILURE" | "DELAY");
    match upper == "NEVER" || elements.all(known) {
        true => Ok(upper),
        false => Err(Trouble::Value(format!("{text:?} is no value of NOTIFY"))),
    }
}

fn parse_ret(text: &str) -> Result<String, Trouble> {
    let upper = text.to_ascii_uppercase();
    match matches!(upper.as_str(), "FULL" | "HDRS") {
        true => Ok(upper),
        false => Err(Trouble::Value(format!("{text:?} is no value of RET"))),
    }
}
