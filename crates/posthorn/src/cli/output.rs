//! What commands print: lines, tables, JSON.

use std::io::{self, Write};

use serde::Serialize;

use super::Failure;

/// Standard output, or a buffer in tests.
pub(crate) struct Output {
    sink: Box<dyn Write + Send>,
}

impl Output {
    /// The standard output of the process.
    pub(crate) fn stdout() -> Self {
        Self { sink: Box::new(io::stdout()) }
    }

    /// Prints one line and sends it on its way at once.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Failure> {
        writeln!(self.sink, "{text}")?;
        Ok(self.sink.flush()?)
    }

    /// Prints a text as it is.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.sink.write_all(text.as_bytes())?;
        Ok(self.sink.flush()?)
    }

    /// Prints a value for programs.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| Failure::new(format!("cannot write JSON: {error}")))?;
        self.line(&text)
    }

    /// Prints rows under headings, each column as wide as its widest cell.
    pub(crate) fn table<const N: usize>(
        &mut self,
        headings: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) -> Result<(), Failure> {
        let mut all = vec![headings.map(str::to_owned)];
        all.extend(rows);
        let mut widths = [0; N];
        for row in &all {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for row in &all {
            let mut line = String::new();
            for (width, cell) in widths.iter().zip(row) {
                line.push_str(&format!("{cell:width$}  "));
            }
            writeln!(self.sink, "{}", line.trim_end())?;
        }
        Ok(self.sink.flush()?)
    }
}

/// A number of bytes in the largest unit that leaves it readable.
pub(crate) fn size(bytes: u64) -> String {
    let mut unit = "B";
    let mut divisor = 1u64;
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if bytes / divisor < 1024 {
            break;
        }
        divisor *= 1024;
        unit = next;
    }
    if divisor == 1 {
        return format!("{bytes} B");
    }
    // In tenths, rounded down: a quota is never shown as more room than there is.
    let tenths = u128::from(bytes) * 10 / u128::from(divisor);
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// `yes` or nothing, for a column of a table.
pub(crate) fn yes(flag: bool) -> String {
    if flag { "yes".to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn tables_are_aligned() {
        let shared = Shared::default();
        let mut output = Output { sink: Box::new(shared.clone()) };
        let row = |a: &str, b: &str| [a.to_owned(), b.to_owned()];
        output.table(["name", "size"], [row("a", "1 B"), row("longer é", "")]).unwrap();
        let printed = String::from_utf8(shared.0.lock().unwrap().clone()).unwrap();
        assert_eq!(printed, "name      size\na         1 B\nlonger é\n");
    }

    #[test]
    fn sizes_are_readable() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_572_864, "1.5 MiB"),
            (53_687_091_199, "49.9 GiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
