//! RIS, which nearly all reference managers and publishers write: tags of two letters, and two spaces and a hyphen behind them.
//! Some programs leave out a space.

use super::characters;
use super::entry::{Entry, Rank};
use super::tagged::Dialect;

/// RIS.
pub(super) static RIS: Dialect = Dialect {
    name: "RIS",
    tag,
    first: "TY",
    key: "ID",
    last: Some("ER"),
    names: &[
        ("title", &["TI", "T1", "CT", "BT"]),
        ("author", &["AU", "A1", "A2"]),
        ("year", &["PY", "Y1", "DA"]),
        ("date", &["DA", "PY", "Y1"]),
        ("journal", &["JO", "JF", "T2", "JA", "J2"]),
        ("type", &["TY"]),
        ("doi", &["DO", "DI"]),
        ("url", &["UR", "L2", "LK"]),
        ("abstract", &["AB", "N2"]),
        ("volume", &["VL"]),
        ("number", &["IS"]),
        ("publisher", &["PB"]),
    ],
    add,
};

/// Whether a list with this beginning is one. A provider may say who it is before.
pub(super) fn is_one(beginning: &str) -> bool {
    let mut lines = beginning
        .split(['\n', '\r'])
        .map(characters::trim)
        .filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let has = |line: &str, names: &[&str]| tag(line).is_some_and(|(tag, _)| names.contains(&tag));
    // the first lines may be lost
    has(first, &["TY"]) || (may_follow(first) && lines.any(|line| has(line, &["TY", "ER"])))
}

/// Whether a list that begins with this line may be one, although no entry has begun or ended yet.
pub(super) fn may_follow(first: &str) -> bool {
    tag(first).is_some() || first.starts_with("Provider:")
}

fn tag(line: &str) -> Option<(&str, &str)> {
    let tag = line.get(..2)?;
    let is_tag = tag.starts_with(|c: char| c.is_ascii_uppercase())
        && tag
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let rest = &line[2..];
    let value = rest.trim_start_matches(' ').strip_prefix('-')?;
    let is_clear = value.is_empty() || value.starts_with(' ') || rest.starts_with("  -");
    let is_whole = rest.starts_with(' ') && is_clear;
    (is_tag && is_whole).then_some((tag, value))
}

fn add(entry: &mut Entry, tag: &str, value: &str) {
    match tag {
        "ID" => entry.set_key(value),
        "L1" => entry.add_files(tag, value),
        "UR" | "L2" | "LK" => entry.add_urls(tag, value, Rank::Page),
        "DO" | "DI" => entry.add_doi(tag, value),
        // some have a DOI or the identifier of an archive here
        "M3" if value.contains("10.") => entry.add_doi(tag, value),
        "C2" | "C1" | "C7" if value.trim_start().starts_with("PMC") => entry.add_pmcid(tag, value),
        "PMID" => entry.add_pmid(tag, value),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::gives;

    #[test]
    fn exports_are_read() {
        gives(
            "\u{feff}TY  - JOUR\r\nID  - k1\r\nTI  - A title\r\n  that goes on\r\nAU  - Smith, A\r\nAU  - Doe, B\r\nPY  - 2020/05/01/\r\n\
             DO  - 10.1000/abc\r\nUR  - https://p.example/abs/1\r\nL1  - file:///home/x/1.pdf\r\nL1  - https://p.example/1.pdf\r\nER  - \r\n\r\n\
             TY  - BOOK\r\nTI  - No link\r\nER  - \r\n\
             TY  - JOUR\r\nID  - bad\r\nUR  - not a link\r\nER  -\r\n\
             TY  - JOUR\r\nID  - open\r\nUR  - http://x.example/2.pdf\r\n\
             TY - JOUR\r\nY1 - 1999///\r\nDO - https://doi.org/10.1000/xyz.\r\nUR - <Go to ISI>://WOS:000\r\nER - \r\n\
             TY  - JOUR\r\nID  - cut\r\nUR  - http://x.exam",
            &["key", "title", "author", "year"],
            &[
                (
                    1,
                    "k1 | A title that goes on | Smith, A; Doe, B | 2020 | https://p.example/1.pdf | https://doi.org/10.1000/abc | \
                     https://p.example/abs/1",
                ),
                (
                    17,
                    "bad: entry `bad`: `UR`: not a URL: a link begins with `http://` or `https://`",
                ),
                (21, "open | http://x.example/2.pdf"),
                (24, "1999 | https://doi.org/10.1000/xyz"),
                (
                    29,
                    "bad: entry `cut`: it does not end with `ER`: is the list cut off?",
                ),
            ],
        );
        // fragments of entries
        gives(
            "AU  - Smith, A\nUR  - http://x.example/1.pdf\nER  - \n\nSee http://x.example/about\nTI  - B\nUR  - http://x.example/2.pdf\nER  - \n\
             TY  - JOUR\nID  - c\nUR  -http://x.example/3.pdf\nID  - d\nUR  - http://x.example/4.pdf\nER  - \nTY  - JOUR\nID  - e\nTI  - T\nU",
            &["key"],
            &[
                (1, "http://x.example/1.pdf"),
                (6, "http://x.example/2.pdf"),
                (9, "c | http://x.example/3.pdf"),
                (12, "d | http://x.example/4.pdf"),
                (
                    15,
                    "bad: entry `e`: it does not end with `ER`: is the list cut off?",
                ),
            ],
        );
        // the last entry
        let torn = "bad: entry `a`: it does not end with `ER`: is the list cut off?";
        for (end, expected) in [
            ("UR  - http://x.example/1\n", "http://x.example/1"),
            (
                "UR  - http://x.example/1\nDO  - 10.1000/a",
                "https://doi.org/10.1000/a | http://x.example/1",
            ),
            ("UR  - http://x.example/1\nER", "http://x.example/1"),
            ("UR  - http://x.example/1", torn),
            ("TI  - T", torn),
        ] {
            let list = format!("TY  - JOUR\nID  - a\n{end}");
            gives(&list, &[], &[(1, expected)]);
        }
        gives(
            "TY  - JOUR\nDO  - 10.1000/a\nER  -\nTY  - JOUR\nID  - b\nTI  - T\n",
            &[],
            &[(1, "https://doi.org/10.1000/a")],
        );
        gives(
            "Provider: Publisher\nDatabase: Some\nContent: text/plain; charset=\"UTF-8\"\n\n\nTY  - JOUR\nUR  - http://x.example/1.pdf;http://x.example/2\nER  - \n",
            &[],
            &[(6, "http://x.example/1.pdf | http://x.example/2")],
        );
    }
}
