//! Text as it may stand in HTML.

use std::fmt::{self, Formatter, Write};

use indicatif::HumanCount;

use crate::report::reasons::Reason;

/// A text whose [`fmt::Display`] is safe in elements and in quoted attributes.
pub(super) struct Text<'a>(pub(super) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // neither is allowed in a document
                '\0' | '\r' => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A text of our own, with code between backticks.
pub(super) struct WithCode<'a>(pub(super) &'a str);

impl fmt::Display for WithCode<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (number, part) in self.0.split('`').enumerate() {
            let part = Text(part);
            if number % 2 == 1 {
                write!(f, "<code>{part}</code>")?;
            } else {
                write!(f, "{part}")?;
            }
        }
        Ok(())
    }
}

/// A number of things.
pub(super) fn plural(count: u64, one: &str, many: &str) -> String {
    let name = if count == 1 { one } else { many };
    format!("{} {name}", HumanCount(count))
}

/// A number of links.
pub(super) fn links(count: u64) -> String {
    plural(count, "link", "links")
}

/// A reason as a heading: `http_status 404, signed link`.
pub(super) fn reason((status, code, cause): Reason) -> String {
    let code = code.map_or_else(String::new, |code| format!(" {code}"));
    let cause = cause
        .words()
        .map_or_else(String::new, |cause| format!(", {cause}"));
    format!("{status}{code}{cause}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_an_element_or_an_attribute() {
        let hostile = "\"><script>alert('1')</script>&\0";
        let safe = "&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;\u{fffd}";
        assert_eq!(Text(hostile).to_string(), safe);
        let hint = WithCode("use `--x <Y>`, or `z`").to_string();
        assert_eq!(hint, "use <code>--x &lt;Y&gt;</code>, or <code>z</code>");
    }
}
