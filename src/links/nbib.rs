//! MEDLINE, as PubMed exports it in files with the ending `.nbib`: tags of up to four letters, padded with spaces.

use super::entry::Entry;
use super::tagged::Dialect;

/// MEDLINE.
pub(super) static NBIB: Dialect = Dialect {
    name: "PubMed (.nbib)",
    tag,
    first: "PMID",
    key: "PMID",
    last: None,
    names: &[
        ("title", &["TI", "BTI"]),
        ("author", &["FAU", "AU"]),
        ("year", &["DP", "DEP"]),
        ("date", &["DP", "DEP"]),
        ("journal", &["JT", "TA"]),
        ("type", &["PT"]),
        ("doi", &["DOI"]),
        ("pmcid", &["PMC"]),
        ("abstract", &["AB"]),
        ("volume", &["VI"]),
        ("number", &["IP"]),
    ],
    add,
};

/// Whether a list with this beginning is one.
pub(super) fn is_one(beginning: &str) -> bool {
    let mut lines = beginning
        .split(['\n', '\r'])
        .map(str::trim_end)
        .filter(|line| !line.is_empty());
    let first = lines.next().and_then(tag);
    let begins = |(tag, _): (&str, &str)| tag == "PMID";
    first.is_some_and(|first| begins(first) || lines.filter_map(tag).any(begins))
}

/// Whether a list that begins with this line may be one, although no entry has begun yet.
pub(super) fn may_follow(first: &str) -> bool {
    tag(first.trim_end()).is_some()
}

fn tag(line: &str) -> Option<(&str, &str)> {
    let (tag, value) = line.split_at_checked(4)?;
    let value = value
        .strip_prefix("- ")
        .or_else(|| (value == "-").then_some(""))?;
    let tag = tag.trim_end();
    let is_tag = !tag.is_empty()
        && tag
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    is_tag.then_some((tag, value))
}

fn add(entry: &mut Entry, tag: &str, value: &str) {
    match tag {
        "PMID" => {
            entry.set_key(value);
            entry.add_pmid(tag, value);
        }
        "PMC" => entry.add_pmcid(tag, value),
        // `10.1000/x [doi]` beside `S0140 [pii]`
        "LID" | "AID" | "DOI" if tag == "DOI" || value.contains("[doi]") => {
            let doi = value.replace("[doi]", "");
            entry.add_doi(tag, &doi);
            if entry.values("DOI").next().is_none() && tag != "DOI" {
                entry.add_field("DOI", doi.trim());
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::gives;

    #[test]
    fn exports_are_read() {
        gives(
            "\nPMID- 31978945\nOWN - NLM\nLID - 10.1056/NEJMoa2001017 [doi]\nTI  - A Novel Coronavirus from Patients with Pneumonia in\n\
             \x20     China, 2019.\nFAU - Zhu, Na\nFAU - Zhang, Dingyu\nDP  - 2020 Feb 20\nPMC - PMC7092803\nAID - NJ202001233820806 [pii]\n\
             AID - 10.1056/NEJMoa2001017 [doi]\n\nPMID- 1\nDP  - 1975\n",
            &["key", "title", "author", "year"],
            &[
                (
                    2,
                    "31978945 | A Novel Coronavirus from Patients with Pneumonia in China, 2019. | Zhu, Na; Zhang, Dingyu | 2020 | \
                     https://pmc.ncbi.nlm.nih.gov/articles/PMC7092803/ | https://doi.org/10.1056/nejmoa2001017 | \
                     https://pubmed.ncbi.nlm.nih.gov/31978945/",
                ),
                (14, "1 | 1975 | https://pubmed.ncbi.nlm.nih.gov/1/"),
            ],
        );
    }
}
