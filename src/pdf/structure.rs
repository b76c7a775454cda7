//! What a PDF is made of, as far as it can be told without parsing one: objects, and the end of a document (ISO 32000-1,
//! sections 7.3.10 and 7.5.5).

use std::io::{self, Read, Seek, SeekFrom};

/// How far in front of `%%EOF` its `startxref` is looked for, in bytes.
const NEAR: usize = 1024;

/// How many bytes are read at once.
const BLOCK: u64 = 64 * 1024;

/// How far from the end of a body the end of its document is looked for, in bytes. What has been seen behind one is some
/// kilobytes: a page, or zeros up to the size of a block.
const FARTHEST: u64 = 16 * 1024 * 1024;

/// The end of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    /// Where its `%%EOF` is.
    at: u64,
    /// The number that follows `startxref`, the place of the cross-reference table; 0 if there is none.
    xref: u64,
    /// Whether nothing else is between `startxref` and `%%EOF`.
    pub(super) is_clean: bool,
}

impl End {
    /// The end of the last document in a `body` of this `length`; none if the document goes on.
    pub(super) fn last(body: &mut (impl Read + Seek), length: u64) -> io::Result<Option<Self>> {
        let overlap = NEAR as u64;
        let (mut end, mut block) = (length, Vec::new());
        while end > 0 && length - end < FARTHEST {
            let start = end.saturating_sub(BLOCK);
            // with more in front for a `startxref`, and behind for what is on the border
            let from = start.saturating_sub(overlap);
            body.seek(SeekFrom::Start(from))?;
            block.clear();
            let to = length.min(end + overlap);
            body.by_ref().take(to - from).read_to_end(&mut block)?;
            let border = usize::try_from(start - from).expect("at most a kilobyte");
            let mark = find_last(&block, b"%%EOF").filter(|at| *at >= border);
            if goes_on(&block, mark.unwrap_or(border)) {
                return Ok(None);
            }
            if let Some(mark) = mark {
                return Ok(Self::before(&block[..mark], from + mark as u64));
            }
            end = start;
        }
        Ok(None)
    }

    /// The end whose `%%EOF` is `at` this place, behind these `bytes`; none without `startxref`.
    fn before(bytes: &[u8], at: u64) -> Option<Self> {
        let near = &bytes[bytes.len().saturating_sub(NEAR)..];
        let mark = find_last(near, b"startxref")?;
        let between = near[mark + b"startxref".len()..].trim_ascii();
        let digits = between.iter().take_while(|byte| byte.is_ascii_digit());
        let digits = &between[..digits.count()];
        let xref = std::str::from_utf8(digits)
            .ok()
            .and_then(|digits| digits.parse().ok());
        Some(Self {
            at,
            xref: xref.unwrap_or(0),
            is_clean: digits.len() == between.len(),
        })
    }

    /// Whether its cross-reference table is in front of it. That of the first part of a linearized document is not: it is 0
    /// there (ISO 32000-1, annex F).
    pub(super) fn has_xref(self) -> bool {
        0 < self.xref && self.xref < self.at
    }

    /// Whether there really is a cross-reference table in the `body`, counted from its beginning or from the `header`.
    pub(super) fn leads_to_xref(
        self,
        body: &mut (impl Read + Seek),
        header: u64,
    ) -> io::Result<bool> {
        for place in [header.saturating_add(self.xref), self.xref] {
            if place == 0 || place >= self.at {
                continue;
            }
            let mut bytes = Vec::new();
            body.seek(SeekFrom::Start(place))?;
            body.by_ref().take(64).read_to_end(&mut bytes)?;
            let bytes = bytes.trim_ascii_start();
            if bytes.starts_with(b"xref") || begins_with_object(bytes) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether a document goes on in `bytes`: with another object, or with the end of one that another document is in. The words that
/// tell are not before `from`.
pub(super) fn goes_on(bytes: &[u8], from: usize) -> bool {
    let rest = bytes.get(from..).unwrap_or_default();
    has_object(bytes, from)
        || find_last(rest, b"endobj").is_some()
        || find_last(rest, b"endstream").is_some()
}

/// Whether an object begins in `bytes`, such as `12 0 obj`, with its `obj` not before `from`.
pub(super) fn has_object(bytes: &[u8], from: usize) -> bool {
    let ends = |end: usize| ends_with_object(&bytes[..end]) && is_delimited(&bytes[end..]);
    let places = bytes.get(from..).unwrap_or_default().windows(3).enumerate();
    let mut keywords = places.filter(|(_, word)| *word == b"obj");
    keywords.any(|(place, _)| ends(from + place + 3))
}

fn begins_with_object(bytes: &[u8]) -> bool {
    let first = bytes.windows(3).position(|word| word == b"obj");
    first.is_some_and(|place| {
        let head = &bytes[..place];
        let is_part = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_whitespace();
        ends_with_object(&bytes[..place + 3]) && head.iter().all(is_part)
    })
}

/// Whether `bytes` end with two numbers and `obj`.
fn ends_with_object(bytes: &[u8]) -> bool {
    let without = |bytes: &[u8], what: fn(&u8) -> bool| {
        let rest = bytes.iter().rposition(|byte| !what(byte));
        let rest = rest.map_or(0, |last| last + 1);
        (rest < bytes.len()).then_some(rest)
    };
    let number = |bytes: &[u8]| {
        let spaces = without(bytes, u8::is_ascii_whitespace)?;
        without(&bytes[..spaces], u8::is_ascii_digit)
    };
    let words = &bytes[..bytes.len() - b"obj".len()];
    let generation = number(words);
    generation.is_some_and(|start| number(&words[..start]).is_some())
}

/// Whether a word has ended in front of `rest`.
fn is_delimited(rest: &[u8]) -> bool {
    let next = rest.first();
    next.is_none_or(|byte| byte.is_ascii_whitespace() || b"<[(/%-+.0123456789".contains(byte))
}

/// Where `mark` is for the last time: backwards, because it usually is near the end.
pub(super) fn find_last(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    memchr::memmem::rfind(bytes, mark)
}

/// Whether a `body` that begins with a header has anything else of a PDF: an object, or the bytes of a stream.
pub(super) fn has_content(body: &mut (impl Read + Seek)) -> io::Result<bool> {
    /// Room for the begun object at the end of a block.
    const OVERLAP: usize = 32;
    body.seek(SeekFrom::Start(0))?;
    let mut rest = body.take(FARTHEST);
    let mut block = Vec::new();
    loop {
        let kept = block.len().min(OVERLAP);
        block.drain(..block.len() - kept);
        if rest.by_ref().take(BLOCK).read_to_end(&mut block)? == 0 {
            return Ok(false);
        }
        if is_binary(&block) || has_object(&block, 0) {
            return Ok(true);
        }
    }
}

/// The length that a linearized document states in its first object, which is in `head` (ISO 32000-1, annex F).
pub(super) fn stated_length(head: &[u8]) -> Option<u64> {
    let mark = find_last(head, b"/Linearized")?;
    let start = find_last(&head[..mark], b"<<")?;
    let dictionary = &head[start..];
    let end = dictionary.windows(2).position(|mark| mark == b">>")?;
    let dictionary = str::from_utf8(&dictionary[..end]).ok()?;
    let mut entries = dictionary
        .split('/')
        .filter_map(|entry| entry.strip_prefix('L'));
    let value = entries.find_map(|rest| rest.strip_prefix(|c: char| c.is_ascii_whitespace()))?;
    value.trim().parse().ok()
}

/// Whether `bytes` have control characters that no text has. Streams of a PDF have many.
pub(super) fn is_binary(bytes: &[u8]) -> bool {
    (bytes.iter()).any(|byte| matches!(byte, 1..=8 | 0x0e..=0x1a | 0x1c..=0x1f))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn objects_are_two_numbers_and_a_word() {
        for yes in [
            "1 0 obj",
            "x\n12 0 obj<</A 1>>",
            "3  65535\tobj\r\n[",
            "1 0 obj 5",
        ] {
            assert!(has_object(yes.as_bytes(), 0), "{yes}");
        }
        for no in [
            "",
            "obj",
            "0 obj",
            "1 0obj",
            "1 x obj",
            "1 0 object",
            "endobj",
            " 0 obj",
        ] {
            assert!(!has_object(no.as_bytes(), 0), "{no}");
        }
    }

    #[test]
    fn linearized_documents_state_their_length() {
        let of = |entries: &str| {
            let head = format!("%PDF-1.4\n7 0 obj<<{entries}>>endobj\n8 0 obj<</L 5/Length 6>>");
            stated_length(head.as_bytes())
        };
        for entries in [
            "/Linearized 1/L 99/H[1 2]/O 3",
            " /Linearized 1.0 /L 99 /O 3 ",
            "/Linearized 1\n/Length 7\n/L\r\n0000000099",
            "/L 99/Linearized 1",
        ] {
            assert_eq!(of(entries), Some(99), "{entries}");
        }
        for entries in [
            "",
            "/L 99",
            "/Linearized 1",
            "/Linearized 1/L 9 0 R",
            "/Linearized 1/L -9",
        ] {
            assert_eq!(of(entries), None, "{entries}");
        }
    }

    #[test]
    fn the_last_end_is_found_wherever_it_is() {
        let end = |body: &[u8]| {
            let length = body.len() as u64;
            End::last(&mut Cursor::new(body), length).expect("memory")
        };
        let document = b"%PDF-1.4\n1 0 obj<<>>endobj\nxref\nstartxref\n27\n%%EOF\n";
        let around = [0, 100, 1000, 65_000, 65_536, 66_500, 67_000, 200_000];
        for before in around {
            for behind in around {
                let body = [&vec![b' '; before][..], document, &vec![0; behind]].concat();
                let found = end(&body).expect("an end");
                let at = before + document.len() - 6;
                assert_eq!((found.at, found.xref), (at as u64, 27), "{before} {behind}");
                for more in [&b"\n7 0 obj\n<<>>"[..], b"\nendstream\nendobj"] {
                    let body = [&body[..], more, &vec![b' '; behind]].concat();
                    assert_eq!(end(&body), None, "{before} {behind}");
                }
            }
        }
        assert_eq!(end(b"%%EOF"), None);
        assert!(!end(b"startxref\n0\n%%EOF").expect("an end").has_xref());
        assert!(!end(b"startxref\n99\n%%EOF").expect("an end").has_xref());
    }
}
