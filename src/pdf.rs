//! Whether a stream of bytes is a complete PDF, and if it is not a PDF, what it is.
//!
//! The check sees each byte once, as it is received, and keeps only both ends. It knows nothing of HTTP or files. It does not
//! parse the document, because parsers repair what is broken, and so accept a file that was cut off.
//!
//! Almost every PDF begins with `%PDF-1.7` or the like, and has `startxref` and `%%EOF` in its last 1,024 bytes. Then it is
//! whole, and nothing more is looked at. What is odd is looked at again when it has ended:
//!
//! - The header may be anywhere in the first 1,024 bytes, behind a byte order mark, the header of an old Mac, or the warning of
//!   a script. But a page that mentions it is not a PDF, so there has to be more: an object or an end; and behind text, binary
//!   data as well, or a cross-reference table just where the end says. An object or an end is also asked of a body that is
//!   hardly longer than a header, and an object or binary data of one that has text behind the comment after its header.
//! - The end may be in front of kilobytes of something else, such as zeros, or the page that the server appends. It is an end
//!   if its cross-reference table is in front of it, and no object behind it. A document that was cut off may have an end, too:
//!   that of an earlier revision, of the first part of a linearized one, which states its length, or of another one that is
//!   attached to it.
//!
//! What begins as a PDF but has no end is suspect, and its caller decides whether it was cut off.

mod kind;
mod structure;

use std::io::{self, Read, Seek};

pub(crate) use kind::BodyKind;
use structure::{End, find_last, goes_on, has_content, has_object, is_binary, stated_length};

/// How many bytes of either end are searched: readers accept up to this much junk before `%PDF-` and after `%%EOF` (PDF
/// Reference 1.4, appendix H, notes 13 and 18).
const END: usize = 1024;

/// How many bytes behind a header that is not at the beginning have to look like a PDF. Objects begin with the next line or two.
const PROOF: usize = 4096;

/// An incremental check of one body.
#[derive(Debug, Clone, Default)]
pub struct Check {
    head: Vec<u8>,
    tail: Vec<u8>,
    length: u64,
    /// Where the header is.
    header: Option<usize>,
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PdfVerdict {
    /// It begins and ends as a PDF does.
    Whole,
    /// The same, but it goes on long after its end.
    Padded,
    /// It begins as a PDF does, but has this problem.
    Suspect(&'static str),
    /// It is not a PDF.
    NotPdf(BodyKind),
}

impl Check {
    /// Checks the next bytes.
    ///
    /// # Errors
    ///
    /// What the body is instead of a PDF, once more bytes cannot change that.
    pub fn update(&mut self, bytes: &[u8]) -> Result<(), BodyKind> {
        if self.head.len() < self.wanted() {
            self.update_head(bytes)?;
        }
        self.length += bytes.len() as u64;
        let end = &bytes[bytes.len().saturating_sub(END)..];
        let kept = self.tail.len().min(END - end.len());
        self.tail.drain(..self.tail.len() - kept);
        self.tail.extend_from_slice(end);
        Ok(())
    }

    /// The first bytes, at least a kilobyte if there are as many.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Both ends, as far as they have been seen: at least 1,024 bytes each, unless there are no more.
    pub fn ends(&self) -> [&[u8]; 2] {
        [&self.head, &self.tail]
    }

    /// The verdict on a body that has ended. If it is an odd one, `body` returns its bytes to look at again.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    pub fn finish<B: Read + Seek>(
        &self,
        body: impl FnOnce() -> io::Result<B>,
    ) -> io::Result<PdfVerdict> {
        let problem = self.problem();
        match self.header {
            None => Ok(PdfVerdict::NotPdf(BodyKind::of(&self.head))),
            Some(0) if problem.is_none() && self.is_usual() => Ok(PdfVerdict::Whole),
            Some(header) => self.judge(header, problem, &mut body()?),
        }
    }

    /// How many bytes of the head are needed.
    fn wanted(&self) -> usize {
        match self.header {
            Some(header @ 1..) => header + PROOF,
            _ => END,
        }
    }

    fn update_head(&mut self, mut bytes: &[u8]) -> Result<(), BodyKind> {
        loop {
            let room = self.wanted() - self.head.len();
            let (taken, rest) = bytes.split_at(bytes.len().min(room));
            self.head.extend_from_slice(taken);
            bytes = rest;
            let is_full = self.head.len() == self.wanted();
            match self.header {
                None => match find_header(&self.head) {
                    None if is_full => return Err(BodyKind::of(&self.head)),
                    None => return Ok(()),
                    found => self.header = found,
                },
                Some(header @ 1..) if is_full && !self.goes_on_as_pdf(header) => {
                    return Err(self.kind(header));
                }
                Some(_) => return Ok(()),
            }
        }
    }

    /// Whether the bytes behind a header that is not at the beginning may be those of a PDF.
    fn goes_on_as_pdf(&self, header: usize) -> bool {
        let rest = &self.head[header..];
        has_object(rest, 0) || is_binary(rest) || has_comment(rest)
    }

    /// Whether it begins with a version, and is not so short that this could be all.
    fn is_usual(&self) -> bool {
        self.length >= END as u64 && has_version(&self.head)
    }

    /// Why the last bytes are not those of a whole PDF, if they are not.
    fn problem(&self) -> Option<&'static str> {
        let tail = &self.tail;
        let Some(end) = find_last(tail, b"%%EOF") else {
            return Some("no `%%EOF` near the end");
        };
        let Some(xref) = find_last(tail, b"startxref") else {
            return Some("no `startxref` near the end");
        };
        if goes_on(tail, end) {
            return Some("objects after the last `%%EOF`");
        }
        let number = tail[xref + b"startxref".len()..].trim_ascii_start();
        let is_first_part = number.starts_with(b"0")
            && !number.get(1).is_some_and(u8::is_ascii_digit)
            && find_last(&self.head, b"/Linearized").is_some();
        (is_first_part || self.is_short()).then_some("only the first part of a linearized document")
    }

    /// Whether it is shorter than it says itself. Only its last line end may be missing.
    fn is_short(&self) -> bool {
        let length = self.length - self.header.unwrap_or(0) as u64;
        stated_length(&self.head).is_some_and(|stated| length.saturating_add(2) < stated)
    }

    /// The verdict on a body that is odd.
    fn judge(
        &self,
        header: usize,
        problem: Option<&'static str>,
        body: &mut (impl Read + Seek),
    ) -> io::Result<PdfVerdict> {
        let end = End::last(body, self.length)?;
        let is_padded = problem.is_some() && !self.is_short() && end.is_some_and(End::has_xref);
        let has_end = problem.is_none() || is_padded;
        let rest = &self.head[header..];
        let is_pdf = match BodyKind::of(&self.head[..header]) {
            _ if self.is_at_beginning(header) => {
                let is_end = |end: End| end.is_clean || end.has_xref();
                has_object(rest, 0)
                    || has_object(&self.tail, 0)
                    || has_end && end.is_some_and(is_end)
                    || self.is_usual()
                        && (is_binary(rest)
                            || has_comment(rest) && (has_only_comments(rest) || has_content(body)?))
            }
            BodyKind::Unknown => has_object(rest, 0) || has_end,
            _ if is_quoted(&self.head[..header]) => false,
            _ if is_binary(rest) => has_object(rest, 0) || has_end,
            _ => match end.filter(|_| has_end) {
                Some(end) => end.leads_to_xref(body, header as u64)?,
                None => false,
            },
        };
        Ok(match problem {
            _ if !is_pdf => PdfVerdict::NotPdf(self.kind(header)),
            None => PdfVerdict::Whole,
            Some(_) if is_padded => PdfVerdict::Padded,
            Some(problem) => PdfVerdict::Suspect(problem),
        })
    }

    /// Whether only white space or a byte order mark is in front of the header.
    fn is_at_beginning(&self, header: usize) -> bool {
        let front = &self.head[..header];
        let front = front.strip_prefix(b"\xef\xbb\xbf").unwrap_or(front);
        front
            .iter()
            .all(|byte| byte.is_ascii_whitespace() || *byte == 0)
    }

    /// What a body is whose `header` is not that of a PDF.
    fn kind(&self, header: usize) -> BodyKind {
        match BodyKind::of(&self.head) {
            _ if self.is_at_beginning(header) => BodyKind::Header,
            BodyKind::Unknown => BodyKind::Header,
            kind => kind,
        }
    }
}

/// Where the header of a PDF is in `head`. That of an archive or an image is of something inside.
fn find_header(head: &[u8]) -> Option<usize> {
    if has_version(head) {
        return Some(0);
    }
    let found = head.windows(5).position(|mark| mark == b"%PDF-")?;
    let is_inside = matches!(BodyKind::of(&head[..found]), BodyKind::Known(_));
    (!is_inside).then_some(found)
}

/// Whether what follows `text` is part of it: an example in a page, or a string.
fn is_quoted(text: &[u8]) -> bool {
    const ELEMENTS: [&str; 4] = ["pre", "code", "textarea", "xmp"];
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    let is_open = |element: &str| {
        let opened = text.rfind(&format!("<{element}"));
        opened.is_some() && opened > text.rfind(&format!("</{element}"))
    };
    text.ends_with(['"', '\''])
        || text.trim_end().ends_with('`')
        || ELEMENTS.into_iter().any(is_open)
}

/// Whether a comment follows the line of the header, as it should: the first objects may be far behind it.
fn has_comment(rest: &[u8]) -> bool {
    let mut lines = rest.split(|byte| matches!(byte, b'\r' | b'\n'));
    let header = lines.next().unwrap_or_default().trim_ascii_end();
    let next = lines.find(|line| !line.is_empty());
    header.len() == b"%PDF-1.7".len() && next.is_some_and(|line| line.starts_with(b"%"))
}

/// Whether nothing but comments follows the header, so that the document may have been cut off before its first object.
fn has_only_comments(rest: &[u8]) -> bool {
    let mut lines = rest.split(|byte| matches!(byte, b'\r' | b'\n'));
    lines.all(|line| line.is_empty() || line.starts_with(b"%"))
}

/// Whether `head` begins with a header and its version: `%PDF-1.7`, or `%!PS-Adobe-3.0 PDF-1.4` (PDF Reference 1.4, appendix
/// H, note 13).
fn has_version(head: &[u8]) -> bool {
    let version = match head.strip_prefix(b"%!PS-Adobe-") {
        None => head.strip_prefix(b"%PDF-"),
        Some(rest) => rest.get(3..).and_then(|rest| rest.strip_prefix(b" PDF-")),
    };
    version.is_some_and(|version| matches!(version, [b'0'..=b'9', b'.', ..]))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn verdict<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> PdfVerdict {
        let (mut check, mut all) = (Check::default(), Vec::new());
        for chunk in chunks {
            if let Err(kind) = check.update(chunk) {
                return PdfVerdict::NotPdf(kind);
            }
            all.extend_from_slice(chunk);
        }
        check.finish(|| Ok(Cursor::new(all))).expect("memory")
    }

    fn of(body: impl AsRef<[u8]>) -> PdfVerdict {
        verdict([body.as_ref()])
    }

    /// A document of one page, whose cross-reference table is where it says.
    fn document(content: &[u8]) -> Vec<u8> {
        let mut body = b"%PDF-1.4\n1 0 obj\n<< /Length 9 >>\nstream\n".to_vec();
        body.extend_from_slice(content);
        body.extend_from_slice(b"\nendstream\nendobj\n");
        let xref = body.len();
        body.extend_from_slice(b"xref\n0 2\ntrailer << /Size 2 >>\nstartxref\n");
        body.extend_from_slice(format!("{xref}\n%%EOF\n").as_bytes());
        body
    }

    #[test]
    fn a_real_pdf_is_one_whatever_surrounds_it() {
        let long = document(&b"BT ET ".repeat(1000));
        let warning = b"<br />\n<b>Warning</b>: date(): no time zone<br />\n";
        let fronts: [&[u8]; 9] = [
            b"",
            b"\xef\xbb\xbf",
            b"\r\n \n",
            warning,
            &[&warning[..], &[b'.'; 800]].concat(),
            &[&b"\x00\x09paper.pdf"[..], &[0; 117]].concat(),
            b"\x1b%-12345X@PJL ENTER LANGUAGE = PDF\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n\r\n",
            b"--x\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\n",
        ];
        let behind: [&[u8]; 3] = [
            &vec![0; 40_000],
            &b"<html><p>more</p></html>\n".repeat(300),
            &[b' '; 1100],
        ];
        for front in fronts {
            for document in [&document(b"BT ET"), &long] {
                let body = [front, document].concat();
                assert_eq!(of(&body), PdfVerdict::Whole, "{front:?}");
                for behind in behind {
                    let body = [&body[..], behind].concat();
                    assert_eq!(of(&body), PdfVerdict::Padded, "{front:?} {behind:?}");
                }
            }
        }
        let late = [&b"%PDF-1.4\n%"[..], &[b'.'; 9000], &document(b"x")[8..]].concat();
        let end = late.len() - b"63\n%%EOF\n".len();
        let late = [&late[..end - 1], b"\n9061\n%%EOF\n"].concat();
        assert_eq!(of(&late), PdfVerdict::Whole);
        assert_eq!(of([warning, &late[..]].concat()), PdfVerdict::Whole);
        let cut = &late[..late.len() - 40];
        assert!(matches!(of(cut), PdfVerdict::Suspect(_)));
        let old = [&b"%!PS-Adobe-3.0 PDF-1.2\n"[..], &long[9..]].concat();
        assert_eq!(of(old), PdfVerdict::Whole);
    }

    #[test]
    fn what_mentions_a_pdf_is_not_one() {
        let page = "<!doctype html><title>Viewer</title>no <code>%PDF-1.</code> in the file";
        let example = String::from_utf8(document(b"BT ET")).expect("text");
        let escaped = example.replace('<', "&lt;").replace('>', "&gt;");
        let json = serde_json::json!({ "pdf": example }).to_string();
        let mut tar = vec![0; 512];
        tar[..5].copy_from_slice(b"a.pdf");
        tar[257..262].copy_from_slice(b"ustar");
        let bodies = [
            (page.to_owned(), "an HTML page, `Viewer`"),
            (
                format!("{page}{}", "<p>later".repeat(9000)),
                "an HTML page, `Viewer`",
            ),
            (format!("<html><p>{escaped}"), "an HTML page"),
            (
                format!("<html><pre class=x>{example}</pre>"),
                "an HTML page",
            ),
            (json, "JSON"),
            (format!("{{\"pdf\": \"{example}\"}}"), "JSON"),
            (format!("# Example\n\n```\n{example}```\n"), "plain text"),
            ("No %PDF- in the upload. ".repeat(100), "plain text"),
            ("%!PS-Adobe-3.0\n(%PDF-1.4) show".to_owned(), "PostScript"),
        ];
        let bodies = bodies.map(|(body, kind)| (body.into_bytes(), kind));
        let archives = [
            (
                [b"PK\x03\x04a.pdf", &document(b"x")[..]].concat(),
                "a zip archive",
            ),
            (
                [&tar[..], &document(b"x"), &[0; 2000]].concat(),
                "a tar archive",
            ),
        ];
        for (body, kind) in bodies.into_iter().chain(archives) {
            let PdfVerdict::NotPdf(found) = of(&body) else {
                panic!("{}", String::from_utf8_lossy(&body));
            };
            assert_eq!(found.to_string(), kind);
        }
        for header in [
            "%PDF-",
            "%PDF-1.7\n",
            "%PDF-1.4 expected",
            " %PDF-1.",
            "%PDF-foo",
        ] {
            let text = header.to_owned() + &" and so on".repeat(300);
            for body in [header.as_bytes(), text.as_bytes(), &text.as_bytes()[..900]] {
                assert_eq!(of(body), PdfVerdict::NotPdf(BodyKind::Header), "{header}");
            }
        }
    }

    #[test]
    fn text_behind_a_header_and_a_comment_is_not_a_pdf() {
        let comment = [&b"%PDF-1.4\n% "[..], &[b'.'; 5000]].concat();
        assert!(matches!(of(&comment), PdfVerdict::Suspect(_)));
        let page = "<html><p>The document is not available.</p>\n".repeat(9000);
        for front in [
            &b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"[..],
            b"%PDF-1.5\n% This is a template\n\\documentclass{article}\n",
            b"%PDF-1.7\r\n%\r\n",
        ] {
            let body = [front, page.as_bytes()].concat();
            assert_eq!(of(&body), PdfVerdict::NotPdf(BodyKind::Header), "{front:?}");
            for content in [&b"\n7 0 obj\n<<>>\n"[..], b"\x01\x02\x03"] {
                for place in [front.len() + 2000, 65_534, 131_075, body.len() - 2000] {
                    let body = [&body[..place], content, &body[place..]].concat();
                    let verdict = of(&body);
                    assert!(
                        matches!(verdict, PdfVerdict::Suspect(_)),
                        "{front:?}, {content:?} at {place}: {verdict:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_linearized_document_is_as_long_as_it_says() {
        let linearized = |stated: usize| {
            let first = format!("%PDF-1.4\n9 0 obj\n<</Linearized 1/L {stated}/O 3>>\nendobj\n");
            [first.as_bytes(), &document(&b"BT ET ".repeat(1000))[9..]].concat()
        };
        let length = linearized(1000).len();
        for (front, stated, more, is_whole) in [
            ("", length, "", true),
            ("", length + 1, "", true),
            ("\r\n", length, "", true),
            ("", 1000, "", true),
            ("", length + 1000, "", false),
            ("\r\n", length + 3, "", false),
            ("", 90_000, &*"x".repeat(5000), false),
        ] {
            let body = [front.as_bytes(), &linearized(stated), more.as_bytes()].concat();
            match of(body) {
                PdfVerdict::Whole => assert!(is_whole, "{stated}"),
                PdfVerdict::Suspect(_) => assert!(!is_whole, "{stated}"),
                other => panic!("{stated}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_page_that_mentions_a_pdf_is_told_early() {
        let page = "<html>the header %PDF- is missing".to_owned() + &"<p>later".repeat(900);
        let mut check = Check::default();
        assert!(check.update(page.as_bytes()).is_err());
    }

    #[test]
    fn a_document_that_was_cut_off_is_suspect() {
        let long = document(&b"BT ET ".repeat(1000));
        let revision = b"7 0 obj\n<< /Length 999999 >>\nstream\n";
        let linearized = b"%PDF-1.4\n1 0 obj\n<< /Linearized 1 /L 9999 >>\nendobj\nxref\n0 2\ntrailer\nstartxref\n0\n%%EOF\n";
        let fill = |bytes: usize| vec![b'x'; bytes];
        let bodies = [
            long[..2000].to_vec(),
            long[..long.len() - 6].to_vec(),
            [&long[..], revision].concat(),
            [&long[..], b"endstream\nendobj\n"].concat(),
            [&long[..], revision, &fill(200_000)].concat(),
            [&linearized[..], &fill(900)].concat(),
            [&linearized[..], &fill(5000)].concat(),
            [&linearized[..], b"9 0 obj\n<<>>\n", &fill(5000)].concat(),
        ];
        for (number, body) in bodies.iter().enumerate() {
            let verdict = of(body);
            assert!(
                matches!(verdict, PdfVerdict::Suspect(_)),
                "{number}: {verdict:?}"
            );
        }
    }

    #[test]
    fn both_ends_are_within_1024_bytes() {
        let with = |front, behind| {
            let front = vec![b'.'; front];
            of([&front[..], &document(&[b'x'; 9000]), &vec![b'\n'; behind]].concat())
        };
        assert_eq!(with(1019, 0), PdfVerdict::Whole);
        assert!(matches!(with(1020, 0), PdfVerdict::NotPdf(_)));
        assert_eq!(with(0, 1000), PdfVerdict::Whole);
        assert_eq!(with(0, 1024), PdfVerdict::Padded);
    }

    proptest! {
        #[test]
        fn the_verdict_does_not_depend_on_the_chunks(
            front in 0..1100usize, middle in 0..3000usize, behind in 0..1100usize, cut in 0..90usize,
            cuts in proptest::collection::vec(0..6000usize, 0..20),
        ) {
            let document = document(&vec![b'x'; middle]);
            let document = &document[..document.len() - cut];
            let body = [&vec![b'.'; front][..], document, &vec![b'\n'; behind]].concat();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(body.len())).collect();
            cuts.extend([0, body.len()]);
            cuts.sort_unstable();
            let chunks = cuts.windows(2).map(|pair| &body[pair[0]..pair[1]]);
            prop_assert_eq!(verdict(chunks), of(&body));
        }

        #[test]
        fn any_body_has_a_verdict(
            front in ".{0,40}", body in proptest::collection::vec(any::<u8>(), 0..3000), end: bool,
        ) {
            let end = if end { "startxref\n9\n%%EOF" } else { "" };
            let _ = of([front.as_bytes(), b"%PDF-1.7", &body, end.as_bytes()].concat());
        }
    }
}
