//! What is read as documented, and what is not.

use clap::CommandFactory as _;

use super::*;

fn read(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split(' '))
}

#[test]
fn the_arguments_fit_together() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_is_read_as_documented() {
    for line in [
        "x run",
        "x run --shard 0/2",
        "x --config a.toml --config b.yaml once --target acme --target acme-test --take-over",
        "x once --config a.toml --log-format json --log debug",
        "x check --offline",
        "x status --json",
        "x cat --target acme --from 36h --to 2026-11-21",
        "x sources --target acme --json",
        "x download --target acme --from 7d --to 2026-11-21 --output week.csv",
        "x verify --archive file:///srv/audit --since 7 --json --deep",
        "x recover --target acme",
        "x demo --events 10 --directory d",
        "x simulate --listen 127.0.0.1:0 --events 10",
        "x completions zsh",
        "x man",
        "x prove --target acme --event 1 --help",
    ] {
        read(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn mistakes_in_usage_are_told_before_anything_happens() {
    for line in [
        "x",
        "x export",
        "x run --shard 2/2",
        "x once --target Acme",
        "x cat --target acme --from yesterday --to 0h",
        "x cat --target acme --to 36h",
        "x simulate --listen 8787",
        "x demo --events 0",
        "x once --log-format xml",
    ] {
        assert!(read(line).is_err_and(|error| error.use_stderr()), "{line}");
    }
}

#[test]
fn files_before_and_after_the_command_are_all_read_in_order() {
    let line = "x --config a --log warn once --config=b --target t --config c";
    let cli = Cli::try_parse_from(files_first(line.split(' ').map(OsString::from))).unwrap();
    assert_eq!(cli.common.config, ["a", "b", "c"].map(PathBuf::from));
}

#[test]
fn what_is_not_there_yet_is_not_offered() {
    let help = Cli::command().render_long_help().to_string();
    for command in ["prove", "keygen"] {
        assert!(!help.contains(command), "{command}");
    }
}
