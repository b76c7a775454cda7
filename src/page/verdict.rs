//! What a page is that leads to no PDF.
//!
//! Most pages have something of every kind: a form to log in, a script of a firewall, a line about cookies, a shop. What they are
//! is told by their URL and title; by what they say only if they say little else, and are about no work. Any page of a site may
//! have a Dublin Core title, or call itself an article for the cards of social networks: only what Google Scholar asks for, and a
//! DOI, make one the page of an article. Where a redirect ends counts more than what is there: the home page is not the article.

use url::Url;

use super::Via;
use super::rules::{
    CHALLENGE_TITLES, CHALLENGES, CONSENTS, COOKIE_PAGES, ERROR_PAGES, HOME_LANGUAGES, HOMES,
    LISTS, LOGINS,
};
use super::wording;
use super::words::PAYWALLS;
use crate::host;

/// How much of a page is searched for what it says, in bytes, decoded.
const SEARCHED: usize = 64 * 1024;

/// How much of what a page shows is searched, in bytes.
const SHOWN: usize = 16 * 1024;

/// How few characters a page shows that leaves everything to its scripts.
const FEW: usize = 200;

/// How few characters a page shows that has nothing but a message.
const SHORT: usize = 1500;

/// How few links a page has that is none of a site.
const FEW_LINKS: usize = 3;

/// The longest text that is a price, in bytes.
const LONGEST_PRICE: usize = 32;

/// Parameters that a home page may have, such as the reason for being there.
const SAYS_NOTHING: [&str; 10] = [
    "lang", "locale", "language", "hl", "error", "from", "ref", "redirect", "status", "msg",
];

/// What a page is that leads to no PDF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PageKind {
    /// A firewall wants to know whether a person asks.
    Challenge,
    /// It asks for an account.
    Login,
    /// It asks for cookies, or for consent.
    Consent,
    /// It asks for money.
    Paywall,
    /// It shows nothing without its scripts.
    ScriptOnly,
    /// It says that there is nothing here.
    Gone,
    /// The home page, in place of what has been here.
    Home,
    /// A list of works, such as what a search has found.
    List,
    /// A page about another work than the link, or than the pages before.
    OtherWork,
    /// A page without a link to its PDF.
    Other,
    /// No page at all, but for example the XML of an API.
    NoPage,
}

impl PageKind {
    /// Whether what is found like this may be the PDF although the page is certainly of this kind.
    pub(super) fn admits(self, via: Via) -> bool {
        match self {
            Self::Home => false,
            Self::Gone => matches!(via, Via::Refresh | Via::Hop),
            _ => via <= Via::Hop,
        }
    }
}

/// What has been seen of a page.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(super) struct Signs {
    /// Its beginning, with tags and scripts.
    beginning: String,
    /// What it shows, in lower case, without what all pages of a site do.
    text: String,
    /// How many characters it shows.
    shown: usize,
    /// Its title, in lower case.
    pub(super) title: String,
    /// Its first heading, in lower case.
    pub(super) heading: String,
    pub(super) is_page: bool,
    /// Whether it says that it is about something that somebody has made.
    pub(super) is_work: bool,
    /// Whether it says so as pages of articles do.
    pub(super) is_article: bool,
    pub(super) has_script: bool,
    /// Whether it asks for a password, other than all pages of a site.
    pub(super) has_password: bool,
    /// Whether one of its links or buttons asks for money.
    pub(super) sells: bool,
    /// Whether it shows a price.
    pub(super) has_price: bool,
    /// Whether one of its links leads to a shop.
    pub(super) leads_to_shop: bool,
    /// How many links to other pages it has.
    pub(super) links: usize,
    /// Whether it has a field for more than a word, as forms of contact have.
    pub(super) has_textarea: bool,
    pub(super) has_button: bool,
}

impl Signs {
    /// Notes what the page consists of, tags and scripts included.
    pub(super) fn see(&mut self, text: &str) {
        push(&mut self.beginning, text, SEARCHED);
    }

    /// Notes what the page shows; `is_own` if not all pages of the site show it.
    pub(super) fn show(&mut self, text: &str, is_own: bool) {
        let begins_character = |byte: &&u8| !byte.is_ascii_whitespace() && **byte & 0xc0 != 0x80;
        self.shown += text.as_bytes().iter().filter(begins_character).count();
        self.has_price |= is_own && is_price(text.trim());
        if is_own && self.text.len() < SHOWN {
            push(&mut self.text, &text.to_lowercase(), SHOWN);
        }
    }

    /// How many bytes are kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.beginning.capacity() + self.text.capacity()
    }

    /// What the page at `url` certainly is, whatever else is on it, to which `link` has led. `names_link` if it has the id of the
    /// link.
    pub(super) fn certain(&self, url: &Url, link: &Url, names_link: bool) -> Option<PageKind> {
        if !self.is_page {
            return None;
        }
        let by_itself = || self.by_itself(url);
        let by_itself = (!self.is_article).then(by_itself).flatten();
        by_itself.or_else(|| self.by_place(url, link).filter(|_| !names_link))
    }

    fn by_itself(&self, url: &Url) -> Option<PageKind> {
        let at = url.as_str().to_lowercase();
        let is_at = |parts: &[&str]| parts.iter().any(|part| at.contains(part));
        if self.is_challenge() {
            Some(PageKind::Challenge)
        } else if is_at(&LOGINS)
            || at.ends_with("/login")
            || wording::is_login(&self.title, &self.heading)
        {
            Some(PageKind::Login)
        } else if wording::is_gone(&self.title, &self.heading) {
            Some(PageKind::Gone)
        } else {
            is_at(&COOKIE_PAGES).then_some(PageKind::Consent)
        }
    }

    /// What the page is by its URL, and by that of the link.
    fn by_place(&self, url: &Url, link: &Url) -> Option<PageKind> {
        let is_led = url != link && !is_below(url, link);
        // an article may have a site of its own
        let is_own_site = self.is_article && host::site(url) != host::site(link);
        if is_home(url) && is_led && !is_home(link) && !is_own_site {
            Some(PageKind::Home)
        } else if self.is_article {
            None
        } else if is_led && ERROR_PAGES.contains(&&*last_segment(url)) {
            Some(PageKind::Gone)
        } else {
            (is_home(url) || is_list(url)).then_some(PageKind::List)
        }
    }

    fn is_challenge(&self) -> bool {
        let has_title = CHALLENGE_TITLES
            .iter()
            .any(|title| self.title.starts_with(title));
        let is_message = self.shown < SHORT && !self.has_password;
        // a firewall knows nothing of the site behind, and forms of the site may ask for a person, too
        let is_bare = self.links < FEW_LINKS && !self.has_textarea;
        let beginning = || self.beginning.to_lowercase();
        let has_mark = |beginning: String| CHALLENGES.iter().any(|mark| beginning.contains(mark));
        is_message && (has_title || (is_bare && has_mark(beginning())))
    }

    /// What the page is, should its candidates lead to nothing: what it is certainly, or most likely. Much of it may not have
    /// been read if its head `declares` its PDF.
    pub(super) fn kind(&self, certain: Option<PageKind>, declares: bool) -> PageKind {
        match (certain, self.likely()) {
            (Some(certain), _) if certain != PageKind::List => certain,
            (_, PageKind::ScriptOnly | PageKind::NoPage) if declares => PageKind::Other,
            (Some(certain), PageKind::Other) => certain,
            (_, likely) => likely,
        }
    }

    /// Whether it shows nothing that leads anywhere or is the beginning of a text.
    fn is_blank(&self) -> bool {
        self.heading.is_empty() && self.links < FEW_LINKS
    }

    /// Whether it has a price, and a way to pay it.
    fn has_offer(&self) -> bool {
        self.has_price && (self.leads_to_shop || self.has_button)
    }

    /// Whether it asks about cookies, and nothing else.
    fn is_cookie_form(&self) -> bool {
        let is_about = |text: &str| {
            ["cookie", "クッキー"]
                .iter()
                .any(|word| text.contains(word))
        };
        self.has_button
            && self.links < FEW_LINKS
            && (is_about(&self.heading) || is_about(&self.title))
    }

    fn likely(&self) -> PageKind {
        let is_work = self.is_work || self.is_article;
        let says = |words: &[&str]| words.iter().any(|words| self.text.contains(words));
        if !self.is_page {
            PageKind::NoPage
        } else if self.has_password && self.shown < SHORT && !is_work {
            PageKind::Login
        } else if self.shown < 2 * SHORT && !is_work && (says(&CONSENTS) || self.is_cookie_form()) {
            PageKind::Consent
        } else if self.sells || self.has_offer() || PAYWALLS.are_in(&self.text) {
            PageKind::Paywall
        } else if self.has_script && self.shown < FEW && self.is_blank() {
            PageKind::ScriptOnly
        } else {
            PageKind::Other
        }
    }
}

/// Whether `text` is a price, perhaps with a word before it.
fn is_price(text: &str) -> bool {
    const CURRENCIES: [&str; 18] = [
        "€", "$", "£", "¥", "₽", "₹", "元", "円", "eur", "usd", "gbp", "chf", "руб", "us$", "r$",
        "zł", "jpy", "cny",
    ];
    let words =
        text.split(|c: char| c.is_whitespace() || c.is_numeric() || matches!(c, '.' | ',' | ':'));
    let mut words = words.filter(|word| !word.is_empty());
    text.len() <= LONGEST_PRICE
        && text.contains(|c: char| c.is_ascii_digit())
        && words.any(|word| CURRENCIES.contains(&&*word.to_lowercase()))
}

/// Whether the URL of a link is one of a shop.
pub(super) fn is_shop(target: &str) -> bool {
    const SHOPS: [&str; 9] = [
        "cart",
        "basket",
        "checkout",
        "order",
        "purchase",
        "buy",
        "payment",
        "warenkorb",
        "panier",
    ];
    let mut words = target.split(|c: char| !c.is_ascii_alphabetic());
    words.any(|word| SHOPS.iter().any(|shop| word.eq_ignore_ascii_case(shop)))
}

/// Adds to `text` what there is room for.
fn push(text: &mut String, more: &str, longest: usize) {
    let room = longest.saturating_sub(text.len());
    text.push_str(&more[..more.floor_char_boundary(room)]);
}

/// Whether `url` is that of the home page of a site, perhaps in one language, or of a journal there.
fn is_home(url: &Url) -> bool {
    let path = url.path().trim_matches('/').to_lowercase();
    // journals have theirs below the one of the site
    let is_named = HOMES.contains(&&*path) || path.ends_with("/home") || path.ends_with("/index");
    let mut names = url.query_pairs().map(|(name, _)| name.to_lowercase());
    let is_plain = names.all(|name| SAYS_NOTHING.contains(&&*name) || name.starts_with("utm_"));
    is_plain && (is_code(&path) || is_named)
}

/// Whether `url` is in the folder of the page at `link`.
fn is_below(url: &Url, link: &Url) -> bool {
    let folder = link.path().trim_end_matches('/');
    let rest = url.path().strip_prefix(folder);
    let is_in = !folder.is_empty() && rest.is_some_and(|rest| rest.starts_with('/'));
    is_in && host::of(url) == host::of(link)
}

/// Whether `path` is a language, perhaps with a country.
fn is_code(path: &str) -> bool {
    let (language, country) = path.split_once(['-', '_']).unwrap_or((path, "us"));
    let is_country = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_lowercase());
    HOME_LANGUAGES.contains(&language) && is_country
}

/// Whether the page at `url` is one of those that list works.
fn is_list(url: &Url) -> bool {
    let mut segments = url.path_segments().into_iter().flatten();
    segments.next() == Some("toc") || LISTS.contains(&&*last_segment(url))
}

/// The last segment of the path of `url` that is not empty, in lower case and without extension.
fn last_segment(url: &Url) -> String {
    let mut segments = url.path_segments().into_iter().flatten().rev();
    let last = segments.find(|segment| !segment.is_empty());
    let last = last.unwrap_or_default().to_lowercase();
    let ends = [".html", ".htm", ".php", ".aspx", ".jsp", ".do"];
    let stem = ends.iter().find_map(|end| last.strip_suffix(end));
    stem.unwrap_or(&last).to_owned()
}
