//! `health`: asks the daemon on this machine how it is, where there is neither a shell nor curl.
//!
//! One request, over a connection to this machine: nothing of an HTTP client is needed for that.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{CliError, Exit, args::Health, console::Console, out};

/// Shorter than container engines wait for a check.
const PATIENCE: Duration = Duration::from_secs(4);
/// What is read of an answer, in bytes.
const LONGEST_ANSWER: u64 = 16 << 10;
/// What is shown of it, in characters.
const LONGEST_LINE: usize = 200;

/// Why the daemon is not known to be well.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// It does not listen.
    #[error("ask the daemon: `http.listen` is not configured")]
    NotConfigured,
    /// Nobody is there, or not in time.
    #[error("ask the daemon at {address}")]
    Unreachable {
        /// Where it should be.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Somebody else is there.
    #[error("ask the daemon at {address}: what answers there speaks no HTTP")]
    Foreign {
        /// Where it should be.
        address: SocketAddr,
    },
    /// It says no.
    #[error("find the daemon at {address} well: `{path}` answers {status}{}{said}", if said.is_empty() { "" } else { ": " })]
    Unwell {
        /// Where it is.
        address: SocketAddr,
        /// What was asked.
        path: &'static str,
        /// HTTP's.
        status: u16,
        /// The first line of what it said, shortened.
        said: String,
    },
}

impl HealthError {
    /// What the user can do about it.
    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::NotConfigured => {
                Some("set `listen` in `[http]`, or name the daemon's address with `--address`".to_owned())
            }
            Self::Unreachable { .. } => Some("is `run` running, and does it listen there?".to_owned()),
            Self::Foreign { .. } => Some("is `http.listen` right?".to_owned()),
            Self::Unwell { .. } => Some("`status` and the log tell more".to_owned()),
        }
    }
}

pub(super) async fn run(console: &Console, args: Health) -> Result<Exit, CliError> {
    let listens = match args.address {
        Some(address) => address,
        None => {
            // Warnings are for `check` and the daemon: this is asked every half a minute.
            let http = console.settings_and_warnings()?.0.http;
            http.ok_or(CliError::Health(HealthError::NotConfigured))?.listen
        }
    };
    let path = if args.ready { "/readyz" } else { "/livez" };
    let said = ask(from_here(listens), path).await.map_err(CliError::Health)?;
    out::line(if said.is_empty() { "well" } else { &said })?;
    Ok(Exit::Done)
}

/// How somebody on this machine reaches what listens there: on every address means on loopback, too.
fn from_here(listens: SocketAddr) -> SocketAddr {
    let ip = match listens.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listens.port())
}

/// The first line of what it says, if it is well.
async fn ask(address: SocketAddr, path: &'static str) -> Result<String, HealthError> {
    let answer = timeout(PATIENCE, exchange(address, path)).await;
    let answer = answer.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let answer = answer.map_err(|source| HealthError::Unreachable { address, source })?;
    let (status, said) = read(&answer).ok_or(HealthError::Foreign { address })?;
    if (200..300).contains(&status) {
        return Ok(said);
    }
    Err(HealthError::Unwell {
        address,
        path,
        status,
        said,
    })
}

async fn exchange(address: SocketAddr, path: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut answer).await?;
    Ok(answer)
}

/// Status and first line of the body. None: that is no HTTP.
fn read(answer: &[u8]) -> Option<(u16, String)> {
    let answer = String::from_utf8_lossy(answer);
    let mut words = answer.lines().next()?.split(' ');
    words.next().filter(|protocol| protocol.starts_with("HTTP/1."))?;
    let status = words.next()?.parse().ok()?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let line = body.lines().next().unwrap_or_default();
    let printable = line.chars().filter(|letter| !letter.is_control());
    Some((
        status,
        printable.take(LONGEST_LINE).collect::<String>().trim().to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// Asks somebody who answers with these bytes. Returns what he was asked as well.
    async fn answered(answer: &'static [u8], path: &'static str) -> (Result<String, HealthError>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            request.truncate(length);
            // One who asks for no more than he wants hangs up on the rest.
            let _ = stream.write_all(answer).await;
            String::from_utf8(request).unwrap()
        };
        tokio::join!(ask(address, path), serve)
    }

    #[tokio::test]
    async fn a_daemon_that_is_well_says_so() {
        let (well, request) =
            answered(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nalive\n", "/livez").await;
        assert_eq!(well.unwrap(), "alive");
        assert!(
            request.starts_with("GET /livez HTTP/1.0\r\nHost: 127.0.0.1:"),
            "{request}"
        );
        let (empty, _) = answered(b"HTTP/1.1 204 No Content\r\n\r\n", "/livez").await;
        assert_eq!(empty.unwrap(), "");
    }

    #[tokio::test]
    async fn a_daemon_that_is_not_says_what_it_lacks() {
        let answer = b"HTTP/1.1 503 Service Unavailable\r\n\r\nthe archive \x1b[31mis not open\nmore\n";
        let (unwell, request) = answered(answer, "/readyz").await;
        assert!(request.starts_with("GET /readyz "), "{request}");
        let error = unwell.unwrap_err();
        let text = error.to_string();
        assert!(
            text.ends_with("`/readyz` answers 503: the archive [31mis not open"),
            "{text}"
        );
        assert_eq!(Exit::from(&CliError::Health(error)), Exit::Again);
    }

    #[tokio::test]
    async fn somebody_else_is_not_taken_for_the_daemon() {
        for answer in [
            &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
            b"",
            b"HTTP/1.1 fine\r\n\r\n",
            b"\xff\xfe",
        ] {
            let (foreign, _) = answered(answer, "/livez").await;
            assert!(matches!(foreign, Err(HealthError::Foreign { .. })), "{foreign:?}");
        }
    }

    #[tokio::test]
    async fn an_answer_without_end_is_cut_off() {
        static ENDLESS: [u8; 1 << 20] = [b'x'; 1 << 20];
        let (foreign, _) = answered(&ENDLESS, "/livez").await;
        assert!(matches!(foreign, Err(HealthError::Foreign { .. })), "{foreign:?}");
    }

    #[tokio::test]
    async fn nobody_there_is_no_health() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let error = ask(address, "/livez").await.unwrap_err();
        assert!(matches!(error, HealthError::Unreachable { .. }), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_daemon_that_hangs_is_not_waited_for_long() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let error = ask(listener.local_addr().unwrap(), "/livez").await.unwrap_err();
        assert!(
            matches!(&error, HealthError::Unreachable { source, .. } if source.kind() == io::ErrorKind::TimedOut),
            "{error}"
        );
    }

    #[test]
    fn what_listens_everywhere_is_asked_on_loopback() {
        for (listens, asked) in [
            ("0.0.0.0:9464", "127.0.0.1:9464"),
            ("[::]:9464", "[::1]:9464"),
            ("10.1.2.3:80", "10.1.2.3:80"),
        ] {
            assert_eq!(from_here(listens.parse().unwrap()), asked.parse().unwrap());
        }
    }

    #[test]
    fn without_an_address_the_configuration_is_what_lacks_something() {
        let error = CliError::Health(HealthError::NotConfigured);
        assert_eq!(Exit::from(&error), Exit::Config);
        assert!(error.hint().is_some());
    }
}
