//! The canonical form of a value: what a fingerprint is a digest of.
//!
//! Members sorted by their keys as spelled (those of one name in their order), no white space, a comma after each
//! member and element, every other token as it is spelled. Being JSON itself but for the commas, no two contents
//! share a form.

use std::ops::Range;

use super::{Named, Value};

/// The form of one value after another, in memory that is used again.
#[derive(Debug, Default)]
pub struct Form {
    /// The forms of containers; at last that of the whole value.
    out: Vec<u8>,
    /// The members of all open objects; at last those of the whole value.
    members: Vec<Place>,
    /// The keys of the last whole value, one after another, and the order that sorts them: most events have the same.
    keys: Vec<u8>,
    order: Vec<usize>,
}

/// Room for the usual event, so that a form used once does not grow into it step by step: bytes of a form, members,
/// bytes of their keys.
const ROOM: (usize, usize, usize) = (2048, 32, 512);

/// Where a member stands in the text, and where the form of its value in [`Form::out`]: nowhere, if it is no
/// container.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) key: Range<usize>,
    pub(super) value: Range<usize>,
    pub(super) formed: Range<usize>,
}

/// How much there was when a container began.
#[derive(Clone, Copy)]
pub(super) struct Begun {
    members: usize,
    out: usize,
}

impl Form {
    /// The form of the value that was read last; empty if it is no container.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.out
    }

    pub(super) fn clear(&mut self) {
        self.out.clear();
        self.out.reserve(ROOM.0);
        self.members.clear();
        self.members.reserve(ROOM.1);
    }

    pub(super) fn begin(&self) -> Begun {
        Begun {
            members: self.members.len(),
            out: self.out.len(),
        }
    }

    pub(super) fn length(&self) -> usize {
        self.out.len()
    }

    pub(super) fn member(&mut self, place: Place) {
        self.members.push(place);
    }

    pub(super) fn begin_array(&mut self) {
        self.out.push(b'[');
    }

    /// Notes an element; one that is no container has no form yet.
    pub(super) fn element(&mut self, token: &[u8], formed_from: usize) {
        if self.out.len() == formed_from {
            self.out.extend_from_slice(token);
        }
        self.out.push(b',');
    }

    pub(super) fn end_array(&mut self) {
        self.out.push(b']');
    }

    /// The end of an object inside the value.
    pub(super) fn end_object(&mut self, text: &[u8], begun: Begun) {
        let from = self.out.len();
        let inner = self.members.get_mut(begun.members..).unwrap_or_default();
        // Stable: members of the same name keep their order.
        inner.sort_by(|a, b| text.get(a.key.clone()).cmp(&text.get(b.key.clone())));
        self.out.push(b'{');
        for place in self.members.get(begun.members..).unwrap_or_default() {
            push(&mut self.out, text, place);
        }
        self.out.push(b'}');
        self.members.truncate(begun.members);
        self.keep_from(from, begun.out);
    }

    /// The end of the object that is the value: its members stay, in their order.
    pub(super) fn end_whole(&mut self, text: &[u8]) {
        let from = self.out.len();
        self.sort_whole(text);
        self.out.push(b'{');
        for index in &self.order {
            if let Some(place) = self.members.get(*index) {
                push(&mut self.out, text, place);
            }
        }
        self.out.push(b'}');
        self.keep_from(from, 0);
    }

    /// Moves what is at the end of `out` to where the object began: its members' own forms are part of it now.
    fn keep_from(&mut self, from: usize, to: usize) {
        if from > to {
            let length = self.out.len() - from;
            self.out.copy_within(from.., to);
            self.out.truncate(to + length);
        }
    }

    fn sort_whole(&mut self, text: &[u8]) {
        let mut rest = self.keys.as_slice();
        let same = self.order.len() == self.members.len()
            && self.members.iter().all(|place| {
                let key = text.get(place.key.clone()).unwrap_or_default();
                rest.strip_prefix(key).map(|after| rest = after).is_some()
            });
        if same {
            return;
        }
        let Self {
            members, keys, order, ..
        } = self;
        let key = |place: &Place| text.get(place.key.clone()).unwrap_or_default();
        keys.clear();
        keys.reserve(ROOM.2);
        members
            .iter()
            .for_each(|place| keys.extend_from_slice(key(place)));
        order.clear();
        order.extend(0..members.len());
        order.sort_by_key(|index| members.get(*index).map(key));
    }

    /// The member of that name of the object that is the value, as [`Value::member`] has it. `text` is the text that
    /// the value was read from.
    pub(super) fn find<'a>(&self, text: &'a [u8], name: &str) -> Option<Value<'a>> {
        let mut found = Named::new(name);
        for place in &self.members {
            if place.key.len() == name.len() + 2 {
                found.offer(text.get(place.key.clone()).unwrap_or_default(), || &place.value);
            }
        }
        Some(Value(text.get(found.take()?.clone())?))
    }
}

fn push(out: &mut Vec<u8>, text: &[u8], place: &Place) {
    if place.formed.is_empty() && place.value.start == place.key.end + 1 {
        out.extend_from_slice(text.get(place.key.start..place.value.end).unwrap_or_default());
    } else {
        out.extend_from_slice(text.get(place.key.clone()).unwrap_or_default());
        out.push(b':');
        if place.formed.is_empty() {
            out.extend_from_slice(text.get(place.value.clone()).unwrap_or_default());
        } else {
            out.extend_from_within(place.formed.clone());
        }
    }
    out.push(b',');
}
