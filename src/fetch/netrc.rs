//! Users and passwords by host from a `.netrc`, the format of ftp and curl.
//!
//! ```text
//! machine papers.example login me password "two words"
//! default login anonymous password me@site.example
//! ```
//!
//! `account` and macros (`macdef`, up to an empty line) belong to ftp and are skipped. As in curl, a word that begins with `#`
//! begins a comment, unknown words are skipped, and a value may be on the next line. What is not UTF-8 is read as Latin-1.

use std::path::Path;
use std::{fs, mem};

use anyhow::Context;

use super::credentials::Credentials;
use crate::host;

/// The entries of a `.netrc`, in order, by host in the form of [`host::name_of`]; none for the default entry. What is not a
/// host stays as it is, and is the name of none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Netrc(Vec<(Option<String>, Credentials)>);

impl Netrc {
    /// Reads a `.netrc`.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = fs::read(path);
        let bytes = bytes.with_context(|| format!("cannot read `{}`", path.display()))?;
        let text = String::from_utf8(bytes).unwrap_or_else(|error| {
            let latin = error.as_bytes().iter().copied().map(char::from);
            latin.collect()
        });
        Ok(Self::parse(text.trim_start_matches('\u{feff}')))
    }

    /// User and password for `host`, in the form of [`host::name_of`].
    pub(super) fn of(&self, host: &str) -> Option<&Credentials> {
        let is_host = |name: &String| name == host;
        let mut entries = self.0.iter();
        let entry = entries.find(|(name, _)| name.as_ref().is_some_and(is_host));
        let default = || self.0.iter().rfind(|(name, _)| name.is_none());
        entry.or_else(default).map(|(_, credentials)| credentials)
    }

    fn parse(text: &str) -> Self {
        let mut entries: Vec<(_, Credentials)> = Vec::new();
        // the keyword whose value follows, perhaps on another line
        let mut keyword = String::new();
        let mut in_macro = false;
        for line in text.lines() {
            in_macro &= !line.trim().is_empty();
            if in_macro {
                continue;
            }
            for word in words(line) {
                let credentials = entries.last_mut().map(|(_, credentials)| credentials);
                match (mem::take(&mut keyword).as_str(), credentials) {
                    ("machine", _) => {
                        let name = host::parse(&word).unwrap_or(word);
                        entries.push((Some(name), Credentials::default()));
                    }
                    ("login", Some(credentials)) => credentials.user = word,
                    ("password", Some(credentials)) => credentials.password = word,
                    ("login" | "password" | "account", _) => {}
                    _ if word == "default" => entries.push((None, Credentials::default())),
                    _ if word == "macdef" => {
                        in_macro = true;
                        break;
                    }
                    _ => keyword = word,
                }
            }
        }
        Self(entries)
    }
}

/// The words of a line up to a comment. `"` quotes white space, and `\` escapes the next character.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut chars = line.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.peek().is_none_or(|c| *c == '#') {
            return words;
        }
        let quoted = chars.next_if_eq(&'"').is_some();
        let ends = |c: char| if quoted { c == '"' } else { c.is_whitespace() };
        let mut word = String::new();
        while let Some(c) = chars.next_if(|c| !ends(*c)) {
            let escaped = (c == '\\').then(|| chars.next()).flatten();
            word.push(escaped.unwrap_or(c));
        }
        // the closing quote, or white space
        chars.next();
        words.push(word);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `word` as people write it, quoted where it has to be.
    fn quoted(word: &str) -> String {
        let special = |c: char| c.is_whitespace() || matches!(c, '"' | '\\' | '#');
        if !word.is_empty() && !word.contains(special) {
            return word.to_owned();
        }
        let escaped = word.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{escaped}\"")
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_without_panic(text in "(.|\n)*") {
            let _ = Netrc::parse(&text).of("a.example");
        }

        #[test]
        fn tangled_text_is_parsed_without_panic(text in "((machine|default|login|password|account|macdef|[\"\\\\# \n]|x)[ \n]?){0,30}") {
            let _ = Netrc::parse(&text).of("x");
        }

        #[test]
        fn written_entries_are_read_back(
            entries in proptest::collection::vec(("[^\n]{1,20}", "[^\n]{0,20}", "[^\n]{0,20}"), 0..5),
            separator in "[ \t\n]\t?",
        ) {
            let mut text = String::new();
            let mut expected = Vec::new();
            for (host, user, password) in entries {
                let [machine, login, pass] = [&host, &user, &password].map(|word| quoted(word));
                let words = ["machine", &machine, &separator, "login", &login, &separator, "password", &pass, "\n"];
                text += &words.join(" ");
                let host = host::parse(&host).unwrap_or(host);
                expected.push((Some(host), Credentials { user, password }));
            }
            prop_assert_eq!(Netrc::parse(&text), Netrc(expected));
        }
    }

    #[test]
    fn hosts_have_their_users() {
        let netrc = Netrc::parse(
            "# mine\nmachine a.example login u password p#1\nmachine B.example\n  login \"v w\"\n  password q\\\"r\n\
             macdef init\nmachine evil.example login x\n\ndefault login anonymous password me",
        );
        let of = |host| {
            netrc
                .of(host)
                .map(|found| (found.user.as_str(), found.password.as_str()))
        };
        assert_eq!(of("a.example"), Some(("u", "p#1")));
        let spelled = Netrc::parse("machine ::1 login a machine BÜCHER.example. login b");
        let apart = Netrc::parse("machine # mine\na.example login\n\tu # his\npassword p#2#");
        let found = apart.of("a.example").expect("an entry");
        assert_eq!((&*found.user, &*found.password), ("u", "p#2#"));
        for (host, user) in [("[::1]", "a"), ("xn--bcher-kva.example", "b")] {
            assert_eq!(spelled.of(host).map(|found| &*found.user), Some(user));
        }
        assert_eq!(of("b.example"), Some(("v w", "q\"r")));
        assert_eq!(of("evil.example"), Some(("anonymous", "me")));
        assert_eq!(Netrc::parse("machine a login").of("b"), None);
    }
}
