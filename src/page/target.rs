//! URLs on a page: which of them lead to a file, which are the same, and what stands for them.

use percent_encoding::percent_decode_str;
use url::{Position, Url};

use super::words::{NO_ARTICLE_NAMES, NO_ARTICLE_TARGETS, OTHER_FILES};

/// Parameters that say how a file is sent, and not which, if their value is one of [`FLAGS`].
const HOW: [&str; 12] = [
    "download",
    "inline",
    "attachment",
    "isallowed",
    "needaccess",
    "role",
    "disposition",
    "ref",
    "view",
    "forcedownload",
    "pdf",
    "origin",
];

/// Values of parameters that say how a file is sent: any other one may be the id of a file.
const FLAGS: [&str; 20] = [
    "",
    "0",
    "1",
    "true",
    "false",
    "yes",
    "no",
    "y",
    "n",
    "on",
    "off",
    "inline",
    "attachment",
    "pdf",
    "download",
    "view",
    "full",
    "fit",
    "fith",
    "img",
];

/// Parameters that say nothing about the file, whatever their value: a place in an item, and the visitor.
const NO_FILE: [&str; 2] = ["sequence", "casa_token"];

/// Segments of paths that say how a file is sent, and not which.
const VERBS: [&str; 12] = [
    "view",
    "viewfile",
    "download",
    "downloadfile",
    "epdf",
    "pdf",
    "pdfdirect",
    "pdfplus",
    "open",
    "get",
    "preview",
    "inline",
];

/// The file that the viewer with this `url` shows, if it is one.
pub(super) fn viewed(url: &Url) -> Option<Url> {
    let (host, path) = (url.host_str()?, url.path());
    let parameter = |wanted: &str| {
        let mut pairs = url.query_pairs();
        pairs.find_map(|(name, value)| (name == wanted).then(|| value.into_owned()))
    };
    let is_viewer =
        path.ends_with("viewer.html") || path.contains("pdfjs") || path.contains("pdf.js");
    let file = match host {
        "docs.google.com" if path.ends_with("/viewer") || path.ends_with("/gview") => {
            parameter("url")?
        }
        "docs.google.com" if path.starts_with("/document/d/") => {
            let id = path.split('/').nth(3).filter(|id| !id.is_empty())?;
            format!("https://docs.google.com/document/d/{id}/export?format=pdf")
        }
        "drive.google.com" => {
            let id = match path.strip_prefix("/file/d/") {
                Some(rest) => rest.split('/').next().map(str::to_owned),
                None if path == "/open" => parameter("id"),
                None => None,
            };
            let id = id.filter(|id| !id.is_empty())?;
            format!("https://drive.google.com/uc?export=download&id={id}")
        }
        _ if is_viewer => match parameter("file") {
            Some(file) => file,
            None => percent_decode_str(url.fragment()?.strip_prefix("file=")?.split('&').next()?)
                .decode_utf8_lossy()
                .into_owned(),
        },
        _ if path.to_lowercase().contains("viewerjs") => url.fragment()?.to_owned(),
        _ => return None,
    };
    let mut file = url.join(file.trim()).ok()?;
    file.set_fragment(None);
    (matches!(file.scheme(), "http" | "https") && !is_nearly(&file, url)).then_some(file)
}

/// The URL of the file, for one that is known to be a page around it.
pub(super) fn direct(mut url: Url) -> Url {
    let (host, path) = (url.host_str().unwrap_or_default(), url.path());
    if host.ends_with("onlinelibrary.wiley.com")
        && let Some(doi) = path
            .strip_prefix("/doi/pdf/")
            .or(path.strip_prefix("/doi/epdf/"))
    {
        let direct = format!("/doi/pdfdirect/{doi}");
        url.set_path(&direct);
    } else if path.starts_with("/record") && path.contains("/preview/") {
        let direct = path.replacen("/preview/", "/files/", 1);
        url.set_path(&direct);
    } else if let Some(file) = path.strip_suffix(".pdf/") {
        let direct = format!("{file}.pdf");
        url.set_path(&direct);
    }
    url
}

/// Whether two URLs are the same page, as far as one can tell.
pub(super) fn is_nearly(one: &Url, other: &Url) -> bool {
    fn plain(url: &Url) -> (&str, Option<u16>, &str, Option<&str>) {
        let host = url.host_str().unwrap_or_default();
        let host = host.strip_prefix("www.").unwrap_or(host);
        (
            host,
            url.port(),
            url.path().trim_end_matches('/'),
            url.query(),
        )
    }
    plain(one) == plain(other)
}

/// Whether two URLs are the same file in two ways: to view it, and to download it.
pub(super) fn is_same_file(one: &Url, other: &Url) -> bool {
    one == other || plain(one) == plain(other)
}

/// What is the same of all URLs of a file.
fn plain(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let mut plain = host.strip_prefix("www.").unwrap_or(host).to_owned();
    for segment in url.path().split('/').filter(|segment| !segment.is_empty()) {
        let segment = segment.to_lowercase();
        let is_verb = VERBS.contains(&&*segment);
        plain.push('/');
        plain.push_str(if is_verb { "*" } else { &segment });
    }
    let pairs = url.query_pairs();
    let is_how = |name: &str, value: &str| {
        NO_FILE.contains(&name) || (HOW.contains(&name) && FLAGS.contains(&value))
    };
    let is_which = |name: &str, value: &str| !is_how(&name.to_lowercase(), &value.to_lowercase());
    for (name, value) in pairs.filter(|(name, value)| is_which(name, value)) {
        plain.extend(["&", &*name, "=", &*value]);
    }
    plain
}

/// Whether the path is that of a file of another kind than PDF.
pub(super) fn is_other_file(url: &Url) -> bool {
    let path = url.path().to_lowercase();
    OTHER_FILES.iter().any(|end| path.ends_with(end))
}

/// The part of a URL by which it is something else than the article that has the title `title`, which is in lower case.
pub(super) fn other_part(url: &Url, title: &str) -> Option<&'static str> {
    let is_in_title = |part: &str| title.contains(part.trim_matches(|c: char| !c.is_alphabetic()));
    let path = url[Position::BeforePath..].to_lowercase();
    let mut targets = NO_ARTICLE_TARGETS.iter().copied();
    let part = targets.find(|part| path.contains(part) && !is_in_title(part));
    let file = url.path().trim_end_matches('/').rsplit('/').next();
    let file = percent_decode_str(file.unwrap_or_default()).decode_utf8_lossy();
    let file = file.to_lowercase();
    let stem = file.strip_suffix(".pdf").unwrap_or(&file);
    let known = |word: &str| {
        NO_ARTICLE_NAMES
            .iter()
            .copied()
            .find(|known| *known == word)
    };
    let mut words = stem.split(|c: char| !c.is_alphabetic()).filter_map(known);
    part.or_else(|| known(stem))
        .or_else(|| words.find(|word| !title.contains(word)))
        .or_else(|| other_form(stem))
        .or_else(|| is_issue(&path).then_some("issue"))
}

/// Whether a path is that of a whole issue, such as `/issues/5.pdf`.
fn is_issue(path: &str) -> bool {
    const FOLDERS: [&str; 3] = ["issue", "issues", "full-issues"];
    let Some((folder, file)) = path.rsplit_once('/') else {
        return false;
    };
    let stem = file.strip_suffix(".pdf").unwrap_or_default();
    !stem.is_empty()
        && stem
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'-')
        && folder
            .rsplit('/')
            .next()
            .is_some_and(|folder| FOLDERS.contains(&folder))
}

/// The form of the name of a file that is no article: the whole issue, or a part of it with a number of its own.
fn other_form(stem: &str) -> Option<&'static str> {
    const ISSUES: [&str; 18] = [
        "issue",
        "full",
        "complete",
        "whole",
        "entire",
        "vol",
        "volume",
        "v",
        "no",
        "n",
        "nr",
        "number",
        "heft",
        "band",
        "numero",
        "número",
        "fascicolo",
        "jahrgang",
    ];
    const OF_ISSUES: [&str; 5] = ["issue", "heft", "numero", "número", "fascicolo"];
    let words = || {
        let words = stem.split(|c: char| !c.is_alphabetic());
        words.filter(|word| !word.is_empty())
    };
    if words().any(|word| OF_ISSUES.contains(&word)) && words().all(|word| ISSUES.contains(&word)) {
        return Some("issue");
    }
    // PLOS and others: `journal.pone.0123456.s001.pdf`
    let (_, number) = stem.rsplit_once(['.', '_', '-'])?;
    let number = number.strip_prefix('s')?;
    let is_number =
        (1..=3).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some("s1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    #[test]
    fn ways_to_one_file_are_one() {
        for (one, other, is_same) in [
            (
                "https://a.example/article/view/1/2",
                "https://www.a.example/article/download/1/2?inline=1",
                true,
            ),
            (
                "https://a.example/doi/epdf/10.1/x",
                "https://a.example/doi/pdf/10.1/x?needAccess=true",
                true,
            ),
            (
                "https://a.example/x.pdf?sequence=1&isAllowed=y",
                "https://a.example/x.PDF",
                true,
            ),
            (
                "https://a.example/x.pdf?id=1",
                "https://a.example/x.pdf?id=2",
                false,
            ),
            (
                "https://a.example/article/view/1/2",
                "https://a.example/article/view/1/3",
                false,
            ),
            (
                "https://a.example/get?pdf=smith",
                "https://a.example/get?pdf=jones",
                false,
            ),
            (
                "https://a.example/?download=12",
                "https://a.example/?download=13",
                false,
            ),
            ("http://a.example/x.pdf", "https://a.example/x.pdf", true),
        ] {
            assert_eq!(
                is_same_file(&url(one), &url(other)),
                is_same,
                "{one} {other}"
            );
        }
    }

    #[test]
    fn viewers_show_files() {
        for (viewer, file) in [
            (
                "https://a.example/pdfjs/web/viewer.html?file=%2Fx.pdf#page=2",
                Some("https://a.example/x.pdf"),
            ),
            (
                "https://docs.google.com/viewer?url=http%3A%2F%2Fa.example%2Fx.pdf&embedded=true",
                Some("http://a.example/x.pdf"),
            ),
            (
                "https://docs.google.com/gview?url=http://a.example/x.pdf",
                Some("http://a.example/x.pdf"),
            ),
            (
                "https://docs.google.com/document/d/ab-1/edit",
                Some("https://docs.google.com/document/d/ab-1/export?format=pdf"),
            ),
            (
                "https://drive.google.com/file/d/ab-1/view?usp=sharing",
                Some("https://drive.google.com/uc?export=download&id=ab-1"),
            ),
            (
                "https://drive.google.com/open?id=ab-1",
                Some("https://drive.google.com/uc?export=download&id=ab-1"),
            ),
            ("https://drive.google.com/drive/folders/x", None),
            (
                "https://a.example/ViewerJS/#../x.pdf",
                Some("https://a.example/x.pdf"),
            ),
            (
                "https://a.example/web/viewer.html#file=/x%20y.pdf&page=2",
                Some("https://a.example/x%20y.pdf"),
            ),
            ("https://a.example/web/viewer.html#page=2", None),
            ("https://a.example/viewer.html?file=javascript:x", None),
            ("https://a.example/x.pdf", None),
        ] {
            assert_eq!(
                viewed(&url(viewer)).as_ref().map(Url::as_str),
                file,
                "{viewer}"
            );
        }
    }
}
