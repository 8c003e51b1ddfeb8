//! Who owns a data directory, and how a command has its verb executed.
//!
//! The owner is the process that has the store open, which locks the directory: a daemon for as
//! long as it runs, or a command for one verb. A command that finds the directory owned asks the
//! daemon over the control socket, which stands in the same directory. A directory between two
//! owners (a daemon that starts or stops, another command) is waited for.

mod socket;

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use config::Config;

pub(crate) use socket::serve;

use crate::admin::{Admin, Progress, Request, Response, Step};
use crate::cli::Failure;
use crate::daemon::{self, OpenError};

/// How long a command waits for a directory that changes owner.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it looks.
const INTERVAL: Duration = Duration::from_millis(20);

/// Has a verb executed by the daemon, or here if none runs.
pub(crate) fn request(config: &Config, verb: Request) -> Result<Response, Failure> {
    request_told(config, verb, |_| {})
}

/// Sends a request, and reports progress while it is carried out.
pub(crate) fn request_told(
    config: &Config,
    request: Request,
    tell: impl Fn(Step) + Send + Sync + 'static,
) -> Result<Response, Failure> {
    let begun = Instant::now();
    loop {
        match daemon::open_admin(config) {
            Ok(admin) => return here(admin, request, Progress::told(tell)),
            Err(OpenError::InUse) => {}
            Err(OpenError::Failed(failure)) => return Err(failure),
        }
        match socket::connect(&config.data_dir) {
            Ok(stream) => return socket::ask(stream, &request, tell),
            Err(error) if passes(&error) && begun.elapsed() < PATIENCE => {
                std::thread::sleep(INTERVAL);
            }
            Err(error) => {
                let directory = config.data_dir.display();
                let text =
                    format!("{directory} is in use, but its daemon cannot be asked: {error}");
                return Err(Failure::new(text));
            }
        }
    }
}

/// Whether the error is that of a daemon that starts or stops, or of another command.
fn passes(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused)
}

fn here(admin: Admin, request: Request, progress: Progress) -> Result<Response, Failure> {
    let store = admin.store.clone();
    let outcome = daemon::block_on(async move { admin.execute_told(request, &progress).await });
    store.close();
    outcome?.map_err(|refusal| Failure::new(refusal.0))
}
