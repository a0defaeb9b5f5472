//! Writes an event in other words: other white space, order of members, case of keys. Values keep their tokens.

use crate::dice::Dice;
use crate::json::{Node, parse, quoted};
use crate::switches::{Bodies, Casing, Layout, Respell};

/// Spells the values of one reply.
pub(crate) struct Speller {
    layout: Layout,
    casing: Casing,
    respell: Respell,
    dice: Dice,
}

impl Speller {
    /// `call` tells one reply from another.
    pub(crate) fn new(bodies: Bodies, call: u64) -> Self {
        Self {
            layout: bodies.layout,
            casing: bodies.casing,
            respell: bodies.respell,
            dice: Dice::of(call, 11),
        }
    }

    /// Whether events are told exactly as recorded.
    pub(crate) fn is_plain(&self) -> bool {
        self.layout == Layout::Compact && self.casing == Casing::Camel && self.respell == Respell::Never
    }

    /// An event at that depth of the page; with another summary if one is given. Text that is no JSON stays as is.
    pub(crate) fn event(&mut self, raw: &[u8], depth: usize, summary: Option<&str>) -> Vec<u8> {
        self.event_with(raw, depth, summary.map(|summary| ("eventSummary", summary)))
    }

    /// As [`Speller::event`], with another text in the member of that name.
    pub(crate) fn event_with(&mut self, raw: &[u8], depth: usize, other: Option<(&str, &str)>) -> Vec<u8> {
        let Some(mut node) = parse(raw) else {
            return raw.to_vec();
        };
        let name = quoted(other.map_or("", |(name, _)| name));
        if let (Node::Object(members), Some((_, text))) = (&mut node, other) {
            let made = Node::Made(quoted(text));
            match members.iter_mut().find(|(key, _)| *key == name.as_bytes()) {
                Some((_, value)) => *value = made,
                None => members.push((name.as_bytes(), made)),
            }
        }
        let mut out = Vec::with_capacity(raw.len() + raw.len() / 4);
        self.write(&mut out, node, depth);
        out
    }

    /// A key of the page, as the casing wants it.
    pub(crate) fn key(&self, name: &str) -> String {
        let mut key = quoted(name);
        if self.casing == Casing::Pascal
            && let Some(first) = key.get_mut(1..2)
        {
            first.make_ascii_uppercase();
        }
        key
    }

    /// What stands between brackets or commas and the token that follows, at that depth.
    pub(crate) fn line(&self, out: &mut Vec<u8>, depth: usize) {
        let (end, indent): (&[u8], &[u8]) = match self.layout {
            Layout::Compact | Layout::Spaced => return,
            Layout::TwoSpaces => (b"\n", b"  "),
            Layout::FourSpaces => (b"\n", b"    "),
            Layout::CrLf => (b"\r\n", b"  "),
            Layout::Tabs => (b"\n", b"\t"),
        };
        out.extend_from_slice(end);
        for _ in 0..depth {
            out.extend_from_slice(indent);
        }
    }

    /// A comma and what follows it.
    pub(crate) fn comma(&self, out: &mut Vec<u8>, depth: usize) {
        out.extend_from_slice(if self.layout == Layout::Spaced {
            b", "
        } else {
            b","
        });
        self.line(out, depth);
    }

    /// A colon and what follows it.
    pub(crate) fn colon(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.layout == Layout::Compact {
            b":"
        } else {
            b": "
        });
    }

    fn write(&mut self, out: &mut Vec<u8>, node: Node<'_>, depth: usize) {
        match node {
            Node::Atom(text) => out.extend_from_slice(text),
            Node::Made(text) => out.extend_from_slice(text.as_bytes()),
            Node::Array(elements) => {
                out.push(b'[');
                let any = !elements.is_empty();
                for (n, element) in elements.into_iter().enumerate() {
                    self.open(out, n, depth + 1);
                    self.write(out, element, depth + 1);
                }
                self.close(out, any, depth);
                out.push(b']');
            }
            Node::Object(mut members) => {
                if matches!(self.respell, Respell::Members | Respell::Both) {
                    reorder(&mut members, &mut self.dice);
                }
                out.push(b'{');
                let any = !members.is_empty();
                for (n, (key, value)) in members.into_iter().enumerate() {
                    self.open(out, n, depth + 1);
                    self.write_key(out, key);
                    self.space(out);
                    self.colon(out);
                    self.space(out);
                    self.write(out, value, depth + 1);
                }
                self.close(out, any, depth);
                out.push(b'}');
            }
        }
    }

    fn open(&mut self, out: &mut Vec<u8>, n: usize, depth: usize) {
        if n > 0 {
            self.space(out);
            self.comma(out, depth);
        } else {
            self.line(out, depth);
        }
        self.space(out);
    }

    fn close(&mut self, out: &mut Vec<u8>, any: bool, depth: usize) {
        self.space(out);
        if any {
            self.line(out, depth);
        }
    }

    fn write_key(&self, out: &mut Vec<u8>, key: &[u8]) {
        let start = out.len();
        out.extend_from_slice(key);
        if self.casing == Casing::Pascal
            && let Some(first) = out.get_mut(start + 1)
        {
            first.make_ascii_uppercase();
        }
    }

    /// White space of chance.
    fn space(&mut self, out: &mut Vec<u8>) {
        if matches!(self.respell, Respell::WhiteSpace | Respell::Both) {
            let space = self.dice.pick(&["", "", "", " ", "  ", "\n", "\r\n  ", "\t"]);
            out.extend_from_slice(space.as_bytes());
        }
    }
}

/// Another order; members of the same name keep theirs.
fn reorder<'a>(members: &mut Vec<(&'a [u8], Node<'a>)>, dice: &mut Dice) {
    let doubled = members
        .iter()
        .enumerate()
        .any(|(n, (key, _))| members.iter().skip(n + 1).any(|(k, _)| k == key));
    if !doubled {
        dice.shuffle(members);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_survive_every_layout() {
        let raw = br#"{"id":"\ud800","n":[1e400,-0,{}],"o":{"a":null},"e":[]}"#;
        for (layout, expected) in [
            (Layout::Compact, String::from_utf8_lossy(raw).into_owned()),
            (Layout::Spaced, r#"{"id": "\ud800", "n": [1e400, -0, {}], "o": {"a": null}, "e": []}"#.to_owned()),
            (Layout::CrLf, "{\r\n  \"id\": \"\\ud800\",\r\n  \"n\": [\r\n    1e400,\r\n    -0,\r\n    {}\r\n  ],\r\n  \"o\": {\r\n    \"a\": null\r\n  },\r\n  \"e\": []\r\n}".to_owned()),
        ] {
            let spelled = Speller::new(Bodies { layout, ..Bodies::default() }, 1).event(raw, 0, None);
            assert_eq!(String::from_utf8(spelled).unwrap(), expected);
        }
    }
}
