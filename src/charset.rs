//! Names in encodings that nobody has declared.
//!
//! Old servers put the bytes of their own encoding into URLs and headers: GBK, Shift JIS, windows-1251. A guess is worth
//! something only if it is right: the text must read like a name, and no other encoding may give one that does. Names are too
//! short for the statistics of detectors of pages, which take `论文` for Cyrillic capitals. East Asian text counts only if all
//! of its characters are among the common ones, which the standards of these countries keep in ranges of their own. Where the
//! host is in the domain of a country, the encoding of that country comes first.

use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, Encoding, GBK, KOI8_R, SHIFT_JIS, WINDOWS_874, WINDOWS_1250,
    WINDOWS_1251, WINDOWS_1252, WINDOWS_1253, WINDOWS_1254, WINDOWS_1255, WINDOWS_1256,
    WINDOWS_1257,
};
use percent_encoding::{AsciiSet, percent_encode};

/// An encoding, and whether bytes that are a text in it look like a name.
type Candidate = (&'static Encoding, fn(&[u8], &str) -> bool);

/// The encodings that need no hint.
const CANDIDATES: [Candidate; 8] = [
    (GBK, is_simplified_chinese),
    (BIG5, is_traditional_chinese),
    (SHIFT_JIS, is_japanese_of_windows),
    (EUC_JP, is_japanese_of_unix),
    (EUC_KR, is_korean),
    (WINDOWS_1251, is_cyrillic),
    (KOI8_R, is_cyrillic),
    (WINDOWS_1252, is_western),
];

/// The encoding of countries by their domains. Russia and Japan have two, which the candidates tell apart.
const COUNTRIES: [(&[&str], &Encoding); 12] = [
    (&["cn"], GBK),
    (&["tw", "hk", "mo"], BIG5),
    (&["kr"], EUC_KR),
    (&["ua", "by", "bg", "kz", "mk"], WINDOWS_1251),
    (&["cz", "sk", "pl", "hu", "ro", "si", "hr"], WINDOWS_1250),
    (
        &["de", "at", "ch", "fr", "es", "pt", "br", "it"],
        WINDOWS_1252,
    ),
    (&["gr", "cy"], WINDOWS_1253),
    (&["tr"], WINDOWS_1254),
    (&["il"], WINDOWS_1255),
    (&["sa", "ae", "eg", "ir", "iq", "jo", "sy"], WINDOWS_1256),
    (&["lt", "lv", "ee"], WINDOWS_1257),
    (&["th"], WINDOWS_874),
];

/// `bytes` as text: in UTF-8, or else in the encoding that the server at `host` most likely uses. What cannot be read stays
/// percent-encoded.
pub(crate) fn readable(bytes: &[u8], host: Option<&str>) -> String {
    if let Some(text) = undeclared(bytes, host) {
        return text;
    }
    match str::from_utf8(bytes) {
        // what somebody else could not read
        Ok(text) => text.replace(char::REPLACEMENT_CHARACTER, "%EF%BF%BD"),
        // all of it, because even some of another encoding may look like UTF-8
        Err(_) => escaped(bytes),
    }
}

/// `bytes` with a percent-encoding of each that is not ASCII.
fn escaped(bytes: &[u8]) -> String {
    percent_encode(bytes, &AsciiSet::EMPTY).to_string()
}

/// The text of `bytes` in UTF-8, or else in the encoding that the server at `host` most likely uses; `None` if that is not
/// clear.
pub(crate) fn undeclared(bytes: &[u8], host: Option<&str>) -> Option<String> {
    if let Ok(text) = str::from_utf8(bytes) {
        return (!text.contains(char::REPLACEMENT_CHARACTER)).then(|| text.to_owned());
    }
    let domain = host.and_then(|host| host.rsplit('.').next());
    let mut countries = COUNTRIES.iter();
    let country =
        countries.find(|(domains, _)| domain.is_some_and(|domain| domains.contains(&domain)));
    let native = country.and_then(|(_, encoding)| decode(bytes, encoding));
    native.filter(|text| is_word(text)).or_else(|| {
        let texts = CANDIDATES.iter().filter_map(|(encoding, is_name)| {
            decode(bytes, encoding).filter(|text| is_name(bytes, text))
        });
        let texts: Vec<_> = texts.collect();
        // two readings are none
        <[String; 1]>::try_from(texts).ok().map(|[text]| text)
    })
}

/// The text of `bytes` in the encoding with the name `label`; `None` if there is no such encoding, or they are invalid in it.
pub(crate) fn declared(bytes: &[u8], label: &str) -> Option<String> {
    decode(bytes, Encoding::for_label(label.as_bytes())?)
}

fn decode(bytes: &[u8], encoding: &'static Encoding) -> Option<String> {
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
    Some(text.into_owned())
}

/// Whether all that is not ASCII in `text` are letters, and their marks and punctuation.
fn is_word(text: &str) -> bool {
    let mut foreign = text.chars().filter(|c| !c.is_ascii());
    foreign.all(|c| match c {
        'ª' | 'º' | 'µ' | 'ˆ' => false,
        '№' | '–' | '—' | '’' | '\u{e31}'..='\u{e4e}' | '、'..='】' | '！'..='～' => {
            true
        }
        c => c.is_alphabetic(),
    })
}

/// The pairs of bytes that begin with one that is not ASCII; none if one of them is not `common`, or there are fewer than two.
fn pairs(bytes: &[u8], common: impl Fn(u8, u8) -> bool) -> Option<Vec<(u8, u8)>> {
    let (mut pairs, mut bytes) = (Vec::new(), bytes.iter());
    while let Some(first) = bytes.find(|byte| !byte.is_ascii()) {
        let second = bytes.next()?;
        if !common(*first, *second) {
            return None;
        }
        pairs.push((*first, *second));
    }
    (pairs.len() >= 2).then_some(pairs)
}

/// Level 1 of GB 2312, and full-width forms.
fn is_simplified_chinese(bytes: &[u8], _: &str) -> bool {
    let common = |first, second| matches!(first, 0xa1 | 0xa3 | 0xb0..=0xd7) && second >= 0xa1;
    let is_korean = || decode(bytes, EUC_KR).is_some_and(|text| is_korean(bytes, &text));
    pairs(bytes, common).is_some() && !is_korean()
}

/// Level 1 of Big5, with a pair that is not common in the other encodings.
fn is_traditional_chinese(bytes: &[u8], _: &str) -> bool {
    let common = |first, _| matches!(first, 0xa1 | 0xa4..=0xc6);
    let is_typical = |(first, second): &(u8, u8)| second.is_ascii() || matches!(first, 0xa6..=0xaf);
    pairs(bytes, common).is_some_and(|found| found.iter().any(is_typical))
}

/// Kana and level 1 of JIS X 0208, moved to where Windows has them.
fn is_japanese_of_windows(bytes: &[u8], _: &str) -> bool {
    pairs(bytes, |first, _| matches!(first, 0x81..=0x83 | 0x88..=0x98)).is_some()
}

/// The same as Unix has them. Without kana, it may as well be Chinese.
fn is_japanese_of_unix(bytes: &[u8], _: &str) -> bool {
    let common =
        |first, second| matches!(first, 0xa1 | 0xa4 | 0xa5 | 0xb0..=0xcf) && second >= 0xa1;
    pairs(bytes, common).is_some_and(|found| {
        let kana = found
            .iter()
            .filter(|(first, _)| matches!(first, 0xa4 | 0xa5))
            .count();
        kana >= 2 && 2 * kana >= found.len()
    })
}

/// Syllables, half of which are among those that make up half of all texts.
fn is_korean(bytes: &[u8], text: &str) -> bool {
    const FREQUENT: &str = "이다의는에을를하고은한지로도사자기서어리시아인대나일부주정장전보상수해제그만경구국유원신문공중세용연학교논";
    let syllables = || text.chars().filter(|c| !c.is_ascii());
    let frequent = syllables().filter(|c| FREQUENT.contains(*c)).count();
    let common = |first, second| matches!(first, 0xb0..=0xc8) && second >= 0xa1;
    pairs(bytes, common).is_some() && 2 * frequent >= syllables().count()
}

/// Words of Cyrillic letters in lower case, perhaps with a capital, and with vowels: the two encodings have the cases the other
/// way round, and pairs of Chinese give capitals, or consonants.
fn is_cyrillic(_: &[u8], text: &str) -> bool {
    let is_letter = |c: &char| matches!(c, 'Ё' | 'ё' | 'А'..='я');
    let mut words = text.split(|c: char| c.is_ascii() || matches!(c, '№' | '–'));
    let is_word = |word: &str| {
        let small = word.chars().skip(1).all(char::is_lowercase);
        let vowels = word
            .to_lowercase()
            .matches(|c| "аеёиоуыэюя".contains(c))
            .count();
        let length = word.chars().count();
        word.chars().all(|c| is_letter(&c)) && small && (length < 3 || 5 * vowels >= length)
    };
    let has_word = text
        .split(|c: char| c.is_ascii())
        .any(|word| word.chars().count() >= 4);
    has_word && words.all(is_word)
}

/// Single Latin letters with accents between those of ASCII, and typographic punctuation. Two in a row may be a pair of bytes,
/// except in words like `größe` and `créée`.
fn is_western(_: &[u8], text: &str) -> bool {
    let is_letter =
        |c| matches!(c, 'À'..='Ö' | 'Ø'..='ö' | 'ø'..='þ' | 'Œ' | 'œ' | 'Š' | 'š' | 'Ž' | 'ž');
    let is_mark = |c| matches!(c, '–' | '—' | '’');
    let mut words = text.split(|c: char| is_mark(c) || (c.is_ascii() && !c.is_ascii_alphabetic()));
    words.all(|word| {
        let next = word.chars().skip(1);
        let is_row =
            |(c, next): (char, char)| !c.is_ascii() && !next.is_ascii() && next != 'ß' && c != next;
        let is_foreign = word.chars().all(|c| !c.is_ascii());
        word.chars().all(|c| c.is_ascii() || is_letter(c))
            && !word.chars().zip(next).any(is_row)
            && (word.is_empty() || !is_foreign)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(encoding: &'static Encoding, text: &str, host: &str) -> String {
        readable(&encoding.encode(text).0, Some(host))
    }

    #[test]
    fn names_are_read_without_a_hint() {
        for (encoding, names) in [
            (
                GBK,
                &[
                    "中国",
                    "论文",
                    "年度报告2023",
                    "简历",
                    "关于报名的通知",
                    "硕士学位论文（终稿）",
                ][..],
            ),
            (BIG5, &["中文檔案", "報告", "畢業論文"]),
            (
                SHIFT_JIS,
                &[
                    "資料",
                    "報告書",
                    "日本語",
                    "テスト",
                    "論文要旨",
                    "レポート_3",
                ],
            ),
            (EUC_JP, &["テスト", "レポート", "日本語のテスト"]),
            (EUC_KR, &["논문", "보고서", "한국어"]),
            (
                WINDOWS_1251,
                &["отчет", "Отчет за 2020 год", "статья", "Диссертация"],
            ),
            (KOI8_R, &["отчет", "Статья", "Автореферат диссертации"]),
            (
                WINDOWS_1252,
                &[
                    "résumé",
                    "naïve",
                    "Übung",
                    "größe",
                    "año",
                    "d’été",
                    "a–b",
                    "Ärzteblatt",
                ],
            ),
        ] {
            for name in names {
                let name = format!("{name}.pdf");
                let found = read(encoding, &name, "files.example.com");
                assert_eq!(found, name, "{}", encoding.name());
            }
        }
    }

    #[test]
    fn countries_have_their_encodings() {
        for (encoding, name, host) in [
            (GBK, "简历.pdf", "www.a.edu.cn"),
            (BIG5, "甲.pdf", "a.tw"),
            (EUC_KR, "쓱.pdf", "a.kr"),
            (WINDOWS_1250, "książka řeka.pdf", "a.pl"),
            (WINDOWS_1253, "εργασία.pdf", "a.gr"),
            (WINDOWS_1254, "ödev ığdır.pdf", "a.tr"),
            (WINDOWS_1255, "מאמר.pdf", "a.il"),
            (WINDOWS_1256, "مقال.pdf", "a.eg"),
            (WINDOWS_874, "รายงาน.pdf", "a.th"),
            (WINDOWS_1251, "отчёт.pdf", "a.ru"),
        ] {
            assert_eq!(read(encoding, name, host), name);
        }
    }

    #[test]
    fn what_cannot_be_read_stays_escaped() {
        for (bytes, expected) in [
            (&b"\xff\xfe.pdf"[..], "%FF%FE.pdf"),
            (b"\xff.pdf", "%FF.pdf"),
            (b"a\xd6\xd0b.pdf", "a%D6%D0b.pdf"),
            (b"\x81.pdf", "%81.pdf"),
            (b"\xe4\xb8.pdf", "%E4%B8.pdf"),
            (b"\xe4\xb8\xad\xe6\x96.pdf", "%E4%B8%AD%E6%96.pdf"),
            (b"\xc3\xa9\xff.pdf", "%C3%A9%FF.pdf"),
            ("\u{fffd}\u{fffd}.pdf".as_bytes(), "%EF%BF%BD%EF%BF%BD.pdf"),
            ("中文.pdf".as_bytes(), "中文.pdf"),
        ] {
            assert_eq!(readable(bytes, Some("a.example")), expected);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..40), host in "[a-z.]{0,4}(cn|ru|jp)?") {
            prop_assert!(!readable(&bytes, Some(&host)).contains(char::REPLACEMENT_CHARACTER));
        }

        #[test]
        fn utf8_stays_what_it_is(text in "\\PC{0,40}") {
            prop_assume!(!text.contains(char::REPLACEMENT_CHARACTER));
            prop_assert_eq!(readable(text.as_bytes(), None), text);
        }
    }
}
