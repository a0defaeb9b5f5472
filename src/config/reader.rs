//! Reads a tree of values field by field, and notes every mistake with its path. Knows no setting.
//!
//! One pattern throughout: `table.field("key").kind(limits)` is the value, or `None` when it is absent or
//! wrong; what is wrong has been noted. A table notes keys that nobody asked for when its reader is done.

use std::{cell::RefCell, fmt::Display};

use super::{Map, Mistake, Value, ValueKind, Warning};

type Values = Map<String, Value>;

/// How the `config` crate names the origin of a variable's value.
const ENVIRONMENT: &str = "the environment";

/// What a feature of the interface is called that has not been built yet.
pub(super) const LATER: &str = "is not supported by this version, a later one brings it";

/// Everything noted so far, and the layers in their order.
pub(super) struct Notes {
    layers: Vec<String>,
    mistakes: RefCell<Vec<Mistake>>,
    warnings: RefCell<Vec<Warning>>,
}

impl Notes {
    pub(super) fn new(files: Vec<String>) -> Self {
        Self {
            layers: files,
            mistakes: RefCell::default(),
            warnings: RefCell::default(),
        }
    }

    pub(super) fn into_parts(self) -> (Vec<Mistake>, Vec<Warning>) {
        (self.mistakes.into_inner(), self.warnings.into_inner())
    }
}

/// A table that is being read. An absent one reads like an empty one.
pub(super) struct Table<'a> {
    path: String,
    values: Option<&'a Values>,
    known: Vec<&'static str>,
    notes: &'a Notes,
}

impl<'a> Table<'a> {
    /// Reads the whole tree.
    pub(super) fn root<T>(
        value: &'a Value,
        notes: &'a Notes,
        read: impl FnOnce(&mut Table<'a>) -> Option<T>,
    ) -> Option<T> {
        let path = String::new();
        Field {
            path,
            value: Some(value),
            notes,
        }
        .table(read)
    }

    /// The field of that name, written or not.
    pub(super) fn field(&mut self, key: &'static str) -> Field<'a> {
        self.known.push(key);
        self.named(key)
    }

    fn named(&self, key: &str) -> Field<'a> {
        let value = self.values.and_then(|values| values.get(key));
        Field {
            path: if self.path.is_empty() {
                key.to_owned()
            } else {
                format!("{}.{key}", self.path)
            },
            value: value.filter(|value| value.kind != ValueKind::Nil),
            notes: self.notes,
        }
    }

    fn keys(&self) -> Vec<&'a str> {
        let mut keys: Vec<&str> = self
            .values
            .into_iter()
            .flat_map(Map::keys)
            .map(String::as_str)
            .collect();
        keys.sort_unstable();
        keys
    }

    fn note_unknown(&self) {
        for key in self.keys() {
            if !self.known.contains(&key) {
                self.named(key)
                    .wrong(format!("is no setting{}", instead(key, &self.known)));
            }
        }
    }
}

/// One value, written or not, and where it belongs.
pub(super) struct Field<'a> {
    path: String,
    value: Option<&'a Value>,
    notes: &'a Notes,
}

impl<'a> Field<'a> {
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn is_set(&self) -> bool {
        self.value.is_some()
    }

    /// Itself, when it is written.
    pub(super) fn written(&self) -> Option<&Self> {
        self.is_set().then_some(self)
    }

    /// Which layer wrote it last: its number, the environment's being the highest.
    pub(super) fn layer(&self) -> Option<usize> {
        let origin = self.value?.origin()?;
        let layers = &self.notes.layers;
        Some(
            layers
                .iter()
                .position(|layer| layer == origin)
                .unwrap_or(layers.len()),
        )
    }

    /// Notes a mistake. `problem` must not quote what could be a secret.
    pub(super) fn wrong(&self, problem: impl Display) {
        let origin = self.value.and_then(Value::origin);
        let told = origin.filter(|origin| self.notes.layers.len() > 1 || *origin == ENVIRONMENT);
        let place = told.map(|origin| format!(" (from {origin})")).unwrap_or_default();
        self.notes.mistakes.borrow_mut().push(Mistake {
            path: self.path.clone(),
            problem: format!("{problem}{place}"),
        });
    }

    /// Notes a warning.
    pub(super) fn unwise(&self, problem: impl Display) {
        self.notes.warnings.borrow_mut().push(Warning {
            path: self.path.clone(),
            problem: problem.to_string(),
        });
    }

    /// Notes a mistake when it is absent.
    pub(super) fn required(self, what: &str) -> Self {
        if self.value.is_none() {
            self.wrong(format!("is missing: {what}"));
        }
        self
    }

    /// Notes a mistake when it is there: a setting that has no effect yet.
    pub(super) fn not_yet(&self) {
        if self.is_set() {
            self.wrong(LATER);
        }
    }

    pub(super) fn must_be(&self, what: &str) {
        if let Some(value) = self.value {
            self.wrong(format!("is {}, must be {what}", kind(value)));
        }
    }

    pub(super) fn kind(&self) -> Option<&'a ValueKind> {
        self.value.map(|value| &value.kind)
    }

    /// A text that is not blank.
    pub(super) fn text(&self) -> Option<&'a str> {
        match self.kind()? {
            ValueKind::String(text) if text.trim().is_empty() => self.wrong("is empty"),
            ValueKind::String(text) => return Some(text),
            _ => self.must_be("a string"),
        }
        None
    }

    /// A text as something better; `make` says what is wrong with it.
    pub(super) fn parse<T, E: Display>(&self, make: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        make(self.text()?).map_err(|error| self.wrong(error)).ok()
    }

    /// One of `options`; those of `later` are known, but not built yet.
    pub(super) fn choice<T: Copy>(&self, options: &[(&'static str, T)], later: &[&str]) -> Option<T> {
        let text = self.text()?;
        let found = options.iter().find(|(name, _)| *name == text);
        if found.is_none() {
            let names: Vec<&str> = options.iter().map(|(name, _)| *name).collect();
            if later.contains(&text) {
                self.wrong(format!("`{text}` {LATER}"));
            } else {
                self.wrong(format!("`{text}` is not known{}", instead(text, &names)));
            }
        }
        found.map(|(_, option)| *option)
    }

    /// A number from `least` to `most`.
    pub(super) fn number(&self, least: f64, most: f64) -> Option<f64> {
        let number = match self.kind()? {
            ValueKind::Float(number) => Some(*number),
            ValueKind::I64(number) => number.to_string().parse().ok(),
            _ => self.variable().and_then(|text| text.parse().ok()),
        };
        let good = number.filter(|number| (least..=most).contains(number));
        if good.is_none() {
            self.must_be(&format!("a number from {least} to {most}"));
        }
        good
    }

    /// A whole number from `least` to `most`.
    pub(super) fn count(&self, least: usize, most: usize) -> Option<usize> {
        let number = match self.kind()? {
            ValueKind::I64(number) => usize::try_from(*number).ok(),
            _ => self.variable().and_then(|text| text.parse().ok()),
        };
        let good = number.filter(|number| (least..=most).contains(number));
        if good.is_none() {
            self.must_be(&format!("a whole number from {least} to {most}"));
        }
        good
    }

    /// Texts: a list, or from the environment one text with commas.
    pub(super) fn texts(&self) -> Option<Vec<String>> {
        if let Some(text) = self.variable() {
            return Some(text.split(',').map(|part| part.trim().to_owned()).collect());
        }
        let items = self.items("a list of strings")?;
        Some(items.iter().filter_map(Field::text).map(str::to_owned).collect())
    }

    /// The text, when it is from the environment, where everything is one.
    fn variable(&self) -> Option<&'a str> {
        match self.value {
            Some(value) if value.origin() == Some(ENVIRONMENT) => self.text(),
            _ => None,
        }
    }

    /// The entries of a list; `what` says of what.
    pub(super) fn items(&self, what: &str) -> Option<Vec<Field<'a>>> {
        let ValueKind::Array(values) = self.kind()? else {
            self.must_be(what);
            return None;
        };
        let item = |(number, value)| Field {
            path: format!("{}[{number}]", self.path),
            value: Some(value),
            notes: self.notes,
        };
        Some(values.iter().enumerate().map(item).collect())
    }

    /// The entries of a table whose keys a user chooses, by key.
    pub(super) fn entries(&self) -> Vec<(&'a str, Field<'a>)> {
        let read = |table: &mut Table<'a>| {
            let keys = table.keys();
            let entries = keys.iter().map(|key| (*key, table.named(key))).collect();
            table.values = None;
            Some(entries)
        };
        self.table(read).unwrap_or_default()
    }

    /// A table, read by `read`, which also runs when there is none. Keys that `read` does not ask for are mistakes.
    pub(super) fn table<T>(&self, read: impl FnOnce(&mut Table<'a>) -> Option<T>) -> Option<T> {
        let values = match self.kind() {
            None => None,
            Some(ValueKind::Table(values)) => Some(values),
            Some(_) => {
                self.must_be("a table");
                return None;
            }
        };
        let mut table = Table {
            path: self.path.clone(),
            values,
            known: Vec::new(),
            notes: self.notes,
        };
        let result = read(&mut table);
        table.note_unknown();
        result
    }
}

/// What a value is, without showing a text, which could be a secret.
fn kind(value: &Value) -> String {
    match &value.kind {
        ValueKind::Nil => "nothing".to_owned(),
        ValueKind::Boolean(value) => format!("`{value}`"),
        ValueKind::Float(number) => format!("{number}"),
        ValueKind::I64(number) => format!("{number}"),
        ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => "a huge number".to_owned(),
        ValueKind::String(_) => "a string".to_owned(),
        ValueKind::Table(_) => "a table".to_owned(),
        ValueKind::Array(_) => "a list".to_owned(),
    }
}

/// What may have been meant, as the end of a sentence.
pub(super) fn instead(written: &str, known: &[&str]) -> String {
    match nearest(written, known) {
        Some(name) => format!(", did you mean `{name}`?"),
        None => format!(", there is `{}`", known.join("`, `")),
    }
}

/// What was meant, if the names are much alike.
pub(super) fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let near = known.iter().map(|name| (distance(written, name), name)).min();
    let near = near.filter(|(edits, _)| *edits <= 1 + written.len() / 4);
    near.map(|(_, name)| *name)
}

/// How many letters differ: the edit distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut left = i + 1;
        let mut next = vec![left];
        for (pair, y) in row.windows(2).zip(&b) {
            if let [diagonal, above] = pair {
                left = (diagonal + usize::from(x != *y)).min(above + 1).min(left + 1);
                next.push(left);
            }
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
