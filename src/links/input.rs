//! The inputs of a run: lists, standard input, and links on the command line.
//!
//! A link without its scheme is taken for http, as curl does, if its beginning can only be a host: an address, a name with a
//! port, or a name below a public suffix, with a path behind it. So `linkz.txt` is a file that does not exist, `10.1000/182` and
//! `math.GT/0309136` are identifiers, and `lists/new.txt` is a path.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use url::Url;

use super::characters::is_space;
use super::compressed::Source;
use super::nearest;
use crate::id::Ids;
use crate::text::printable;

/// A source of links, as named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A link list.
    List(PathBuf),
    /// A link list on standard input.
    Stdin,
    /// A link list of this name that has been copied to a file, so that it can be read again.
    Copied(String, PathBuf),
    /// A single link.
    Url(String),
}

impl Input {
    /// Whether reading it may block until another process writes to it.
    pub fn may_wait(&self) -> bool {
        match self {
            Self::Url(_) | Self::Copied(..) => false,
            Self::Stdin => true,
            Self::List(path) => !path.metadata().is_ok_and(|list| list.is_file()),
        }
    }
}

impl From<OsString> for Input {
    /// `-` is standard input, text with a scheme other than `file` is a link, and anything else is the path of a list, unless it
    /// does not exist and can only be a link.
    fn from(argument: OsString) -> Self {
        match argument.to_str() {
            Some("-") => Self::Stdin,
            Some(link) if link.contains("://") && path_of_url(link).is_none() => {
                Self::Url(link.to_owned())
            }
            Some(link) if !Path::new(link).exists() && is_link(link) => Self::Url(link.to_owned()),
            _ => Self::List(argument.into()),
        }
    }
}

/// The path that a URL such as `file:///links.txt` means.
fn path_of_url(text: &str) -> Option<PathBuf> {
    const SCHEME: &str = "file:/";
    let is_file = text.get(..SCHEME.len())?.eq_ignore_ascii_case(SCHEME);
    let url = Url::parse(text).ok().filter(|_| is_file)?;
    url.to_file_path().ok()
}

/// Whether `text` can only be a link without a scheme, or an identifier.
fn is_link(text: &str) -> bool {
    with_scheme(text).is_some() || Ids::builtin().of_text(text).is_some()
}

/// The URL of a link without a scheme; `None` if `text` may be something else.
pub(super) fn with_scheme(text: &str) -> Option<Url> {
    let link = text.strip_prefix("//").unwrap_or(text);
    if link.contains(is_space) {
        return None;
    }
    let authority = &link[..link.find('/')?];
    let (host, has_port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse::<u16>().is_ok()),
        None => (authority, false),
    };
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
    let is_address = host.parse::<Ipv4Addr>().is_ok() || host.starts_with('[');
    let is_host = is_address || (!host.is_empty() && host.chars().all(is_name));
    let is_known = is_address || has_port || host == "localhost" || is_public(host);
    let is_whole = has_port || authority.len() == host.len();
    if !(is_host && is_known && is_whole) {
        return None;
    }
    Url::parse(&format!("http://{link}")).ok()
}

/// Whether `host` is below a public suffix. Categories of arXiv have theirs in capitals.
fn is_public(host: &str) -> bool {
    let top = host.rsplit('.').next().unwrap_or_default();
    let is_category = top == top.to_uppercase() && host != host.to_uppercase();
    let host = host.to_lowercase();
    let domain = psl::domain(host.as_bytes());
    let is_public = domain.is_some_and(|domain| domain.suffix().is_known());
    is_public && !is_category
}

/// Opens a list without reading from it. One that `is_extra` stands behind another list, where it may be meant as the output folder.
pub(super) fn open_list(path: &Path, is_extra: bool) -> io::Result<Source> {
    let file = File::open(path).and_then(|file| {
        if file.metadata()?.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        Ok(file)
    });
    let file = file.map_err(|error| {
        let shown = printable(&path.to_string_lossy());
        let hint = hint(path, error.kind(), is_extra);
        let message = format!("cannot read the list `{shown}`: {error}{hint}");
        io::Error::new(error.kind(), message)
    })?;
    Ok(Box::new(BufReader::with_capacity(64 * 1024, file)))
}

/// What to do about a list that cannot be opened.
fn hint(path: &Path, error: ErrorKind, is_extra: bool) -> String {
    let text = path.to_string_lossy();
    let shown = printable(&text);
    if error == ErrorKind::IsADirectory {
        let folder = shown.trim_end_matches('/');
        let first = lists_in(path).next();
        let example = first.map_or_else(
            || "name the lists in it".to_owned(),
            |name| {
                format!(
                    "name the lists in it, such as `{folder}/{}`",
                    printable(&name)
                )
            },
        );
        return format!(": for the output folder, write `-o {shown}`; or {example}");
    }
    let is_missing = matches!(error, ErrorKind::NotFound | ErrorKind::NotADirectory);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if text.trim().is_empty() {
        return ": an empty argument is no list: is a variable of a script empty?".to_owned();
    }
    if is_missing && is_amount(&text) {
        return format!(
            ": `{shown}` looks like the value of an option that takes none, see `fetchpdf -h`"
        );
    }
    if is_missing && let Some(path) = path_of_url(&text) {
        let path = path.display().to_string();
        return format!(": a file is named by its path, `{}`", printable(&path));
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let names: Vec<_> = lists_in(folder.unwrap_or(Path::new("."))).collect();
    if is_missing && let Some(similar) = nearest(&name, names.iter().map(String::as_str)) {
        let similar = folder.map_or_else(|| similar.into(), |folder| folder.join(similar));
        return format!(
            ": did you mean `{}`?",
            printable(&similar.to_string_lossy())
        );
    }
    if is_missing && is_extra && path.extension().is_none() {
        return format!(": for the output folder, write `-o {shown}`");
    }
    if is_missing && folder.is_none() && is_site(&name) {
        return format!(": for a link, write `https://{shown}/`");
    }
    if is_missing && text.starts_with("~/") {
        return ": a shell takes `~` for the home folder only without quotes".to_owned();
    }
    if is_missing && text.contains('*') {
        return ": no file has such a name".to_owned();
    }
    let scheme = ["https:", "http:"].into_iter().find(|scheme| {
        let beginning = text.get(..scheme.len());
        beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(scheme))
    });
    if is_missing && let Some(scheme) = scheme {
        let rest = text[scheme.len()..].trim_start_matches('/');
        return format!(": for a link, write `{scheme}//{}`", printable(rest));
    }
    let drive = text.as_bytes();
    if is_missing
        && cfg!(unix)
        && matches!(drive, [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic())
    {
        let letter = char::from(drive[0].to_ascii_lowercase());
        let path = printable(&text[3..].replace('\\', "/"));
        return format!(": that is a path of Windows; under WSL, it is `/mnt/{letter}/{path}`");
    }
    let link = text.trim_start_matches('/');
    let host = link.split('/').next().unwrap_or_default();
    let is_link = link.len() > host.len() && host.trim_matches('.').contains('.');
    if is_missing && is_link && !Path::new(host).exists() {
        return format!(": for a link, write `http://{}`", printable(link));
    }
    String::new()
}

/// Whether a missing file of this name is rather a site. The endings of Markdown and archives are public suffixes as well.
fn is_site(name: &str) -> bool {
    let end = name.rsplit('.').next().unwrap_or_default();
    name.starts_with("www.") || (is_public(name) && !matches!(end, "md" | "zip"))
}

/// The names of files in `folder` that may be lists, up to a bound.
fn lists_in(folder: &Path) -> impl Iterator<Item = String> {
    const MOST: usize = 1000;
    let entries = folder.read_dir().into_iter().flatten().take(MOST).flatten();
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let names = files.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| {
        let end = Path::new(name)
            .extension()
            .unwrap_or_default()
            .to_string_lossy();
        !name.starts_with('.') && !end.eq_ignore_ascii_case("pdf")
    })
}

/// Whether `text` is a number, or a size such as `1M`.
fn is_amount(text: &str) -> bool {
    let number = text.trim_end_matches(['k', 'K', 'm', 'M', 'g', 'G', 's', '%']);
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_without_a_scheme_are_told_from_paths_and_identifiers() {
        for link in [
            "127.0.0.1:8080/b.pdf",
            "//127.0.0.1/c.pdf",
            "localhost/x",
            "nas:8080/x.pdf",
            "www.example.org/b.pdf",
            "example.org/a?u=https://b.example/",
            "[::1]:80/x",
            "EXAMPLE.ORG/x",
            "bücher.de/x.pdf",
            "arxiv.org/pdf/1",
        ] {
            assert!(with_scheme(link).is_some(), "{link}");
        }
        for other in [
            "linkz.txt",
            "lists/linkz.txt",
            "www.list.txt",
            "10.1000/182",
            "math.GT/0309136",
            "hep-th/9901001",
            "C:/x.txt",
            "C:\\x.txt",
            "/etc/passwd",
            "./x.org/y",
            "me@example.org/x",
            "example.org",
            "a b.org/x",
            "host.example/a.pdf",
            "doi:10.1000/182",
            "// http://a.example/",
            "a/b:80/c",
            ".org/x",
            "",
        ] {
            assert_eq!(with_scheme(other), None, "{other}");
        }
    }
}
