//! Users and passwords by host, from a `.netrc` (as the manual of ftp describes it).

use std::fs;
use std::path::Path;

use anyhow::Context;

use super::access::Credentials;

/// What a `.netrc` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Netrc {
    machines: Vec<(String, Credentials)>,
    default: Option<Credentials>,
}

impl Netrc {
    /// Reads a `.netrc`.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read `{}`", path.display()))?;
        Ok(Self::parse(&text))
    }

    /// User and password for `host`.
    pub(super) fn of(&self, host: &str) -> Option<&Credentials> {
        let machine = self
            .machines
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(host));
        machine
            .map(|(_, credentials)| credentials)
            .or(self.default.as_ref())
    }

    fn parse(text: &str) -> Self {
        let mut netrc = Self::default();
        let mut open: Option<(Option<String>, Credentials)> = None;
        let mut in_macro = false;
        for line in text.lines() {
            // a macro ends with an empty line
            in_macro &= !line.trim().is_empty();
            if in_macro {
                continue;
            }
            let mut words = words(line).into_iter();
            while let Some(word) = words.next() {
                match (word.as_str(), &mut open) {
                    ("machine" | "default", _) => {
                        netrc.close(open.take());
                        let name = (word == "machine").then(|| words.next().unwrap_or_default());
                        let nobody = Credentials {
                            user: String::new(),
                            password: String::new(),
                        };
                        open = Some((name, nobody));
                    }
                    ("login", Some((_, credentials))) => {
                        credentials.user = words.next().unwrap_or_default();
                    }
                    ("password", Some((_, credentials))) => {
                        credentials.password = words.next().unwrap_or_default();
                    }
                    ("account", _) => drop(words.next()),
                    ("macdef", _) => {
                        in_macro = true;
                        break;
                    }
                    _ => {}
                }
            }
        }
        netrc.close(open);
        netrc
    }

    fn close(&mut self, entry: Option<(Option<String>, Credentials)>) {
        match entry {
            Some((Some(name), credentials)) => self.machines.push((name, credentials)),
            Some((None, credentials)) => self.default = Some(credentials),
            None => {}
        }
    }
}

/// The words of a line up to a comment; `"` keeps white space, and `\` the next character.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut chars = line.chars().peekable();
    while let Some(next) = chars.peek() {
        if next.is_whitespace() {
            chars.next();
            continue;
        }
        if *next == '#' {
            break;
        }
        let quoted = chars.next_if_eq(&'"').is_some();
        let mut word = String::new();
        while let Some(c) = chars.next_if(|c| {
            if quoted {
                *c != '"'
            } else {
                !c.is_whitespace()
            }
        }) {
            word.push(if c == '\\' {
                chars.next().unwrap_or(c)
            } else {
                c
            });
        }
        if quoted {
            chars.next();
        }
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(of("b.example"), Some(("v w", "q\"r")));
        assert_eq!(of("evil.example"), Some(("anonymous", "me")));
        assert_eq!(Netrc::parse("machine a login").of("b"), None);
    }
}
