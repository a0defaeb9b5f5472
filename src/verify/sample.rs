//! A small history of one target, archived by hand: tests break it in every way.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::NaiveDate;
use url::Url;

use crate::{
    archive::Archive,
    clock::Time,
    commit::{Commit, Counts, FORMAT, Kind, Object, Origin, Tool, Undated, sha256},
    encode::encode,
    event::{Event, Schema},
    key::{self, Format, Shape},
    settings::Compression,
    target::Api,
    window::Window,
};

/// The commits and objects of an archive before they are stored.
pub(crate) struct Sample {
    pub target: &'static str,
    pub shape: Shape,
    pub commits: Vec<Commit>,
    /// Data objects and catalogues, by key.
    pub objects: BTreeMap<String, Bytes>,
    /// Commits that are not stored.
    pub dropped: Vec<u64>,
    /// Stored last, whatever was there.
    pub extra: BTreeMap<String, Bytes>,
}

pub(crate) fn at(text: &str) -> Time {
    text.parse().unwrap()
}

/// An event of that id at that time, such as `01T09:00:00`, of January 2026.
pub(crate) fn event(id: &str, time: &str) -> String {
    format!(r#"{{"id":"{id}","createdOn":"2026-01-{time}.000Z","n":1}}"#)
}

pub(crate) fn window(from: &str, to: &str) -> Window {
    Window::new(at(&format!("2026-01-{from}Z")), at(&format!("2026-01-{to}Z")))
}

pub(crate) async fn memory() -> Archive {
    Archive::open_url(&Url::parse("memory:///").unwrap()).unwrap()
}

impl Sample {
    pub(crate) fn empty(target: &'static str) -> Self {
        Self {
            target,
            shape: Shape {
                target: target.parse().unwrap(),
                api: Api::Unified,
                compression: Compression::Zstd,
                csv: true,
            },
            commits: Vec::new(),
            objects: BTreeMap::new(),
            dropped: Vec::new(),
            extra: BTreeMap::new(),
        }
    }

    /// Everything an archive may hold: nine events in seven commits, on two days.
    pub(crate) fn new(target: &'static str) -> Self {
        let mut sample = Self::empty(target);
        let undated = r#"{"id":"u","n":1}"#.to_owned();
        let catalog = Bytes::from_static(b"[]");
        let key = key::catalog(&sample.shape.target, &sha256(&catalog));
        sample.objects.insert(key.clone(), catalog);
        let first = [event("a", "01T08:00:00"), event("b", "01T09:00:00"), undated];
        sample.commit(
            Kind::Events,
            window("01T00:00:00", "01T10:00:00"),
            "01T00:00:00",
            &first,
        );
        sample.commits[0].catalog = Some(key);
        sample.link();
        sample.commit(
            Kind::Empty,
            window("01T10:00:00", "01T12:00:00"),
            "01T09:00:00",
            &[],
        );
        sample.shape.compression = Compression::Gzip;
        let second = [
            event("late", "01T11:00:00"),
            event("c", "01T23:00:00"),
            event("d", "02T01:00:00"),
        ];
        sample.commit(
            Kind::Events,
            window("01T12:00:00", "02T02:00:00"),
            "01T11:00:00",
            &second,
        );
        sample.commit(
            Kind::Gap,
            window("02T02:00:00", "02T04:00:00"),
            "02T02:00:00",
            &[],
        );
        sample.shape.compression = Compression::None;
        let later = [event("later", "02T01:30:00")];
        sample.commit(
            Kind::Events,
            window("02T04:00:00", "02T04:00:00"),
            "02T01:00:00",
            &later,
        );
        let found = [event("found", "01T08:30:00")];
        sample.commit(
            Kind::Backfill,
            window("01T08:00:00", "01T09:00:00"),
            "01T08:00:00",
            &found,
        );
        let last = [event("e", "02T05:00:00")];
        sample.commit(
            Kind::Events,
            window("02T04:00:00", "02T06:00:00"),
            "02T04:00:00",
            &last,
        );
        sample
    }

    /// Adds a commit.
    pub(crate) fn commit(&mut self, kind: Kind, window: Window, lookback: &str, events: &[String]) {
        let number = self.commits.len() as u64;
        let events: Vec<Event> = events
            .iter()
            .map(|raw| Event::parse(Bytes::from(raw.clone()), Schema::Unified).unwrap())
            .collect();
        let count = |of: &dyn Fn(&Event) -> bool| events.iter().filter(|event| of(event)).count() as u64;
        let late = count(&|event| event.time.is_some_and(|time| time < window.from));
        let undated = count(&|event| event.time.is_none());
        let written = events.len() as u64;
        let encoded = encode(&self.shape, number, window.from, events).unwrap();
        let previous = self.commits.last();
        self.commits.push(Commit {
            format: FORMAT.to_owned(),
            target: self.target.to_owned(),
            number,
            epoch: 1 + number / 3,
            instance: "audit-1".to_owned(),
            run: "9f2c01ab".to_owned(),
            kind,
            reason: (kind == Kind::Gap).then(|| "the server forgot".to_owned()),
            window,
            lookback_from: at(&format!("2026-01-{lookback}Z")),
            counts: Counts {
                pulled: written + 1,
                written,
                duplicate: 1,
                late,
                conflict: 0,
            },
            undated: Undated {
                events: undated,
                previous: previous.and_then(Commit::last_undated),
            },
            objects: encoded.iter().map(|encoded| encoded.object.clone()).collect(),
            catalog: previous.and_then(|commit| commit.catalog.clone()),
            rules: None,
            source: Origin {
                url: "https://cloud.uipath.com/acme/production/tenantaudit_/api/query/events".to_owned(),
                api: Api::Unified,
                target_api: None,
                filter: None,
                requests: 1,
                pages: 1,
            },
            tool: Tool::this(),
            committed_at: at("2026-01-03T00:00:00Z") + chrono::TimeDelta::hours(number.cast_signed()),
            previous_sha256: previous.map(|commit| sha256(&commit.to_bytes())),
        });
        self.objects.extend(
            encoded
                .into_iter()
                .map(|encoded| (encoded.object.key, encoded.bytes)),
        );
    }

    /// Chains the commits anew, so that a change of one does not show in the next.
    pub(crate) fn link(&mut self) {
        let mut previous = None;
        for commit in &mut self.commits {
            commit.previous_sha256 = previous;
            previous = Some(sha256(&commit.to_bytes()));
        }
    }

    /// The record object of a commit, the first of its days.
    pub(crate) fn object(&mut self, number: usize) -> &mut Object {
        let mut objects = self.commits[number].objects.iter_mut();
        objects.find(|object| object.format == "jsonl").unwrap()
    }

    /// Replaces the content of that object, and everything that follows from its bytes.
    pub(crate) fn rewrite(&mut self, number: usize, content: &str) {
        let day: NaiveDate = self.object(number).key.split("/day=").nth(1).unwrap()[..10]
            .parse()
            .unwrap();
        let bytes = Bytes::from(content.to_owned());
        let sha256 = sha256(&bytes);
        let shape = Shape {
            compression: Compression::None,
            ..self.shape.clone()
        };
        let key = key::data(Format::Jsonl, &shape, day, number as u64, &sha256);
        *self.object(number) = Object {
            key: key.clone(),
            events: content.lines().count() as u64,
            bytes: bytes.len() as u64,
            content_sha256: sha256.clone(),
            sha256,
            ..self.object(number).clone()
        };
        self.objects.insert(key, bytes);
        self.link();
    }

    /// Stores everything.
    pub(crate) async fn store(&self, archive: &Archive) {
        let mut all = self.objects.clone();
        for (number, commit) in (0..).zip(&self.commits) {
            if !self.dropped.contains(&number) {
                all.insert(key::commit(&self.shape.target, number), commit.to_bytes());
            }
        }
        all.extend(self.extra.clone());
        for (key, bytes) in all {
            archive.create(&key, bytes).await.unwrap();
        }
    }

    /// An archive that holds this alone.
    pub(crate) async fn archive(&self) -> Archive {
        let archive = memory().await;
        self.store(&archive).await;
        archive
    }
}
