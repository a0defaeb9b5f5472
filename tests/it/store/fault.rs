//! What may go wrong with an operation on a store, and a plan of what will. Says nothing about how: that is for the line
//! to a store in memory, and for the wire to one that speaks HTTP.

use object_store::Error;

/// What an operation is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Put,
    Get,
    List,
    Delete,
}

/// What goes wrong with an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It is done, and the reply is an error of the server: 500.
    LostReply,
    /// It is done, and the connection is cut before the reply.
    Reset,
    /// It is not done: 500.
    Failed,
    /// It is not done: 503.
    Busy,
    /// It is not done: 429.
    TooMany,
    /// It is not done, for want of permission: 403.
    Forbidden,
    /// It is not done: the credentials are no longer valid. 400 or 403.
    Expired,
    /// It is not done: the bucket, container or directory is gone: 404.
    NoPlace,
    /// A put is done, and the reply says that the object exists: the store's own client tried twice.
    Exists,
    /// A put or a delete is not done: another one is under way, or a lock is on the object: 409.
    Conflict,
    /// A put is not done, as if the object were there: 412.
    Precondition,
    /// A put seems to fail, and is done when the test says so.
    Late,
    /// It is done after [`SLOW`].
    Slow,
    /// A get whose body ends after its first half.
    Truncated,
    /// A get with one byte changed.
    Wrong,
    /// A list that lacks the object that was put last, of those in it.
    Stale,
}

/// How long a slow operation waits before it is done.
pub const SLOW: std::time::Duration = std::time::Duration::from_millis(500);

impl Fault {
    /// Whether the store is asked at all.
    pub fn is_done(self) -> bool {
        match self {
            Self::LostReply | Self::Reset | Self::Exists | Self::Slow => true,
            Self::Truncated | Self::Wrong | Self::Stale => true,
            Self::Failed | Self::Busy | Self::TooMany | Self::Forbidden | Self::NoPlace => false,
            Self::Conflict | Self::Precondition | Self::Late | Self::Expired => false,
        }
    }

    /// Whether it can happen to such an operation.
    fn befalls(self, kind: Kind) -> bool {
        match self {
            Self::Exists | Self::Precondition | Self::Late => kind == Kind::Put,
            Self::Conflict => matches!(kind, Kind::Put | Kind::Delete),
            Self::Truncated | Self::Wrong => kind == Kind::Get,
            Self::Stale => kind == Kind::List,
            _ => true,
        }
    }

    /// What is left of a body.
    pub fn damage(self, mut body: Vec<u8>) -> Vec<u8> {
        let middle = body.len() / 2;
        match self {
            Self::Truncated => body.truncate(middle),
            Self::Wrong => body.iter_mut().skip(middle).take(1).for_each(|byte| *byte ^= 1),
            _ => {}
        }
        body
    }

    /// What a caller is told; nothing where the reply is no error.
    pub fn error(self, key: &str) -> Option<Error> {
        let (path, source) = (key.to_owned(), format!("simulated: {self:?}").into());
        Some(match self {
            Self::Forbidden => Error::PermissionDenied { path, source },
            Self::Expired => Error::Unauthenticated { path, source },
            Self::Exists | Self::Conflict => Error::AlreadyExists { path, source },
            Self::Precondition => Error::Precondition { path, source },
            Self::NoPlace => Error::NotFound { path, source },
            Self::LostReply | Self::Reset | Self::Failed | Self::Busy | Self::TooMany | Self::Late => {
                Error::Generic {
                    store: "simulated",
                    source,
                }
            }
            Self::Slow | Self::Truncated | Self::Wrong | Self::Stale => return None,
        })
    }
}

/// Which operations of a kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Which {
    /// Counted from 1, since the beginning.
    Nth(usize),
    /// This one, counted from 1, and all after it.
    From(usize),
    /// So many of them, from now on.
    Next(usize),
    /// Those on keys that contain this.
    Of(String),
    All,
}

/// What was asked so far, and what will go wrong.
#[derive(Default)]
pub struct Plan {
    log: Vec<(Kind, String)>,
    faults: Vec<(Kind, Which, Fault)>,
    forbidden: Vec<(Kind, Fault)>,
}

impl Plan {
    /// Goes wrong always, mended or not.
    pub fn forbid(&mut self, kind: Kind, fault: Fault) {
        assert!(!fault.is_done());
        self.forbidden.push((kind, fault));
    }

    pub fn fail(&mut self, kind: Kind, which: Which, fault: Fault) {
        assert!(fault.befalls(kind), "{fault:?} cannot happen to a {kind:?}");
        self.faults.push((kind, which, fault));
    }

    /// Nothing goes wrong any more, but what is forbidden.
    pub fn mend(&mut self) {
        self.faults.clear();
    }

    /// What was asked so far.
    pub fn log(&self) -> &[(Kind, String)] {
        &self.log
    }

    pub fn count_of(&self, kind: Kind) -> usize {
        self.log.iter().filter(|(other, _)| *other == kind).count()
    }

    /// The next operation: what goes wrong with it. The fault planned first wins.
    pub fn next(&mut self, kind: Kind, key: &str) -> Option<Fault> {
        self.log.push((kind, key.to_owned()));
        if let Some((_, fault)) = self.forbidden.iter().find(|(of, _)| *of == kind) {
            return Some(*fault);
        }
        let nth = self.count_of(kind);
        let (_, which, fault) = self.faults.iter_mut().find(|(of, which, _)| {
            *of == kind
                && match which {
                    Which::Nth(number) => *number == nth,
                    Which::From(number) => *number <= nth,
                    Which::Next(left) => *left > 0,
                    Which::Of(part) => key.contains(&**part),
                    Which::All => true,
                }
        })?;
        if let Which::Next(left) = which {
            *left -= 1;
        }
        Some(*fault)
    }

    /// Of these keys the one that was put last; the last of them if none was.
    pub fn newest<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        let put = |key: &str| {
            self.log
                .iter()
                .rposition(|(kind, put)| *kind == Kind::Put && put == key)
        };
        keys.into_iter().max_by_key(|key| put(key))
    }
}
