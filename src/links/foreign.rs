//! Files that are no lists, although they may contain links: what they are, and what to do with them.
//!
//! One message about the whole file says more than a failure for each of its lines.

use super::markup::Language;

/// The beginnings of files that no option reads, what they are, and what to do.
const BINARY: [(&[u8], &str, &str); 22] = [
    (
        b"%PDF-",
        "a PDF",
        "`pdftotext FILE - | fetchpdf --extract` takes the links in it",
    ),
    (
        b"\xd0\xcf\x11\xe0",
        "a file of an old office program",
        "save it as CSV or text",
    ),
    (b"\x89PNG", "an image", "give a list of links"),
    (b"\xff\xd8\xff", "an image", "give a list of links"),
    (b"GIF8", "an image", "give a list of links"),
    (b"II*\0", "an image", "give a list of links"),
    (b"MM\0*", "an image", "give a list of links"),
    (b"BM\0", "an image", "give a list of links"),
    (b"RIFF", "an image or a recording", "give a list of links"),
    (b"%!PS", "a PostScript file", "give a list of links"),
    (
        b"\xfd7zXZ\0",
        "compressed with xz",
        "decompress it: `xz -dc FILE | fetchpdf`",
    ),
    (
        b"BZh",
        "compressed with bzip2",
        "decompress it: `bzip2 -dc FILE | fetchpdf`",
    ),
    (
        b"\x04\x22\x4d\x18",
        "compressed with lz4",
        "decompress it: `lz4 -dc FILE | fetchpdf`",
    ),
    (
        b"7z\xbc\xaf\x27\x1c",
        "a 7z archive",
        "unpack it, and give the lists in it",
    ),
    (
        b"Rar!",
        "a RAR archive",
        "unpack it, and give the lists in it",
    ),
    (b"PAR1", "a Parquet file", "export it as CSV or JSON lines"),
    (b"ARROW1", "an Arrow file", "export it as CSV or JSON lines"),
    (
        b"SQLite format 3",
        "an SQLite database",
        "export a table as CSV",
    ),
    (b"\x7fELF", "a program", "give a list of links"),
    (b"MZ\x90", "a program", "give a list of links"),
    (b"bplist", "a binary property list", "convert it to text"),
    (
        b"{\\rtf",
        "an RTF document",
        "save it as text; `--extract` takes the links in it",
    ),
];

/// How much of a file is looked at to tell text from other bytes.
const SAMPLE: usize = 1024;

/// The most zeros in the sample of a text: a line of a list may be broken.
const MOST_ZEROS: usize = 3;

/// What to say of a list that is no text. `name` is its printable name.
pub(super) fn binary(beginning: &[u8], name: &str) -> Option<String> {
    if beginning.starts_with(b"PK\x03\x04") {
        return Some(packed(beginning));
    }
    let known = BINARY
        .iter()
        .find(|(magic, ..)| beginning.starts_with(magic));
    if let Some((_, what, advice)) = known {
        return Some(format!(
            "it is {what}, not a list: {}",
            advice.replace("FILE", name)
        ));
    }
    let sample = &beginning[..beginning.len().min(SAMPLE)];
    let is_control =
        |byte: &&u8| byte.is_ascii_control() && !matches!(byte, b'\t'..=b'\r' | 0x1a..=0x1f);
    let controls = sample.iter().filter(is_control).count();
    let zeros = memchr::memchr_iter(0, sample).count();
    let has_link = memchr::memmem::find(sample, b"://").is_some();
    let is_binary = zeros > MOST_ZEROS || (controls > sample.len() / 20 && !has_link);
    is_binary.then(|| {
        "it is binary data, not a list: save the links as text, one per line, or as CSV".to_owned()
    })
}

/// What to say of a zip archive, by the names of the first files in it.
fn packed(beginning: &[u8]) -> String {
    let has = |name: &str| memchr::memmem::find(beginning, name.as_bytes()).is_some();
    let (what, advice) = if has("xl/") || has("opendocument.spreadsheet") {
        ("a spreadsheet", "save it as CSV")
    } else if has("word/") || has("opendocument.text") {
        (
            "a document",
            "save it as text; `--extract` takes the links in it",
        )
    } else if has("[Content_Types].xml") || has("docProps/") || has("_rels/") {
        (
            "an office file, such as .xlsx or .docx",
            "save it as CSV or text",
        )
    } else if has("epub") {
        (
            "an e-book",
            "save it as text; `--extract` takes the links in it",
        )
    } else {
        ("a zip archive", "unpack it, and give the lists in it")
    };
    format!("it is {what}, not a list: {advice}")
}

/// What to say of a text in which links are to be searched for. It has been detected as nothing else.
pub(super) fn text(beginning: &str) -> Option<String> {
    let mut lines = beginning.lines().map(str::trim);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with('%'))?;
    let lower = first.to_ascii_lowercase();
    let what = if let Some(language) = Language::of(beginning) {
        match language {
            Language::Html => "an HTML page",
            Language::Xml => "XML",
        }
    } else if lower == "[internetshortcut]" {
        "a shortcut"
    } else {
        return None;
    };
    Some(format!(
        "it looks like {what}, not a list: `--extract` takes the links in it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_lists_are_named() {
        for (bytes, word) in [
            (&b"%PDF-1.4\n"[..], "pdftotext"),
            (b"PK\x03\x04....[Content_Types].xml", ".xlsx"),
            (b"PK\x03\x04....xl/workbook.xml", "spreadsheet"),
            (b"PK\x03\x04....a.txt", "zip archive"),
            (b"\x89PNG\r\n", "image"),
            (b"a\x00b\x01c\x02", "binary"),
            (b"http://\0\0\0\0", "binary"),
            (b"{\\rtf1", "RTF"),
        ] {
            let said = binary(bytes, "name").expect("no list");
            assert!(said.contains(word), "{said}");
        }
        for (beginning, word) in [
            ("<!DOCTYPE html>\n<html>", "HTML page"),
            ("<?xml version='1.0'?>", "XML"),
            ("[InternetShortcut]\nURL=http://a.example/", "shortcut"),
        ] {
            let said = text(beginning).expect("no list");
            assert!(said.contains(word) && said.contains("--extract"), "{said}");
        }
        for list in [
            "http://a.example/",
            "<http://a.example/>",
            "@me",
            "é\u{85}\u{2028}",
            "# <html>\n",
            "",
        ] {
            assert_eq!(
                (binary(list.as_bytes(), ""), text(list)),
                (None, None),
                "{list}"
            );
        }
    }
}
