//! Sets of links beside a page (RFC 9264), with which repositories name the files of an item.

use serde::Deserialize;
use url::Url;

use super::target::is_nearly;
use super::verdict::PageKind;
use super::{Found, MOST_CANDIDATES, Reading, Via, Work};

/// The most bytes of a set that are read.
pub(crate) const LONGEST_LINKSET: usize = 256 * 1024;

#[derive(Deserialize)]
struct Linkset {
    linkset: Vec<Context>,
}

/// The links of one page.
#[derive(Deserialize)]
struct Context {
    #[serde(default)]
    anchor: String,
    #[serde(default)]
    item: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    href: String,
    #[serde(default)]
    r#type: String,
}

/// What the set in `bytes`, which is at `url`, says about `page`.
pub(crate) fn read_linkset(bytes: &[u8], url: &Url, page: &Url) -> Reading {
    let set = serde_json::from_slice(bytes).map_or(Vec::new(), |Linkset { linkset }| linkset);
    let is_about = |anchor: &str| {
        url.join(anchor)
            .is_ok_and(|anchor| is_nearly(&anchor, page))
    };
    let items = set
        .into_iter()
        .filter(|context| is_about(&context.anchor))
        .flat_map(|context| context.item);
    let items = items.filter(|item| item.r#type.eq_ignore_ascii_case("application/pdf"));
    let mut urls: Vec<_> = items.filter_map(|item| url.join(&item.href).ok()).collect();
    urls.retain(|url| matches!(url.scheme(), "http" | "https"));
    urls.dedup();
    let (count, is_one) = (urls.len(), urls.len() == 1);
    let found = urls
        .into_iter()
        .filter(|_| is_one)
        .take(MOST_CANDIDATES)
        .map(|url| Found {
            url,
            via: Via::LinkItem,
        });
    Reading {
        candidates: found.collect(),
        ambiguous: if is_one { 0 } else { count },
        is_partial: false,
        about_another: None,
        title: None,
        is_work: false,
        work: Work::default(),
        kind: PageKind::Other,
        left_out: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_name_the_only_pdf_of_a_page() {
        let at = |url: &str| Url::parse(url).expect("a URL");
        let (url, page) = (
            at("https://a.example/sets/1/json"),
            at("https://www.a.example/items/1"),
        );
        for (set, found, ambiguous) in [
            (
                r#"{"linkset":[{"anchor":"https://a.example/items/1","item":[{"href":"/x.pdf","type":"application/pdf"},{"href":"/y","type":"image/png"}]},{"anchor":"https://a.example/x.pdf","collection":[{"href":"/z"}]}]}"#,
                Some("https://a.example/x.pdf"),
                0,
            ),
            (
                r#"{"linkset":[{"anchor":"/items/1","item":[{"href":"/x","type":"application/pdf"},{"href":"/y","type":"application/pdf"}]}]}"#,
                None,
                2,
            ),
            (
                r#"{"linkset":[{"anchor":"/items/2","item":[{"href":"/x","type":"application/pdf"}]}]}"#,
                None,
                0,
            ),
            (r#"{"linkset":[{"item":[{"href":1}]}]}"#, None, 0),
            ("<html>", None, 0),
        ] {
            let reading = read_linkset(set.as_bytes(), &url, &page);
            let first = reading.candidates.first().map(|found| found.url.as_str());
            assert_eq!((first, reading.ambiguous), (found, ambiguous), "{set}");
        }
    }
}
