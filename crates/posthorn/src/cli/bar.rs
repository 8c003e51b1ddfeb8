//! A bar on a terminal that says how far a verb is.

use std::io::{self, IsTerminal, Write};

use crate::admin::Step;

const WIDTH: u64 = 30;

/// Draws it on standard error, if a person looks at that.
pub(super) fn bar(label: &'static str) -> impl Fn(Step) + Send + Sync + 'static {
    let shown = io::stderr().is_terminal();
    move |step| {
        if shown {
            // A terminal that is gone is no reason to stop.
            let _ = write!(io::stderr(), "{}", line(label, step));
        }
    }
}

fn line(label: &str, Step { done, of }: Step) -> String {
    let filled = match of {
        0 => WIDTH,
        of => (u128::from(done.min(of)) * u128::from(WIDTH) / u128::from(of)) as u64,
    };
    let bar: String = (0..WIDTH).map(|at| if at < filled { '#' } else { '.' }).collect();
    let end = if done >= of { "\n" } else { "" };
    format!("\r{label} [{bar}] {done} of {of}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_fill() {
        for (done, of, text) in [
            (0, 2, "\rx [..............................] 0 of 2"),
            (1, 2, "\rx [###############...............] 1 of 2"),
            (2, 2, "\rx [##############################] 2 of 2\n"),
            (0, 0, "\rx [##############################] 0 of 0\n"),
        ] {
            assert_eq!(line("x", Step { done, of }), text);
        }
    }
}
