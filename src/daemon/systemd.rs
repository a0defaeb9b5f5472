//! Tells systemd how the daemon is: ready, reloading, stopping, alive, and in a line for `systemctl status`.
//!
//! The only file that names `sd_notify`, which knows the words and the clock; sent is from here. The protocol is that of
//! sd_notify(3): datagrams of `NAME=value` lines to the socket in `NOTIFY_SOCKET`. Without one nothing is sent. The
//! environment is read, never changed; it outlives the new start that `main` makes, and so does the process id in
//! `WATCHDOG_PID`. What cannot be sent is logged and ends nothing.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::{
        ffi::OsStrExt as _,
        net::{SocketAddr, UnixDatagram},
    },
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::status::{State, Status};

/// The status line is looked at this often, and told when it has changed.
const LOOK: Duration = Duration::from_secs(5);

/// A message waits this long for room in the supervisor's queue, then it is lost.
const LONGEST_SEND: Duration = Duration::from_secs(1);

/// Who started this process and wants to know how it is. The default one does not.
#[derive(Clone, Debug, Default)]
pub struct Supervisor {
    address: Option<SocketAddr>,
    /// How long it may stay silent before it is killed.
    watchdog: Option<Duration>,
    /// Whether a message was lost: said once.
    lost: Arc<AtomicBool>,
}

impl Supervisor {
    /// The one that the environment names (`NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`), if there is one.
    #[must_use]
    pub fn of_this_process() -> Self {
        let place: Option<OsString> = std::env::var_os("NOTIFY_SOCKET").filter(|place| !place.is_empty());
        let Some(place) = place else {
            return Self::default();
        };
        match address(&place) {
            Ok(address) => Self {
                address: Some(address),
                watchdog: sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()),
                lost: Arc::default(),
            },
            Err(error) => {
                tracing::warn!(%error, "`NOTIFY_SOCKET` is no address: nobody is told how the daemon is");
                Self::default()
            }
        }
    }

    /// Has started; or is done with reloading.
    pub fn ready(&self) {
        self.tell(&[NotifyState::Ready]);
    }

    /// Is reading its configuration again. [`Self::ready`] says that this is over, be it well or not.
    pub fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.tell(&[NotifyState::Reloading, now]),
            // Without the time a `Type=notify-reload` unit would wait for ever.
            Err(error) => tracing::warn!(%error, "systemd is not told about reloading: no monotonic clock"),
        }
    }

    /// Is about to end.
    pub fn stopping(&self) {
        self.tell(&[NotifyState::Stopping]);
    }

    /// How it is, in a line for people.
    pub fn status(&self, line: &str) {
        self.tell(&[NotifyState::Status(&line.replace(['\n', '\r'], " "))]);
    }

    /// Until `stop`: tells `status` whenever it has changed, and a watchdog that it is alive, three times in the time
    /// after which that one kills, as long as `alive` says so. Returns at once where nobody wants to know.
    pub async fn watch(
        self,
        alive: impl Fn() -> bool + Send,
        status: impl Fn() -> String + Send,
        stop: CancellationToken,
    ) {
        if self.address.is_none() {
            return;
        }
        let mut look = interval(LOOK);
        let mut ping = interval(self.watchdog.map_or(LOOK, |limit| limit / 3));
        for timer in [&mut look, &mut ping] {
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        let (mut told, mut was_alive) = (String::new(), true);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ping.tick(), if self.watchdog.is_some() => {
                    let alive = alive();
                    if alive {
                        self.tell(&[NotifyState::Watchdog]);
                    } else if was_alive {
                        tracing::error!(after = ?self.watchdog, "stuck: unless that ends, systemd's watchdog starts it anew");
                    }
                    was_alive = alive;
                }
                _ = look.tick() => {
                    let line = status();
                    if line != told {
                        self.status(&line);
                        told = line;
                    }
                }
            }
        }
    }

    fn tell(&self, message: &[NotifyState<'_>]) {
        let Some(address) = &self.address else { return };
        let lines: String = message.iter().map(|line| format!("{line}\n")).collect();
        if let Err(error) = send(address, lines.as_bytes())
            && !self.lost.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(%error, "a message to systemd was lost, and more may be");
        }
    }
}

fn send(address: &SocketAddr, message: &[u8]) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(LONGEST_SEND))?;
    socket.send_to_addr(message, address).map(drop)
}

/// A path, or an abstract name behind `@`.
fn address(place: &OsStr) -> io::Result<SocketAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = place.as_bytes().strip_prefix(b"@") {
        use std::os::linux::net::SocketAddrExt as _;
        return SocketAddr::from_abstract_name(name);
    }
    SocketAddr::from_pathname(place)
}

/// All targets in a line: `12 targets: 11 idle, 1 failing; lag at most 3 min`.
pub(super) fn headline(status: &Status) -> String {
    let all = status.targets.len();
    let words = [
        (State::Idle, "idle"),
        (State::Running, "running"),
        (State::Standby, "standing by"),
        (State::Failing, "failing"),
        (State::NeedsPerson, "waiting for a person"),
    ];
    let states: Vec<String> = words
        .into_iter()
        .map(|(state, word)| {
            (
                status
                    .targets
                    .iter()
                    .filter(|target| target.state == state)
                    .count(),
                word,
            )
        })
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let plural = if all == 1 { "" } else { "s" };
    let mut line = format!("{all} target{plural}: {}", states.join(", "));
    if all == 0 {
        return "no targets".to_owned();
    }
    let lags = status.targets.iter().filter_map(|target| target.lag_seconds);
    if let Some(worst) = lags.max() {
        line.push_str(&format!("; lag at most {}", roughly(worst)));
    }
    let unread = status
        .targets
        .iter()
        .filter(|target| target.lag_seconds.is_none())
        .count();
    if unread > 0 {
        line.push_str(&format!("; {unread} not read yet"));
    }
    line
}

/// A time that is not shorter than so many seconds, in words that do not change with each of them.
fn roughly(seconds: i64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let seconds = u64::try_from(seconds).unwrap_or(0).max(1);
    let (unit, word) = if seconds <= 2 * HOUR {
        (MINUTE, "min")
    } else if seconds <= 2 * DAY {
        (HOUR, "h")
    } else {
        (DAY, "d")
    };
    format!("{} {word}", seconds.div_ceil(unit))
}

#[cfg(test)]
mod tests;
