//! Where Markdown has the target of a link: `[x](target "title")` and `[x]: target "title"` (sections 4.7 and 6.3 of its specification).
//!
//! A target in angle brackets may have spaces. Without them it may not, but many programs take it, and so does this one, if it
//! ends in `.pdf`.

use super::text::{has_one_pdf, up_to, word};

/// The target that begins at a `]`, and the length of the whole; none if there is no target.
pub(super) fn target(text: &str) -> Option<(String, usize)> {
    let (after, is_definition) = match text.strip_prefix("](") {
        Some(after) => (after, false),
        None => (text.strip_prefix("]:")?, true),
    };
    let target = after.trim_start_matches([' ', '\t']);
    let (found, length) = if let Some(inside) = target.strip_prefix('<') {
        let found = up_to(inside, |rest| rest.starts_with('>'));
        let (found, length) = found.unwrap_or_else(|| word(inside, None));
        (found, length + 1)
    } else if is_definition && target.len() == after.len() {
        return None;
    } else {
        let spaced = spaced(target).filter(|_| !is_definition);
        spaced.unwrap_or_else(|| word(target, None))
    };
    Some((found, text.len() - target.len() + length))
}

/// A target with spaces, up to the title or the bracket behind it; none if it is not a single link that ends in `.pdf`.
fn spaced(text: &str) -> Option<(String, usize)> {
    let mut depth = 0;
    let found = up_to(text, |rest| match rest.as_bytes() {
        [b'(', ..] => {
            depth += 1;
            false
        }
        [b')', ..] if depth == 0 => true,
        [b')', ..] => {
            depth -= 1;
            false
        }
        // a title, or another target
        [b' ' | b'\t', b'"' | b'\'', ..] | [b']', b'(' | b':', ..] => true,
        _ => false,
    });
    let found = found.map(|(target, length)| (target.trim_end().to_owned(), length));
    found.filter(|(target, _)| has_one_pdf(target))
}

#[cfg(test)]
mod tests {
    use super::super::text::targets;

    #[test]
    fn targets_are_found() {
        for (text, expected) in [
            (
                "[a](http://a.example/x.pdf \"title\") [b](sub/y.pdf) [c](<z.pdf>)",
                &["http://a.example/x.pdf", "sub/y.pdf", "z.pdf"][..],
            ),
            (
                "[a](<my file.pdf>) [b](my file.pdf) [c](my file.pdf 'title') [d](a (1) b.pdf)",
                &["my file.pdf", "my file.pdf", "my file.pdf", "a (1) b.pdf"],
            ),
            (
                "[a](<http://a/my file.pdf> \"t\") [b](x_(1).pdf) [c](x\\_\\(1\\).pdf) [d]( x.pdf )",
                &["http://a/my file.pdf", "x_(1).pdf", "x_(1).pdf", "x.pdf"],
            ),
            (
                "[![i](i.png)](a.pdf) [a](see a.pdf and b.pdf) [b](a.pdf (title))",
                &["i.png", "a.pdf", "see", "a.pdf"],
            ),
            (
                "[1]: http://a.example/x.pdf\n[2]: y.pdf 'title'\n[3]:<z w.pdf> \"t\"\n[4]:\tv.pdf\n[5]: see u.pdf",
                &["http://a.example/x.pdf", "y.pdf", "z w.pdf", "v.pdf", "see"],
            ),
            ("[a](<b c.pdf\n) x[1]:y.pdf", &["b"]),
            ("[]( ) []() ](", &[]),
        ] {
            assert_eq!(targets(text), expected, "{text}");
        }
    }
}
