//! Plain text from what people write for TeX: accents become letters, commands and braces go. Names of files are made of it, so
//! what is lost is the typesetting and nothing else.

use icu_normalizer::ComposingNormalizerBorrowed;

/// Accents, and the marks that follow a letter in Unicode. The first ones need no space before the letter.
const ACCENTS: [(&str, char); 17] = [
    ("'", '\u{301}'),
    ("`", '\u{300}'),
    ("^", '\u{302}'),
    ("\"", '\u{308}'),
    ("~", '\u{303}'),
    ("=", '\u{304}'),
    (".", '\u{307}'),
    ("u", '\u{306}'),
    ("v", '\u{30c}'),
    ("H", '\u{30b}'),
    ("c", '\u{327}'),
    ("k", '\u{328}'),
    ("r", '\u{30a}'),
    ("d", '\u{323}'),
    ("b", '\u{331}'),
    ("t", '\u{361}'),
    ("G", '\u{30f}'),
];

/// Commands that stand for a text.
const SYMBOLS: [(&str, &str); 62] = [
    ("ss", "ß"),
    ("ae", "æ"),
    ("AE", "Æ"),
    ("oe", "œ"),
    ("OE", "Œ"),
    ("aa", "å"),
    ("AA", "Å"),
    ("o", "ø"),
    ("O", "Ø"),
    ("l", "ł"),
    ("L", "Ł"),
    ("i", "ı"),
    ("j", "ȷ"),
    ("dh", "ð"),
    ("DH", "Ð"),
    ("dj", "đ"),
    ("DJ", "Đ"),
    ("th", "þ"),
    ("TH", "Þ"),
    ("ng", "ŋ"),
    ("NG", "Ŋ"),
    ("textendash", "–"),
    ("textemdash", "—"),
    ("textquoteright", "’"),
    ("textquoteleft", "‘"),
    ("textquotedblleft", "“"),
    ("textquotedblright", "”"),
    ("textquotesingle", "'"),
    ("textunderscore", "_"),
    ("textasciitilde", "~"),
    ("textasciicircum", "^"),
    ("textbackslash", "\\"),
    ("backslash", "\\"),
    ("textbraceleft", "{"),
    ("textbraceright", "}"),
    ("textless", "<"),
    ("textgreater", ">"),
    ("textbar", "|"),
    ("textregistered", "®"),
    ("texttrademark", "™"),
    ("textcopyright", "©"),
    ("copyright", "©"),
    ("textdegree", "°"),
    ("textmu", "µ"),
    ("ldots", "…"),
    ("dots", "…"),
    ("alpha", "α"),
    ("beta", "β"),
    ("gamma", "γ"),
    ("delta", "δ"),
    ("epsilon", "ε"),
    ("kappa", "κ"),
    ("lambda", "λ"),
    ("mu", "μ"),
    ("pi", "π"),
    ("sigma", "σ"),
    ("omega", "ω"),
    ("times", "×"),
    ("pm", "±"),
    ("sim", "~"),
    ("rightarrow", "→"),
    ("infty", "∞"),
];

/// `text` as a reader sees it when it is set, on one line.
pub(super) fn plain(text: &str) -> String {
    let mut read = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '{', '}', '$', '~', '-', '`', '\'']) {
        read.push_str(&rest[..at]);
        rest = special(&rest[at..], &mut read);
    }
    read.push_str(rest);
    let words: Vec<_> = read.split_whitespace().collect();
    let line = words.join(" ");
    if line.is_ascii() {
        return line;
    }
    ComposingNormalizerBorrowed::new_nfc()
        .normalize(&line)
        .into_owned()
}

/// Reads what `text` begins with, which is no letter. Returns what follows.
fn special<'a>(text: &'a str, read: &mut String) -> &'a str {
    const LIGATURES: [(&str, &str); 4] = [("---", "—"), ("--", "–"), ("``", "“"), ("''", "”")];
    if let Some(command) = text.strip_prefix('\\') {
        return self::command(command, read);
    }
    if let Some((written, set)) = LIGATURES
        .iter()
        .find(|(written, _)| text.starts_with(written))
    {
        read.push_str(set);
        return &text[written.len()..];
    }
    match &text[..1] {
        "{" | "}" | "$" => {}
        "~" => read.push(' '),
        other => read.push_str(other),
    }
    &text[1..]
}

/// Reads a command, whose backslash has been read. Returns what follows it.
fn command<'a>(text: &'a str, read: &mut String) -> &'a str {
    let letters = text.len()
        - text
            .trim_start_matches(|c: char| c.is_ascii_alphabetic())
            .len();
    let length = match letters {
        0 => text.chars().next().map_or(0, char::len_utf8),
        letters => letters,
    };
    let (name, rest) = text.split_at(length);
    if let Some((_, mark)) = ACCENTS.iter().find(|(accent, _)| *accent == name)
        && let Some(rest) = accented(rest, *mark, read)
    {
        return rest;
    }
    // the space behind a command belongs to it
    let behind = if letters > 0 {
        rest.strip_prefix(' ').unwrap_or(rest)
    } else {
        rest
    };
    if let Some((_, symbol)) = SYMBOLS.iter().find(|(known, _)| *known == name) {
        read.push_str(symbol);
        return behind;
    }
    match name {
        "\\" | "," | ";" | " " | ":" | "quad" | "newline" | "par" => read.push(' '),
        // a place where a word may be cut, the end of italics
        "-" | "/" | "!" => {}
        name if letters == 0 => read.push_str(name),
        // how the text is set
        _ => {}
    }
    behind
}

/// Reads the letter that an accent belongs to: `e`, ` e`, `{e}`, `{\i}`, `\i`. Returns what follows; none if there is no letter.
fn accented<'a>(text: &'a str, mark: char, read: &mut String) -> Option<&'a str> {
    let inside = text.trim_start_matches([' ', '{']);
    let is_group = text[..text.len() - inside.len()].contains('{');
    let letter = inside.strip_prefix('\\').unwrap_or(inside);
    let is_command = letter.len() < inside.len();
    let rest = letter.strip_prefix(char::is_alphabetic)?;
    let letter = letter.chars().next()?;
    // of commands only those for letters without their dots
    let is_longer = rest.starts_with(|c: char| c.is_ascii_alphabetic());
    if is_command && (is_longer || !matches!(letter, 'i' | 'j')) {
        return None;
    }
    read.push(letter);
    read.push(mark);
    Some(if is_group {
        rest
    } else {
        rest.strip_prefix("{}").unwrap_or(rest)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_for_tex_becomes_plain() {
        for (text, expected) in [
            ("M{\\\"u}ller", "Müller"),
            ("M\\\"{u}ller and Erd\\H{o}s", "Müller and Erdős"),
            ("{\\'E}cole, \\'{\\i}, \\'\\i", "École, í, í"),
            (
                "Fran{\\c c}ois, {\\v{S}}ime, \\v Cech",
                "François, Šime, Čech",
            ),
            (
                "{\\L}ukasz {\\O}rsted Stra{\\ss}e \\ae",
                "Łukasz Ørsted Straße æ",
            ),
            ("{DNA} {{Double Helix}}", "DNA Double Helix"),
            ("50\\% of \\$5 \\& more\\_here", "50% of $5 & more_here"),
            (
                "pages 1--2---3, ``quoted'' it's",
                "pages 1–2—3, “quoted” it's",
            ),
            (
                "\\emph{Escherichia coli} and \\textit{in vitro}",
                "Escherichia coli and in vitro",
            ),
            ("the $\\alpha$-helix, $x^2$", "the α-helix, x^2"),
            ("Smith,~John\n   and\tDoe", "Smith, John and Doe"),
            ("a\\\\b \\{c\\} \\unknown{d}", "a b {c} d"),
            ("Nie\\'scior \\'", "Nieścior '"),
            ("naïve 中文", "naïve 中文"),
            ("\\", ""),
            ("", ""),
        ] {
            assert_eq!(plain(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_becomes_plain(text in "(\\\\|[{}$~'`\"^=.-]|[a-z]| |\\PC){0,40}") {
            let plain = plain(&text);
            prop_assert!(!plain.contains('\n'), "{plain}");
        }
    }
}
