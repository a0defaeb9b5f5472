//! Completion scripts and the manual page, made from the arguments themselves.

use std::io;

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;

use super::{Cli, CliError, Exit, args::EXIT_CODES, out};

pub(super) fn completions(shell: Shell) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), env!("CARGO_PKG_NAME"), &mut script);
    out::write(&script)?;
    Ok(Exit::Done)
}

pub(super) fn man() -> Result<Exit, CliError> {
    let page = page(&Cli::command()).map_err(CliError::Stdout)?;
    out::write(page.as_bytes())?;
    Ok(Exit::Done)
}

/// One page with all commands on it.
fn page(cli: &Command) -> io::Result<String> {
    let man = Man::new(cli.clone());
    let mut head = Vec::new();
    man.render_title(&mut head)?;
    man.render_name_section(&mut head)?;
    man.render_synopsis_section(&mut head)?;
    let mut page = String::from_utf8_lossy(&head).into_owned();
    page.push_str(&section(
        "DESCRIPTION",
        cli.get_long_about().map(ToString::to_string),
    ));
    page.push_str(&options(&man)?);
    page.push_str(".SH COMMANDS\n");
    for command in cli.get_subcommands().filter(|command| !command.is_hide_set()) {
        page.push_str(&format!(".SS {}\n", command.get_name()));
        let about = command.get_long_about().or_else(|| command.get_about());
        page.push_str(&filled(&about.map(ToString::to_string).unwrap_or_default()));
        let bare = command.clone().disable_help_flag(true);
        page.push_str(&options(&Man::new(bare))?.replace(".SH OPTIONS\n", ""));
        if let Some(example) = command.get_after_help() {
            page.push_str(&format!(".PP\n{}", verbatim(&example.to_string())));
        }
    }
    page.push_str(&section("EXIT STATUS", Some(EXIT_CODES.to_owned())));
    Ok(page)
}

fn options(man: &Man) -> io::Result<String> {
    let mut options = Vec::new();
    man.render_options_section(&mut options)?;
    Ok(String::from_utf8_lossy(&options).into_owned())
}

fn section(name: &str, text: Option<String>) -> String {
    format!(".SH {name}\n{}", verbatim(&text.unwrap_or_default()))
}

/// Text as it stands, in lines.
fn verbatim(text: &str) -> String {
    format!(".nf\n{}.fi\n", text.lines().map(escaped).collect::<String>())
}

/// Paragraphs.
fn filled(text: &str) -> String {
    let line = |line: &str| {
        if line.is_empty() {
            ".PP\n".to_owned()
        } else {
            escaped(line)
        }
    };
    text.lines().map(line).collect()
}

/// A line in which nothing is a request.
fn escaped(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-");
    let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
    format!("{guard}{line}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_page_holds_every_command_and_exit_code() {
        let cli = Cli::command();
        let page = page(&cli).unwrap();
        for command in cli.get_subcommands().filter(|command| !command.is_hide_set()) {
            assert!(page.contains(&format!(".SS {}\n", command.get_name())));
        }
        assert!(page.contains("12  the archive cannot be read"));
        assert!(!page.contains("keygen"));
    }
}
