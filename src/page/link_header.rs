//! `Link` headers (RFC 8288), with which repositories name the files of a page (Signposting).

use url::Url;

use super::Via;
use super::wording::other_word;

/// The most links of one response that are read.
const MOST: usize = 100;

/// The types of PDFs, and of sets of links.
const TYPES: [&str; 2] = ["application/pdf", "application/linkset+json"];

/// The targets of `values` that are PDFs of the page at `url`, or sets of its links, as they stand.
pub(super) fn pdfs<'a>(values: &[&'a str], url: &Url) -> Vec<(&'a str, Via)> {
    let links = values.iter().flat_map(|value| links(value)).take(MOST);
    let is_known = |link: &Link| {
        let mut types = TYPES.iter();
        types.any(|known| link.media_type().eq_ignore_ascii_case(known))
    };
    let links = links.filter(is_known);
    // a link with another anchor is not one of the page, and one to a supplement not one to the article
    let is_here =
        |anchor: &str| anchor.is_empty() || url.join(anchor).is_ok_and(|anchor| anchor == *url);
    let is_own = |link: &Link| {
        is_here(link.get("anchor")) && other_word(&link.get("title").to_lowercase()).is_none()
    };
    let links: Vec<_> = links.filter(is_own).collect();
    let is = |link: &Link, rel: &str| {
        let mut rels = link.get("rel").split_ascii_whitespace();
        rels.any(|known| known.eq_ignore_ascii_case(rel))
    };
    let is_pdf = |link: &Link| link.media_type().eq_ignore_ascii_case(TYPES[0]);
    let items = links
        .iter()
        .filter(|link| is(link, "item") && is_pdf(link))
        .count();
    let of = |link: &Link<'a>| {
        if !is_pdf(link) {
            return is(link, "linkset").then_some((link.target, Via::Linkset));
        }
        let via = match (is(link, "item"), is(link, "alternate")) {
            (true, _) if items == 1 => Via::LinkItem,
            (true, _) => Via::LinkRel,
            (_, true) => Via::LinkAlternate,
            _ => return None,
        };
        Some((link.target, via))
    };
    links.iter().filter_map(of).collect()
}

/// A link of a header.
struct Link<'a> {
    target: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

impl Link<'_> {
    /// The value of the first parameter of this name; empty without one.
    fn get(&self, name: &str) -> &str {
        let mut parameters = self.parameters.iter();
        let found = parameters.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    /// Its type, without parameters.
    fn media_type(&self) -> &str {
        self.get("type")
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
    }
}

fn links(value: &str) -> Vec<Link<'_>> {
    let mut found = Vec::new();
    let mut rest = value;
    while let Some((_, after)) = rest.split_once('<')
        && let Some((target, mut after)) = after.split_once('>')
    {
        let mut parameters = Vec::new();
        while let Some(parameter) = after.trim_start().strip_prefix(';') {
            let end = parameter.find(['=', ';', ',']).unwrap_or(parameter.len());
            let name = parameter[..end].trim();
            after = &parameter[end..];
            let mut value = "";
            if let Some(text) = after.strip_prefix('=') {
                (value, after) = match text.trim_start().strip_prefix('"') {
                    Some(quoted) => split_quoted(quoted),
                    None => text.split_at(text.find([';', ',']).unwrap_or(text.len())),
                };
            }
            parameters.push((name, value.trim()));
        }
        found.push(Link { target, parameters });
        rest = after;
    }
    found
}

/// What is before the quote that ends a quoted string, and what is behind it: a backslash makes a quote an ordinary character.
fn split_quoted(text: &str) -> (&str, &str) {
    let mut is_escaped = false;
    let end = text.find(|c| {
        let ends = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    });
    end.map_or((text, ""), |end| (&text[..end], &text[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_pdfs_are_found() {
        type Case = (&'static [&'static str], &'static [(&'static str, Via)]);
        let url = Url::parse("https://a.example/page").expect("a URL");
        let cases: [Case; 12] = [
            (
                &[
                    "</s>; rel=linkset; type=\"application/linkset+json\", </t>; rel=linkset; type=\"application/linkset\"",
                ],
                &[("/s", Via::Linkset)],
            ),
            (
                &["</a.pdf>; rel=\"item\"; type=\"application/pdf\""],
                &[("/a.pdf", Via::LinkItem)],
            ),
            (
                &["<http://x/>; rel=author, </a?b=1,2>;type=application/pdf;rel=\"up alternate\""],
                &[("/a?b=1,2", Via::LinkAlternate)],
            ),
            (
                &[
                    "</a>; rel=item; type=application/pdf",
                    "</b>; rel=item; type=application/pdf",
                ],
                &[("/a", Via::LinkRel), ("/b", Via::LinkRel)],
            ),
            (
                &["</a>; rel=item; type=application/pdf; anchor=\"/other\""],
                &[],
            ),
            (&["</a>; rel=item; type=text/html"], &[]),
            (
                &["</a>; rel=item; type=\"application/pdf; charset=binary\"; anchor=\"/page\""],
                &[("/a", Via::LinkItem)],
            ),
            (
                &["</a>; title=\"x, <y>; rel=item\"; rel=item; type=application/pdf"],
                &[("/a", Via::LinkItem)],
            ),
            (
                &["</a>; rel=item; type=application/pdf; title=\"Supplementary file\""],
                &[],
            ),
            (
                &[
                    "</x>; title=\"a, \\\"b\\\"; <c>\"; rel=author, </a>; title=\"a \\\\\"; type=\"application/pdf\"; rel=\"item\"",
                ],
                &[("/a", Via::LinkItem)],
            ),
            (
                &["</a>; rel=item; type=application/pdf; title=\"b\\\""],
                &[("/a", Via::LinkItem)],
            ),
            (&["</a", "", "a;b", "<>;;=,"], &[]),
        ];
        for (values, expected) in cases {
            assert_eq!(pdfs(values, &url), expected, "{values:?}");
        }
    }
}
