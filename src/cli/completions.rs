//! Completion scripts and the manual page, made from the arguments themselves.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Cli, CliError, Exit, out};

pub(super) fn completions(shell: Shell) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), env!("CARGO_PKG_NAME"), &mut script);
    out::write(&script)?;
    Ok(Exit::Done)
}

pub(super) fn man() -> Result<Exit, CliError> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut page)
        .map_err(CliError::Stdout)?;
    out::write(&page)?;
    Ok(Exit::Done)
}
