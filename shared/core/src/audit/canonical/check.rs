//! Whether a text is in canonical form, told in one pass and without building its value.

/// Deepest nesting: what a JSON reader here takes.
const DEEPEST: usize = 127;
/// Digits of the largest integer.
const MOST_DIGITS: usize = 16;

/// Whether `text` is exactly what [`super::canonical_json`] writes of some value.
#[must_use]
pub fn is_canonical(text: &str) -> bool {
    let mut check = Check { text, at: 0 };
    check.value(DEEPEST).is_some() && check.at == text.len()
}

/// A place in the text. Every step is `None` where what comes next is not canonical.
struct Check<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Check<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn literal(&mut self, literal: &str) -> Option<()> {
        let here = self.text.as_bytes().get(self.at..)?.starts_with(literal.as_bytes());
        self.at += literal.len();
        here.then_some(())
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(drop),
            b'{' => self.members(depth.checked_sub(1)?),
            b'[' => self.items(depth.checked_sub(1)?),
            b'n' => self.literal("null"),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            _ => self.number(),
        }
    }

    fn items(&mut self, depth: usize) -> Option<()> {
        self.literal("[")?;
        if self.peek()? == b']' {
            return self.literal("]");
        }
        loop {
            self.value(depth)?;
            match self.next()? {
                b',' => {}
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    fn members(&mut self, depth: usize) -> Option<()> {
        self.literal("{")?;
        if self.peek()? == b'}' {
            return self.literal("}");
        }
        let mut last = None;
        loop {
            let name = self.string()?;
            if last.is_some_and(|last| !in_order(last, name)) {
                return None;
            }
            last = Some(name);
            self.literal(":")?;
            self.value(depth)?;
            match self.next()? {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    /// A string; what stands between its quotes.
    fn string(&mut self) -> Option<&'a str> {
        self.literal("\"")?;
        let start = self.at;
        loop {
            let rest = self.text.as_bytes().get(self.at..)?;
            self.at += rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..b' '))?;
            match self.next()? {
                b'"' => return self.text.get(start..self.at - 1),
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
    }

    /// What follows a backslash: the shortest escape, and only of what needs one.
    fn escape(&mut self) -> Option<()> {
        match self.next()? {
            b'"' | b'\\' | b'b' | b't' | b'n' | b'f' | b'r' => Some(()),
            b'u' => {
                let digits = self.text.as_bytes().get(self.at..self.at + 4)?;
                self.at += 4;
                match digits {
                    [b'0', b'0', b'0', b'0'..=b'7' | b'b' | b'e' | b'f']
                    | [b'0', b'0', b'1', b'0'..=b'9' | b'a'..=b'f'] => Some(()),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn number(&mut self) -> Option<()> {
        let negative = self.peek()? == b'-';
        self.at += usize::from(negative);
        let rest = self.text.get(self.at..)?;
        let length = rest.bytes().take(MOST_DIGITS + 1).take_while(u8::is_ascii_digit).count();
        let digits = rest.get(..length)?;
        let number: u64 = digits.parse().ok().filter(|number| *number <= super::MAX_SAFE_INTEGER)?;
        let one_way = if number == 0 { digits == "0" && !negative } else { !digits.starts_with('0') };
        self.at += length;
        one_way.then_some(())
    }
}

/// Whether member `a` comes before `b`, both as they stand between quotes: in UTF-16 order, and never twice.
fn in_order(a: &str, b: &str) -> bool {
    let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii() && byte != b'\\');
    if plain(a) && plain(b) {
        return a < b;
    }
    let name = |name: &str| serde_json::from_str::<String>(&format!("\"{name}\"")).ok();
    match (name(a), name(b)) {
        (Some(a), Some(b)) => a.encode_utf16().lt(b.encode_utf16()),
        _ => false,
    }
}
