//! Exit codes: a promise that scripts rely on.

use std::process::ExitCode;

use super::{CliError, health::HealthError};
use crate::{archive::ArchiveError, error::Action, export::PassError, fleet::OpenError};

/// How the process ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: some target failed, a later pass may succeed.
    Again,
    /// 2: a mistake in usage.
    Usage,
    /// 3: a mistake in the configuration.
    Config,
    /// 4: a person must act.
    Person,
    /// 5: the state directory is in use by another exporter.
    InUse,
    /// 6: another exporter owns a target.
    StandBy,
    /// Whatever a check of the archive found: 10, 11 or 12.
    Archive(u8),
}

impl Exit {
    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Again => 1,
            Self::Usage => 2,
            Self::Config => 3,
            Self::Person => 4,
            Self::InUse => 5,
            Self::StandBy => 6,
            Self::Archive(code) => code,
        }
    }

    /// What a check of the archive came to.
    pub(super) fn of_archive(code: u8) -> Self {
        match code {
            0 => Self::Done,
            2 => Self::Usage,
            other => Self::Archive(other),
        }
    }

    /// The first of 4, 6, 1 that any target had; 0 if none had any.
    pub(super) fn first(exits: impl IntoIterator<Item = Self>) -> Self {
        exits
            .into_iter()
            .min_by_key(|exit| match exit {
                Self::Person => 0,
                Self::StandBy => 1,
                Self::Done => 3,
                _ => 2,
            })
            .unwrap_or(Self::Done)
    }
}

impl From<Action> for Exit {
    fn from(action: Action) -> Self {
        match action {
            Action::Stop => Self::Person,
            Action::Retry | Action::NextTick => Self::Again,
        }
    }
}

impl From<&PassError> for Exit {
    fn from(error: &PassError) -> Self {
        match error {
            PassError::StandBy { .. } => Self::StandBy,
            other => other.action().into(),
        }
    }
}

impl From<&OpenError> for Exit {
    fn from(error: &OpenError) -> Self {
        match error {
            OpenError::Checkpoint(crate::checkpoint::CheckpointError::InUse { .. }) => Self::InUse,
            OpenError::Listen { .. } => Self::Config,
            other => other.action().into(),
        }
    }
}

impl From<&CliError> for Exit {
    fn from(error: &CliError) -> Self {
        match error {
            CliError::Config(_) | CliError::Health(HealthError::NotConfigured) => Self::Config,
            CliError::Open(error) => error.into(),
            CliError::Source { source, .. } | CliError::Download { source, .. } => source.action().into(),
            CliError::UnknownTarget { .. }
            | CliError::EmptySpan
            | CliError::Exists { .. }
            | CliError::NotADay { .. }
            | CliError::NoCatalog { .. }
            | CliError::Log(_)
            | CliError::NotYet { .. }
            | CliError::Foreign { .. }
            | CliError::Path { .. }
            // The configuration's own URL was checked before: this one was typed.
            | CliError::Archive(ArchiveError::Url { .. }) => Self::Usage,
            CliError::Verify(error) => Self::of_archive(error.exit_code()),
            CliError::Cat(error) => Self::of_archive(error.exit_code()),
            CliError::Status(_) | CliError::Health(_) => Self::Again,
            // Commands that read open an archive this way.
            CliError::NoArchive { .. } | CliError::Archive(ArchiveError::Open { .. }) => Self::Archive(12),
            CliError::Runtime(_)
            | CliError::Headers { .. }
            | CliError::Stdout(_)
            | CliError::File { .. }
            | CliError::Listen { .. }
            | CliError::Archive(_) => Self::Again,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        archive::StoreError,
        checkpoint::CheckpointError,
        clock::{Clock, Time},
        config::ConfigError,
        export::PassError,
    };

    fn now() -> Time {
        Clock::system().now()
    }

    fn stand_by() -> PassError {
        PassError::StandBy {
            instance: "audit-2".to_owned(),
            run: "9f2c01ab".to_owned(),
            epoch: 1,
            number: 7,
            committed_at: now(),
            until: now(),
        }
    }

    #[test]
    fn what_went_wrong_decides_the_code() {
        let denied = || ArchiveError::NotConditional {
            place: "file:///srv".to_owned(),
        };
        let in_use = CheckpointError::InUse {
            path: "/var/lib/exporter".into(),
        };
        let damaged = CheckpointError::Damaged {
            what: "the head".to_owned(),
        };
        let unknown = ArchiveError::Url {
            url: "s4://acme".to_owned(),
        };
        let unopened = ArchiveError::Open {
            place: "s3://acme-audit".to_owned(),
            source: Box::new(StoreError::Credentials {
                problem: "two of them".to_owned(),
            }),
        };
        let listen = OpenError::Listen {
            address: ([127, 0, 0, 1], 9464).into(),
            source: std::io::ErrorKind::AddrInUse.into(),
        };
        let table: [(CliError, u8); 10] = [
            (CliError::Open(listen), 3),
            (CliError::Archive(unknown), 2),
            (CliError::Archive(unopened), 12),
            (CliError::NotYet { command: "prove" }, 2),
            (CliError::EmptySpan, 2),
            (CliError::Config(ConfigError { mistakes: Vec::new() }), 3),
            (CliError::Open(OpenError::Archive(denied())), 4),
            (CliError::Open(OpenError::Checkpoint(in_use)), 5),
            (CliError::Open(OpenError::Checkpoint(damaged)), 1),
            (CliError::Stdout(std::io::ErrorKind::StorageFull.into()), 1),
        ];
        for (error, code) in table {
            assert_eq!(Exit::from(&error).code(), code, "{error}");
        }
        assert_eq!(Exit::from(&PassError::Archive(denied())), Exit::Person);
        assert_eq!(Exit::from(&stand_by()), Exit::StandBy);
        assert_eq!(Exit::from(&PassError::Overtaken { number: 1 }), Exit::Again);
    }

    #[test]
    fn of_several_targets_four_comes_before_six_before_one() {
        use Exit::{Again, Done, Person, StandBy};
        assert_eq!(Exit::first([]), Done);
        assert_eq!(Exit::first([Done, Done]), Done);
        assert_eq!(Exit::first([Done, Again]), Again);
        assert_eq!(Exit::first([Again, StandBy, Done]), StandBy);
        assert_eq!(Exit::first([Again, StandBy, Person, Done]), Person);
    }
}
