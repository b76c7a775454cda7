//! The rules that know sites: which links are the article's, which URLs tell that of the PDF, whose declarations are wrong.
//!
//! The built-in ones are the tables of [`rules`]; a configuration adds its own in the same form, which come
//! first.

use url::Url;

use super::elements::Tag;
use super::selector::{Simple, simples};
use super::{Via, rules};
use crate::host;

/// The most containers that rules may name: each has a bit.
const MOST_CONTAINERS: usize = 64;

/// The longest selector, pattern or host of a rule, in bytes.
const LONGEST: usize = 1000;

/// All rules that know sites.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(super) links: Vec<LinkRule>,
    rewrites: Vec<(Host, Pattern)>,
    ignored_metas: Vec<(Host, String)>,
    /// What the links of rules are in.
    containers: Vec<Simple>,
    /// The marks of each of them.
    marks: Vec<u64>,
    /// The number of rules that are not built in, which come first.
    added: usize,
}

/// Whose links a rule knows.
#[derive(Debug, Clone)]
pub(super) struct LinkRule {
    host: Host,
    /// A part of the URL of the page.
    page: String,
    /// The bit of what it is in; 0 if it may be anywhere.
    container: u64,
    tests: Vec<Simple>,
    /// The marks of what they ask for.
    marks: u64,
    /// A part of its target.
    target: String,
    /// How what it finds is found.
    pub(super) via: Via,
}

/// A host with its subdomains, or any.
#[derive(Debug, Clone)]
struct Host(String);

/// What stands in place of a part of the path of a URL. In `from`, `*` is one segment or a part of it.
#[derive(Debug, Clone)]
struct Pattern {
    from: String,
    to: String,
}

impl Default for Rules {
    fn default() -> Self {
        let mut rules = Self {
            links: Vec::new(),
            rewrites: Vec::new(),
            ignored_metas: Vec::new(),
            containers: Vec::new(),
            marks: Vec::new(),
            added: 0,
        };
        for (site, selector, is_sure) in rules::LINKS {
            let (host, page) = site.split_at(site.find('/').unwrap_or(site.len()));
            let added = rules.push_link(
                (host, page),
                selector,
                if is_sure {
                    Via::AnchorClass
                } else {
                    Via::AnchorLikely
                },
            );
            added.expect("the table has valid selectors");
        }
        let rewrites =
            rules::REWRITES.map(|(host, from, to)| (Host::of(host), Pattern::new(from, to)));
        rules.rewrites.extend(rewrites);
        for site in rules::WRONG_METAS {
            let (host, page) = site.split_at(site.find('/').unwrap_or(site.len()));
            rules.ignored_metas.push((Host::of(host), page.to_owned()));
        }
        rules
    }
}

impl Rules {
    /// Adds a link that is the article's on the pages of `host` and its subdomains, or of any host for `*`.
    ///
    /// # Errors
    ///
    /// What is wrong with the selector.
    pub(crate) fn add_link(&mut self, host: &str, selector: &str) -> Result<(), String> {
        self.push_link((host, ""), selector, Via::SiteLink)?;
        self.links[self.added..].rotate_right(1);
        self.added += 1;
        Ok(())
    }

    /// Adds a rule by which the URL of a page of `host` tells that of its PDF, like `/abs/ -> /pdf/`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn add_rewrite(&mut self, host: &str, rewrite: &str) -> Result<(), String> {
        let form = "a rewrite has two parts of a path with `->` between, such as `/abs/ -> /pdf/`";
        let (from, to) = rewrite.split_once("->").ok_or(form)?;
        let (from, to) = (from.trim(), to.trim());
        let stars = |text: &str| text.matches('*').count();
        if from.is_empty() && to.is_empty() || rewrite.len() > LONGEST {
            return Err(form.to_owned());
        }
        if stars(to) > stars(from) || stars(from) > 4 {
            return Err(
                "a rewrite has at most 4 `*`, and on its right no more than on its left".to_owned(),
            );
        }
        self.rewrites
            .insert(0, (Host::of(host), Pattern::new(from, to)));
        Ok(())
    }

    /// Ignores what the pages of `host` and its subdomains declare as their PDF.
    pub(crate) fn ignore_meta(&mut self, host: &str) {
        self.ignored_metas.push((Host::of(host), String::new()));
    }

    fn push_link(
        &mut self,
        (host, page): (&str, &str),
        selector: &str,
        via: Via,
    ) -> Result<(), String> {
        let (within, link) =
            match selector.split_whitespace().collect::<Vec<_>>()[..] {
                [link] if selector.len() <= LONGEST => (None, link),
                [within, link] if selector.len() <= LONGEST => (Some(within), link),
                _ => return Err(
                    "a selector is a link, or an element and a link in it, such as `.files a.pdf`"
                        .to_owned(),
                ),
            };
        let mut tests = simples(link)?;
        let name = |test: &Simple| matches!(test, Simple::Element(name) if name == "a");
        if tests
            .first()
            .is_none_or(|test| matches!(test, Simple::Element(name) if name != "a"))
        {
            return Err("a selector ends with a link, such as `a.pdf`".to_owned());
        }
        tests.retain(|test| !name(test));
        let mut target = String::new();
        tests.retain(|test| match test {
            Simple::Has(name, part) if name == "href" && target.is_empty() => {
                target.clone_from(part);
                false
            }
            _ => true,
        });
        let container = match within.map(simples).transpose()?.as_deref() {
            None => 0,
            Some([container]) => self.container(container)?,
            Some(_) => {
                return Err(
                    "the element around a link has one class, id or name, such as `.files`"
                        .to_owned(),
                );
            }
        };
        self.links.push(LinkRule {
            host: Host::of(host),
            page: page.to_owned(),
            container,
            marks: tests.iter().fold(0, |marks, test| marks | test.mark()),
            tests,
            target,
            via,
        });
        Ok(())
    }

    fn container(&mut self, container: &Simple) -> Result<u64, String> {
        let known = self.containers.iter().position(|known| known == container);
        let bit = known.unwrap_or(self.containers.len());
        if bit == MOST_CONTAINERS {
            return Err(format!(
                "there are more than {MOST_CONTAINERS} different elements around links"
            ));
        }
        if known.is_none() {
            self.marks.push(container.mark());
            self.containers.push(container.clone());
        }
        Ok(1 << bit)
    }

    /// The bits of the containers that `tag` opens.
    pub(super) fn containers(&self, tag: &Tag) -> u64 {
        let containers = self.containers.iter().zip(&self.marks).enumerate();
        let may = containers.filter(|(_, (_, mark))| tag.may_have(**mark));
        let open = may.filter(|(_, (container, _))| container.fits(tag));
        open.fold(0, |bits, (bit, _)| bits | 1 << bit)
    }

    /// The indices of the rules that may apply on the page with this `url`; only those that were added, if not `all`.
    pub(super) fn links_of(&self, url: &Url, all: bool) -> Vec<usize> {
        let at = url.as_str().to_lowercase();
        let count = if all { self.links.len() } else { self.added };
        let links = self.links[..count].iter().enumerate();
        let links = links.filter(|(_, rule)| rule.host.has(url) && at.contains(&rule.page));
        links.map(|(index, _)| index).collect()
    }

    /// Whether what the page with this `url` declares is known to be wrong.
    pub(super) fn ignores_meta(&self, url: &Url) -> bool {
        let mut ignored = self.ignored_metas.iter();
        ignored.any(|(host, page)| host.has(url) && url.path().to_lowercase().starts_with(page))
    }

    /// The URL of the PDF of the page with this `url`, if a rule knows it.
    pub(super) fn pdf_of(&self, url: &Url) -> Option<Url> {
        let mut rewrites = self.rewrites.iter().filter(|(host, _)| host.has(url));
        let path = rewrites.find_map(|(_, pattern)| pattern.apply(url.path()))?;
        let mut pdf = url.clone();
        pdf.set_path(&path);
        pdf.set_fragment(None);
        (pdf != *url).then_some(pdf)
    }
}

impl LinkRule {
    /// Whether nothing but an article has such a link.
    pub(super) fn is_sure(&self) -> bool {
        self.via != Via::AnchorLikely
    }

    /// Whether the link `tag` in these `containers` is meant; `target` is its URL in lower case.
    pub(super) fn fits(&self, tag: &Tag, containers: u64, target: &str) -> bool {
        tag.may_have(self.marks)
            && (self.container == 0 || containers & self.container != 0)
            && self.tests.iter().all(|test| test.fits(tag))
            && (self.target.is_empty() || target.contains(&self.target))
    }

    /// Whether it names what the link is in.
    pub(super) fn is_placed(&self) -> bool {
        self.container != 0
    }
}

impl Host {
    fn of(name: &str) -> Self {
        Self(if name == "*" {
            String::new()
        } else {
            name.to_owned()
        })
    }

    fn has(&self, url: &Url) -> bool {
        let before = host::name_of(url).strip_suffix(self.0.as_str());
        before.is_some_and(|before| self.0.is_empty() || before.is_empty() || before.ends_with('.'))
    }
}

impl Pattern {
    fn new(from: &str, to: &str) -> Self {
        Self {
            from: from.to_owned(),
            to: to.to_owned(),
        }
    }

    /// `path` with the part replaced; none if it does not have it. An empty `from` is the end of the path.
    fn apply(&self, path: &str) -> Option<String> {
        if self.from.is_empty() {
            let path = path.trim_end_matches('/');
            let is_page = !path.is_empty() && !path.ends_with(&self.to);
            return is_page.then(|| format!("{path}{}", self.to));
        }
        let path = if self.from.ends_with('*') {
            path.trim_end_matches('/')
        } else {
            path
        };
        let mut parts = self.from.split('*');
        let first = parts.next().unwrap_or_default();
        let start = path.find(first)?;
        let mut rest = &path[start + first.len()..];
        let mut replaced = self.to.clone();
        for part in parts {
            let segment = rest.split('/').next().unwrap_or_default();
            let end = if part.is_empty() || part.starts_with('/') {
                segment.len()
            } else {
                segment.find(part)?
            };
            // what ends with `*` has nothing behind it
            let fits =
                end > 0 && rest[end..].starts_with(part) && (!part.is_empty() || rest.len() == end);
            if !fits {
                return None;
            }
            replaced = replaced.replacen('*', &rest[..end], 1);
            rest = &rest[end + part.len()..];
        }
        Some(format!("{}{replaced}{rest}", &path[..start]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_replace_parts_of_paths() {
        for (from, to, path, expected) in [
            ("/abs/", "/pdf/", "/x/abs/1", Some("/x/pdf/1")),
            ("/abs/", "/pdf/", "/x/1", None),
            ("", "/pdf", "/a/b/", Some("/a/b/pdf")),
            ("", ".pdf", "/a.pdf", None),
            (
                "/article/view/*/*",
                "/article/download/*/*",
                "/index.php/x/article/view/1/2",
                Some("/index.php/x/article/download/1/2"),
            ),
            (
                "/article/view/*/*",
                "/article/download/*/*",
                "/article/view/1",
                None,
            ),
            (
                "/article/view/*/*",
                "/article/download/*/*",
                "/article/view/1/2/3",
                None,
            ),
            ("/*", "/*/download", "/abc/", Some("/abc/download")),
            ("/*", "/*/download", "/", None),
            (
                "/view/*.xml",
                "/pdf/*.pdf",
                "/view/a.xml",
                Some("/pdf/a.pdf"),
            ),
        ] {
            assert_eq!(
                Pattern::new(from, to).apply(path).as_deref(),
                expected,
                "{from} {path}"
            );
        }
    }

    #[test]
    fn wrong_rules_are_refused() {
        let mut rules = Rules::default();
        for selector in [
            "",
            "a b c",
            "div.x",
            "a..x",
            "a[title]",
            "a[onclick=x]",
            "a[title=x",
            "a b",
            "a>b",
            ".x.y a.z",
            "a.x y",
        ] {
            assert!(rules.add_link("a.example", selector).is_err(), "{selector}");
        }
        for rewrite in ["", "/a/", " -> ", "/a/ -> /*/"] {
            assert!(
                rules.add_rewrite("a.example", rewrite).is_err(),
                "{rewrite}"
            );
        }
        assert_eq!(rules.added, 0);
        for selector in [
            ".x",
            "#x",
            "a",
            ".files a.pdf",
            "#x a[href*=/y/]",
            "article a[title=\"PDF\"]",
        ] {
            assert_eq!(rules.add_link("a.example", selector), Ok(()), "{selector}");
        }
    }
}
