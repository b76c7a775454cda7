//! What servers require for a 401: the schemes of authentication that they take (RFC 9110 section 11.6.1).

use http::{HeaderMap, HeaderName};

/// How many challenges of a response are looked at.
const MAX_CHALLENGES: usize = 16;

/// The longest header with challenges that is looked at, in bytes. Most have some hundreds.
const LONGEST: usize = 4096;

/// A challenge of a server: a scheme such as `Basic`, and its parameters with names in lower case.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The challenges in the headers with this `name`: there may be several headers, with several challenges each.
    pub(super) fn all(headers: &HeaderMap, name: HeaderName) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        let values = headers.get_all(name).into_iter();
        let values = values.filter(|value| value.len() <= LONGEST);
        for item in values.flat_map(|value| items(&String::from_utf8_lossy(value.as_bytes()))) {
            let (word, rest) = word(&item);
            if rest.starts_with('=') {
                // a parameter of the last one
                let parameters = found.last_mut().map(|challenge| &mut challenge.parameters);
                if let Some(parameters) = parameters {
                    parameters.extend(parameter(&item));
                }
            } else if found.len() < MAX_CHALLENGES && !word.is_empty() {
                let parameters = parameter(rest).into_iter().collect();
                let scheme = word.to_owned();
                found.push(Self { scheme, parameters });
            }
        }
        found
    }

    /// Whether it has this scheme.
    pub(super) fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// The parameter with this `name`, in lower case.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut parameters = self.parameters.iter();
        let (_, value) = parameters.find(|(other, _)| other == name)?;
        Some(value)
    }

    /// Whether the parameter with this `name` is `true`.
    pub(super) fn is_true(&self, name: &str) -> bool {
        let value = self.get(name);
        value.is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }
}

/// The parts of `text` between commas that are not in quotes.
fn items(text: &str) -> Vec<String> {
    let (mut items, mut quoted, mut escaped) = (vec![String::new()], false, false);
    for c in text.chars() {
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && quoted && !escaped;
        match items.last_mut() {
            Some(item) if c != ',' || quoted => item.push(c),
            _ => items.push(String::new()),
        }
    }
    items
}

/// The word at the beginning of `text`, and what follows it and white space.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| c == '=' || c.is_whitespace());
    let (word, rest) = text.split_at(end.unwrap_or(text.len()));
    (word, rest.trim_start())
}

/// A parameter `name=value` or `name="value"`.
fn parameter(text: &str) -> Option<(String, String)> {
    let (name, value) = text.trim().split_once('=')?;
    let value = value.trim();
    let Some(quoted) = value.strip_prefix('"') else {
        return Some((name.trim().to_ascii_lowercase(), value.to_owned()));
    };
    let (mut unquoted, mut chars) = (String::new(), quoted.chars());
    while let Some(c) = chars.next().filter(|c| *c != '"') {
        unquoted.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    Some((name.trim().to_ascii_lowercase(), unquoted))
}

#[cfg(test)]
pub(super) mod tests {
    use http::{HeaderValue, header};
    use proptest::prelude::*;

    use super::*;

    /// The challenges in `WWW-Authenticate` headers with these values.
    pub(in super::super) fn challenges(values: &[&str]) -> Vec<Challenge> {
        let headers = values.iter().map(|value| {
            let value = HeaderValue::from_str(value).expect("a header");
            (header::WWW_AUTHENTICATE, value)
        });
        Challenge::all(&headers.collect(), header::WWW_AUTHENTICATE)
    }

    #[test]
    fn challenges_are_told_apart() {
        let found = challenges(&[
            r#"Negotiate, NTLM TlRM==, Basic realm="a, \"b\"" , Digest realm=x,nonce="n,1",QOP = "auth,auth-int""#,
            "Bearer",
        ]);
        let schemes: Vec<_> = found.iter().map(|challenge| &*challenge.scheme).collect();
        assert_eq!(schemes, ["Negotiate", "NTLM", "Basic", "Digest", "Bearer"]);
        assert_eq!(found[2].get("realm"), Some("a, \"b\""));
        let values = ["realm", "nonce", "qop"].map(|name| found[3].get(name));
        assert_eq!(values, [Some("x"), Some("n,1"), Some("auth,auth-int")]);
        assert!(challenges(&["", ",", "=x", "a=b"]).is_empty());
    }

    proptest! {
        #[test]
        fn any_challenge_is_parsed_without_panic(value in "[ -~]*", tangled in "(Digest|nonce|[,=\" \\\\x]){0,30}") {
            let _ = challenges(&[&value, &tangled]);
        }
    }
}
