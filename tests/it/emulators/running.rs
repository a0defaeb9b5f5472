//! A server that runs until the tests end: it reads its standard input, whose other end is held here and closed by the
//! system when this process ends, however it ends. No handler, no supervisor, nothing to forget.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, ChildStdout, Command, Stdio},
};

use super::Missing;

/// What a server says once it listens, before its URL.
const LISTENS: &str = "listens on http://";

pub struct Running {
    pub address: SocketAddr,
    /// Holds the end of the server's standard input.
    pub child: Child,
    /// Held open, so that the server may go on to print.
    _output: BufReader<ChildStdout>,
}

/// Starts a server and waits until it listens. What it prints as an error goes where the tests' own errors go.
pub fn start(command: &mut Command) -> Result<Running, Missing> {
    let name = format!("{command:?}");
    let failed = |why: String| Missing(format!("{name} does not serve: {why}"));
    let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = started.map_err(|error| failed(error.to_string()))?;
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    loop {
        let before = said.len();
        let read = output
            .read_line(&mut said)
            .map_err(|error| failed(error.to_string()))?;
        if read == 0 {
            return Err(failed(format!("it ended and said {said:?}")));
        }
        let line = said[before..].trim();
        if let Some((_, address)) = line.split_once(LISTENS) {
            let address = address.parse().map_err(|_| failed(format!("it said {line:?}")))?;
            return Ok(Running {
                address,
                child,
                _output: output,
            });
        }
    }
}
