//! Every command and test there is, with the extension that makes it known.

use crate::base::{actions, address, control, envelope, exists, header, size};
use crate::compile::{CommandRow, TestRow};
use crate::ext;

const COMMANDS: &[&[CommandRow]] = &[
    control::COMMANDS,
    actions::COMMANDS,
    ext::editheader::COMMANDS,
    ext::enclose::COMMANDS,
    ext::enotify::COMMANDS,
    ext::extracttext::COMMANDS,
    ext::fileinto::COMMANDS,
    ext::foreverypart::COMMANDS,
    ext::ihave::COMMANDS,
    ext::imap4flags::COMMANDS,
    ext::include::COMMANDS,
    ext::processcalendar::COMMANDS,
    ext::reject::COMMANDS,
    ext::replace::COMMANDS,
    ext::vacation::COMMANDS,
    ext::variables::COMMANDS,
];

const TESTS: &[&[TestRow]] = &[
    control::TESTS,
    address::TESTS,
    envelope::TESTS,
    exists::TESTS,
    header::TESTS,
    size::TESTS,
    ext::body::TESTS,
    ext::date::TESTS,
    ext::duplicate::TESTS,
    ext::enotify::TESTS,
    ext::environment::TESTS,
    ext::extlists::TESTS,
    ext::ihave::TESTS,
    ext::imap4flags::TESTS,
    ext::mailbox::TESTS,
    ext::mailboxid::TESTS,
    ext::metadata::TESTS,
    ext::spamtest::TESTS,
    ext::special_use::TESTS,
    ext::variables::TESTS,
];

/// A command by its name in lower case.
pub(super) fn find_command(name: &str) -> Option<&'static CommandRow> {
    COMMANDS.iter().copied().flatten().find(|row| row.name == name)
}

/// A test by its name in lower case.
pub(super) fn find_test(name: &str) -> Option<&'static TestRow> {
    TESTS.iter().copied().flatten().find(|row| row.name == name)
}
