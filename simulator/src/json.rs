//! JSON kept as it is spelled: splits text into tokens without reading numbers or strings, so that nothing odd
//! (lone surrogates, 1e400, repeated keys) is lost. Text that is no JSON gives `None`.

/// Nesting beyond this is kept as one piece.
const DEEPEST: usize = 64;

/// A value as slices of its own text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node<'a> {
    /// A number, string or word; or a value nested too deep.
    Atom(&'a [u8]),
    /// An atom made here.
    Made(String),
    /// The elements.
    Array(Vec<Node<'a>>),
    /// The members: key with its quotation marks, value.
    Object(Vec<(&'a [u8], Node<'a>)>),
}

/// Splits a whole text.
pub(crate) fn parse(text: &[u8]) -> Option<Node<'_>> {
    let mut reader = Reader { text, at: 0 };
    let node = reader.value(0)?;
    reader.space();
    (reader.at == text.len()).then_some(node)
}

/// The text of a top-level member, whatever the case of its first letter.
pub(crate) fn member<'a>(object: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut reader = Reader { text: object, at: 0 };
    reader.space();
    reader.eat(b'{')?;
    loop {
        reader.space();
        let key = reader.string()?;
        reader.space();
        reader.eat(b':')?;
        reader.space();
        let start = reader.at;
        reader.skip()?;
        let key = key.get(1..key.len().saturating_sub(1))?;
        if key.eq_ignore_ascii_case(name.as_bytes()) {
            return object.get(start..reader.at);
        }
        reader.space();
        reader.eat(b',')?;
    }
}

/// The text a JSON string stands for; `None` for anything else. Lone surrogates become U+FFFD.
pub(crate) fn text(json: &[u8]) -> Option<String> {
    if json.first() != Some(&b'"') {
        return None;
    }
    serde_json::from_slice(json).ok().or_else(|| {
        let bytes = json.get(1..json.len().saturating_sub(1))?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    })
}

/// Appends a JSON string.
pub(crate) fn quote(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    // Runs of plain text go in one piece: a page has 200 events of these.
    while let Some(at) = rest.bytes().position(|b| b < b' ' || b == b'"' || b == b'\\') {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = special.chars();
        if let Some(c) = chars.next() {
            escape(out, c);
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

fn escape(out: &mut String, c: char) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c => out.push_str(&format!("\\u{:04x}", u32::from(c))),
    }
}

/// A JSON string.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    quote(&mut out, text);
    out
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        self.eat(b'"')?;
        loop {
            match self.peek()? {
                b'\\' => self.at += 2,
                b'"' => {
                    self.at += 1;
                    return self.text.get(start..self.at);
                }
                _ => self.at += 1,
            }
        }
    }

    fn word(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        while matches!(self.peek(), Some(b) if b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')) {
            self.at += 1;
        }
        self.text.get(start..self.at).filter(|word| !word.is_empty())
    }

    /// Passes one value without looking into it, at any depth.
    fn skip(&mut self) -> Option<()> {
        let mut open = 0_usize;
        loop {
            match self.peek()? {
                b'"' => drop(self.string()?),
                b'{' | b'[' => {
                    self.at += 1;
                    open += 1;
                }
                b'}' | b']' => {
                    self.at += 1;
                    open = open.checked_sub(1)?;
                }
                b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if open > 0 => self.at += 1,
                _ => drop(self.word()?),
            }
            if open == 0 {
                return Some(());
            }
        }
    }

    fn value(&mut self, depth: usize) -> Option<Node<'a>> {
        self.space();
        let start = self.at;
        match self.peek()? {
            b'"' => Some(Node::Atom(self.string()?)),
            b'{' | b'[' if depth >= DEEPEST => {
                self.skip()?;
                Some(Node::Atom(self.text.get(start..self.at)?))
            }
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            _ => Some(Node::Atom(self.word()?)),
        }
    }

    fn array(&mut self, depth: usize) -> Option<Node<'a>> {
        self.eat(b'[')?;
        let mut elements = Vec::new();
        self.space();
        if self.eat(b']').is_some() {
            return Some(Node::Array(elements));
        }
        loop {
            elements.push(self.value(depth + 1)?);
            self.space();
            if self.eat(b']').is_some() {
                return Some(Node::Array(elements));
            }
            self.eat(b',')?;
        }
    }

    fn object(&mut self, depth: usize) -> Option<Node<'a>> {
        self.eat(b'{')?;
        let mut members = Vec::new();
        self.space();
        if self.eat(b'}').is_some() {
            return Some(Node::Object(members));
        }
        loop {
            self.space();
            let key = self.string()?;
            self.space();
            self.eat(b':')?;
            members.push((key, self.value(depth + 1)?));
            self.space();
            if self.eat(b'}').is_some() {
                return Some(Node::Object(members));
            }
            self.eat(b',')?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_as_they_are_spelled() {
        let event = br#"{"a" : [1, {"id":2}], "Id":"\ud800", "n":1e400 }"#;
        assert_eq!(member(event, "id"), Some(&br#""\ud800""#[..]));
        assert_eq!(member(event, "n"), Some(&b"1e400"[..]));
        assert_eq!(member(event, "x"), None);
        assert!(parse(event).is_some());
        assert_eq!(parse(b"{"), None);
        assert_eq!(parse(b"nonsense, really"), None);
    }

    #[test]
    fn deep_nesting_is_no_trouble() {
        let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
        assert!(parse(&deep).is_some());
    }
}
