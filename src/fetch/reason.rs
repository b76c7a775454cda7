//! What a response that is not a file, or not a PDF, says about the reason, in the first bytes of its body.
//!
//! | body | words |
//! | --- | --- |
//! | XML of an object store | `<Code>`, `<Message>` and details |
//! | HTML | the title of the page, or its first heading |
//! | JSON | `error`, `title`, `message`, `detail` and the like (RFC 9457, OAuth, frameworks) |
//! | plain text | its first line |

use html5gum::{Token, Tokenizer};
use serde_json::Value;

/// The server's words about a failure.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reason {
    /// What to show.
    pub(super) text: String,
    /// The code of the error for programs, if it has one.
    pub(super) code: Option<String>,
}

impl Reason {
    /// The words of a body that begins with these bytes and has this `Content-Type`, in lower case.
    pub(super) fn of_body(kind: &str, body: &[u8]) -> Option<Self> {
        let text = decoded(body);
        let text = text.trim_start_matches('\u{feff}').trim();
        let reason = match text.chars().next()? {
            '<' => Self::of_markup(text),
            '{' | '[' => Self::of_json(&serde_json::from_str(text).ok()?),
            _ if is_plain(kind, text) => Self::of_parts(None, [text.lines().next()]),
            _ => return None,
        };
        (!reason.text.is_empty()).then_some(reason)
    }

    /// A reason with these parts, each said once.
    fn of_parts<'a>(code: Option<&str>, parts: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let mut text = code.unwrap_or_default().to_owned();
        for part in parts.into_iter().flatten() {
            let part = part.split_whitespace().collect::<Vec<_>>().join(" ");
            if text.is_empty() {
                text = part;
            } else if !part.is_empty() && !text.contains(&part) {
                text = format!("{text}: {part}");
            }
        }
        let code = code.map(str::to_owned);
        Self { text, code }
    }

    fn of_markup(text: &str) -> Self {
        const NAMES: [&str; 7] = [
            "code",
            "message",
            "details",
            "authenticationerrordetail",
            "title",
            "h1",
            "error",
        ];
        let mut found: [Option<String>; NAMES.len()] = Default::default();
        let mut inside = None;
        for token in Tokenizer::new(text).flatten() {
            match token {
                Token::StartTag(tag) => {
                    let at = NAMES.iter().position(|name| name.as_bytes() == &**tag.name);
                    // the first of a name counts
                    inside = at
                        .filter(|at| found[*at].is_none())
                        .or(inside.filter(|_| at.is_none()));
                }
                Token::String(text) => {
                    if let Some(at) = inside {
                        let element: &mut String = found[at].get_or_insert_default();
                        element.push_str(&String::from_utf8_lossy(&text));
                    }
                }
                Token::EndTag(tag) => {
                    inside = inside.filter(|at: &usize| NAMES[*at].as_bytes() != &**tag.name);
                }
                _ => {}
            }
        }
        let [code, message, details, azure, title, heading, error] = found.each_ref().map(|text| {
            text.as_deref()
                .map(str::trim)
                .filter(|text| !text.is_empty())
        });
        let is_page = title.is_some() && !text.starts_with("<?xml");
        match message {
            Some(message) if !is_page => {
                Self::of_parts(code, [message.lines().next(), details.or(azure)])
            }
            _ => Self::of_parts(None, [title.or(heading).or(error)]),
        }
    }

    fn of_json(json: &Value) -> Self {
        let text = |names: &[&str]| {
            let values = names.iter().filter_map(|name| json.get(name)?.as_str());
            values
                .map(str::to_owned)
                .find(|text| !text.trim().is_empty())
        };
        let code = text(&["code", "Code"])
            .filter(|code| code.bytes().any(|byte| byte.is_ascii_alphabetic()));
        let name = text(&["title", "error", "reason", "faultstring"]);
        let detail = text(&[
            "detail",
            "error_description",
            "message",
            "Message",
            "errorMessage",
            "description",
            "msg",
        ]);
        let own = Self::of_parts(code.as_deref(), [name.as_deref(), detail.as_deref()]);
        // or else those of an error within an array or an object of its own
        let inner = || match json {
            Value::Array(all) => all.first(),
            json => ["error", "errors", "fault"]
                .iter()
                .find_map(|name| json.get(name)),
        };
        match inner() {
            Some(inner) if own.text.is_empty() => Self::of_json(inner),
            _ => own,
        }
    }
}

/// Whether `text` is for people, and not data of any other kind.
fn is_plain(kind: &str, text: &str) -> bool {
    let is_data = |c: char| c.is_control() && !c.is_ascii_whitespace();
    (kind.is_empty() || kind.starts_with("text/plain")) && !text.contains(is_data)
}

/// `bytes` as text: in UTF-8, cut off anywhere, or else in Latin-1.
fn decoded(bytes: &[u8]) -> String {
    match str::from_utf8(bytes) {
        Err(error) if error.error_len().is_some() => {
            bytes.iter().copied().map(char::from).collect()
        }
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn servers_say_why() {
        for (body, text) in [
            (
                "<html><head><script>x<y</script><TITLE lang=en>\n Access\n  denied &amp; logged</TITLE><h1>No</h1>",
                "Access denied & logged",
            ),
            (
                "<!doctype html><h1>Sign in <b>first</b></h1><h1>x</h1>",
                "Sign in first",
            ),
            (
                "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message><HostId>x</HostId></Error>",
                "AccessDenied: Request has expired",
            ),
            (
                "\u{feff}<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code><Message>Server failed.\nRequestId:1</Message><AuthenticationErrorDetail>Signature not valid</AuthenticationErrorDetail></Error>",
                "AuthenticationFailed: Server failed.: Signature not valid",
            ),
            (
                "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message><Details>Expired 2 h ago</Details></Error>",
                "ExpiredToken: The provided token has expired.: Expired 2 h ago",
            ),
            (
                r#"{"type":"about:blank","title":"Embargoed","status":403,"detail":"Until 2027"}"#,
                "Embargoed: Until 2027",
            ),
            (
                r#"{"error":{"code":403,"message":"Daily limit","errors":[{}]}}"#,
                "Daily limit",
            ),
            (
                r#"{"errors":[{"code":"E1","detail":"No access"}]}"#,
                "E1: No access",
            ),
            (
                r#"{"error":"invalid_token","error_description":"It has expired"}"#,
                "invalid_token: It has expired",
            ),
            (r#"[{"message":"Gone"}]"#, "Gone"),
            ("No such\tfile\nmore", "No such file"),
        ] {
            let found = Reason::of_body("", body.as_bytes()).map(|reason| reason.text);
            assert_eq!(found.as_deref(), Some(text), "{body}");
        }
        let latin = Reason::of_body("", b"<title>Acc\xe8s refus\xe9</title>");
        assert_eq!(
            latin.map(|reason| reason.text).as_deref(),
            Some("Accès refusé")
        );
        let found = Reason::of_body("", b"<Error><Code>ExpiredToken</Code><Message>x</Message>");
        assert_eq!(
            found.and_then(|found| found.code).as_deref(),
            Some("ExpiredToken")
        );
        for (kind, nothing) in [
            ("", ""),
            ("", "{}"),
            ("", "{\"error\":"),
            ("", "<p>x</p>"),
            ("application/octet-stream", "x"),
        ] {
            assert_eq!(Reason::of_body(kind, nothing.as_bytes()), None, "{nothing}");
        }
    }

    proptest! {
        #[test]
        fn any_body_is_read_without_panic(body in any::<Vec<u8>>(), markup in "(<|>|/|title|code|Message|\\[|\\{|\"|:|error){0,30}") {
            let _ = Reason::of_body("", &body);
            let _ = Reason::of_body("", markup.as_bytes());
        }
    }
}
