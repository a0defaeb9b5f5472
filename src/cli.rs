//! The command line: arguments into checked settings, settings into parts, what they did into words and an exit code.
//!
//! Data goes to stdout, everything else to stderr. Nothing here knows how an event gets into the archive.

mod allocator;
mod args;
mod cat;
mod check;
mod completions;
mod connections;
mod console;
mod demo;
mod download;
mod error;
mod exit;
mod health;
mod once;
mod out;
mod progress;
mod reconcile;
mod recover;
mod run;
mod signals;
mod simulate;
mod sources;
mod status;
mod verify;

use std::future::Future;

use clap::Parser as _;
use tokio_util::sync::CancellationToken;

pub use allocator::use_one_arena;
pub use args::Cli;
use args::Command;
use console::Console;
pub use error::CliError;
pub use exit::Exit;

/// Threads that wait for servers, whatever the machine: each keeps memory of its own.
const WORKERS: usize = 1;
/// Threads that compress, and wait for disks. A command that only reads an archive has one for each core, if those are more.
const BLOCKING: usize = 2;

impl Cli {
    /// Reads the arguments of this process.
    ///
    /// # Errors
    /// When there is nothing to run: help or a mistake in usage was printed, exit with this code.
    pub fn read() -> Result<Self, Exit> {
        Self::try_parse_from(args::files_first(std::env::args_os())).map_err(|error| {
            // Nobody is left to tell when this fails.
            let _ = error.print();
            if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            }
        })
    }

    /// Whether stderr is to hold JSON lines.
    #[must_use]
    pub fn logs_json(&self) -> bool {
        self.common.json()
    }

    /// Runs the command to its end.
    ///
    /// # Errors
    /// When it could not begin. What went wrong for single targets has been printed, and is in the exit code.
    pub fn run(self) -> Result<Exit, CliError> {
        let console = Console::open(&self.common, self.command.has_bars())?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .max_blocking_threads(self.command.threads())
            .enable_all()
            .build()
            .map_err(CliError::Runtime)?;
        let result = runtime.block_on(async {
            signals::survive_file_size_limit();
            dispatch(&console, self.command).await
        });
        // Whoever leaves at once does not wait for a worker that hangs in a system call.
        runtime.shutdown_background();
        match result {
            Err(CliError::Stdout(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Exit::Done),
            other => other,
        }
    }
}

async fn dispatch(console: &Console, command: Command) -> Result<Exit, CliError> {
    match command {
        Command::Run(args) => run::run(console, args).await,
        Command::Once(args) => until_stopped(console, |stop| once::run(console, args, stop)).await,
        Command::Check(args) => check::run(console, args).await,
        Command::Status(args) => status::run(console, args).await,
        Command::Health(args) => health::run(console, args).await,
        Command::Cat(args) => cat::run(console, args).await,
        Command::Sources(args) => sources::run(console, args).await,
        Command::Download(args) => until_stopped(console, |stop| download::run(console, args, stop)).await,
        Command::Verify(args) => verify::run(console, args).await,
        Command::Recover(args) => recover::run(console, args).await,
        Command::Reconcile(args) => until_stopped(console, |stop| reconcile::run(console, args, stop)).await,
        Command::Demo(args) => until_stopped(console, |stop| demo::run(console, args, stop)).await,
        Command::Simulate(args) => until_stopped(console, |stop| simulate::run(console, args, stop)).await,
        Command::Completions(args) => completions::completions(args.shell),
        Command::Man => completions::man(),
        Command::Prove(_) => Err(CliError::NotYet { command: "prove" }),
        Command::Keygen(_) => Err(CliError::NotYet { command: "keygen" }),
    }
}

/// Runs what can stop cleanly: the first signal asks it to, the second leaves at once, which is safe at every await.
async fn until_stopped<F: Future<Output = Result<Exit, CliError>>>(
    console: &Console,
    command: impl FnOnce(CancellationToken) -> F,
) -> Result<Exit, CliError> {
    let stop = CancellationToken::new();
    tokio::select! {
        biased;
        result = command(stop.clone()) => result,
        gone = signals::watch(console, &stop) => gone.map(|()| Exit::Again),
    }
}
