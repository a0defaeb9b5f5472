//! Parses the arguments, runs the command, prints what went wrong once, exits with the documented code.

use std::process::ExitCode;

use uipath_audit_exporter::cli::{Cli, Exit, use_one_arena};

fn main() -> ExitCode {
    use_one_arena();
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(told) => return told.into(),
    };
    let json = cli.logs_json();
    match cli.run() {
        Ok(exit) => exit.into(),
        Err(error) => {
            error.report(json);
            Exit::from(&error).into()
        }
    }
}
