//! Which outcomes the sender of a message hears of, by what it asked (RFC 3461 §4.1).

use ids::Timestamp;
use smtp::report::{Action, Line, Parameters};
use storage::{ClaimedRecipient, MailParameters};

use crate::answer::Answer;
use crate::envelope::{Wish, wants};

/// What a sender must want to hear for an action to be told.
const fn wish(action: Action) -> Wish {
    match action {
        Action::Failed => Wish::Failure,
        Action::Delayed => Wish::Delay,
        Action::Delivered | Action::Relayed | Action::Expanded => Wish::Success,
    }
}

/// What is to be told of a recipient that was tried last at that instant, if its sender wants to
/// hear it.
pub(crate) fn wanted(
    recipient: &ClaimedRecipient,
    action: Action,
    (answer, attempted): (&Answer, Option<Timestamp>),
) -> Option<Line> {
    let is_wanted = wants(&recipient.parameters, wish(action));
    is_wanted.then(|| line(recipient, action, (answer, attempted)))
}

/// The report even though the sender did not ask for one, unless nothing is to be told.
pub(crate) fn unasked(
    recipient: &ClaimedRecipient,
    action: Action,
    (answer, attempted): (&Answer, Option<Timestamp>),
) -> Option<Line> {
    (!recipient.parameters.is_never()).then(|| line(recipient, action, (answer, attempted)))
}

fn line(
    recipient: &ClaimedRecipient,
    action: Action,
    (answer, attempted): (&Answer, Option<Timestamp>),
) -> Line {
    Line {
        forward_path: recipient.forward_path.clone(),
        original: recipient.parameters.orcpt.clone(),
        action,
        status: answer.status,
        host: answer.host.clone(),
        text: answer.text.clone(),
        attempted,
    }
}

/// What MAIL said, as reports have it.
pub(crate) fn parameters(of: &MailParameters) -> Parameters {
    Parameters {
        smtputf8: of.smtputf8,
        ret: of.ret.clone(),
        envelope_id: of.envid.clone(),
        hold: of.hold.clone(),
        deliver_by: of.by.map(|by| by.at),
        priority: of.priority,
        requiretls: of.requiretls,
    }
}
