//! What the daemon asks of the operating system: open files, and telling systemd.

use rustix::process::{Resource, Rlimit, getrlimit, setpriority_process, setrlimit};
use sd_notify::NotifyState;

/// Raises the number of files that may be open to what the system lets us have: each
/// connection is one, and the usual soft limit of 1024 is for programs that use `select`.
pub(super) fn raise_open_files(connections: u64) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: maximum, maximum };
    if current != maximum && setrlimit(Resource::Nofile, wanted).is_err() {
        tracing::warn!(?current, ?maximum, "the limit of open files cannot be raised");
    }
    // Files of the store, listeners, standard streams: a hundred or so beside the connections.
    let needed = connections.saturating_add(128);
    match getrlimit(Resource::Nofile).current {
        Some(open) if open < needed => {
            tracing::warn!(open, needed, "fewer files may be open than limits.connections needs");
        }
        _ => {}
    }
}

/// Lets all other threads go before the one that calls this: on Linux each thread has a priority
/// of its own (sched(7)).
pub(super) fn give_way() {
    const NICE: i32 = 10;
    if let Err(error) = setpriority_process(None, NICE) {
        tracing::debug!(%error, "the priority of a thread cannot be lowered");
    }
}

/// Tells systemd that every listener accepts.
pub(super) fn notify_ready() {
    notify(&[NotifyState::Ready]);
}

/// Tells systemd that the configuration is being read again; [`notify_ready`] ends it.
pub(super) fn notify_reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "the monotonic clock cannot be read"),
    }
}

/// Tells systemd that the end has begun.
pub(super) fn notify_stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Without systemd there is nobody to tell, and that is no error.
fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd cannot be told");
    }
}
