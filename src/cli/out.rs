//! Stdout: written whole, and a reader that went away is told to the caller, never by a panic.

use std::io::{self, Write as _};

use super::CliError;

/// Writes to stdout.
pub(super) fn write(bytes: &[u8]) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(bytes)
        .and_then(|()| stdout.flush())
        .map_err(CliError::Stdout)
}

/// Writes a line to stdout.
pub(super) fn line(text: &str) -> Result<(), CliError> {
    write(format!("{text}\n").as_bytes())
}

/// `1 event`, `2 events`: the number with thousands set apart, and the word.
pub(super) fn count(number: u64, word: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {word}{plural}", indicatif::HumanCount(number))
}

/// This program as it was called, for commands that can be pasted.
pub(super) fn program() -> String {
    let name = std::env::args_os()
        .next()
        .and_then(|name| name.into_string().ok());
    quoted(&name.unwrap_or_else(|| env!("CARGO_PKG_NAME").to_owned()))
}

/// A word for a shell.
pub(super) fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "/._-+:=@%".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Rows in columns, two spaces between them; nothing after the last cell of a row.
pub(super) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_line_up_and_numbers_can_be_read() {
        let rows = [["A", "B"], ["long", "x"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows), "A     B\nlong  x\n");
        assert_eq!(count(1, "event"), "1 event");
        assert_eq!(count(50_000, "event"), "50,000 events");
    }
}
