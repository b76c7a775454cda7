//! Paths to values in an answer: names with dots between them, as in `oa_locations[].url_for_pdf`.
//!
//! In brackets behind a name is which elements of an array are meant: all (`[]`, and without brackets, too), one (`[0]`, `[-1]`), or
//! those in which a field is some text (`[key=a]`), is not (`!=`), ends with it (`$=`) or has it inside (`*=`).

use serde_json::Value;

/// A parsed path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    First(usize),
    /// Counted from the end, from 1.
    Last(usize),
    Where(String, Comparison, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Is,
    IsNot,
    EndsWith,
    Has,
}

/// How comparisons are written; `=` is part of all others.
const COMPARISONS: [(&str, Comparison); 4] = [
    ("!=", Comparison::IsNot),
    ("$=", Comparison::EndsWith),
    ("*=", Comparison::Has),
    ("=", Comparison::Is),
];

impl Path {
    /// Parses a path.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(behind) = rest.strip_prefix('[') {
                let (inside, behind) = behind.split_once(']').ok_or("`[` without `]`")?;
                steps.extend(Step::which(inside)?);
                rest = behind.strip_prefix('.').unwrap_or(behind);
                continue;
            }
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (name, behind) = rest.split_at(end);
            if name.is_empty() {
                return Err("a path consists of names separated by dots".to_owned());
            }
            steps.push(Step::Field(name.to_owned()));
            rest = behind.strip_prefix('.').unwrap_or(behind);
        }
        match steps.first() {
            Some(_) => Ok(Self(steps)),
            None => Err("a path consists of names separated by dots".to_owned()),
        }
    }

    /// The texts that it leads to in `value`, in order; numbers are texts, too.
    pub(super) fn texts(&self, value: &Value) -> Vec<String> {
        let mut values = vec![value];
        for step in &self.0 {
            values = values
                .into_iter()
                .flat_map(|value| step.of(value))
                .collect();
        }
        values
            .into_iter()
            .flat_map(elements)
            .filter_map(text)
            .collect()
    }
}

impl Step {
    /// What is meant by the text in brackets; none means all elements.
    fn which(inside: &str) -> Result<Option<Self>, String> {
        if inside.is_empty() {
            return Ok(None);
        }
        if let Ok(number) = inside.parse::<isize>() {
            let at = number.unsigned_abs();
            return Ok(Some(if number < 0 {
                Self::Last(at)
            } else {
                Self::First(at)
            }));
        }
        let mut comparisons = COMPARISONS.iter();
        let found = comparisons.find_map(|(sign, comparison)| {
            let (name, text) = inside.split_once(sign)?;
            Some(Self::Where(name.to_owned(), *comparison, text.to_owned()))
        });
        match found {
            Some(found) => Ok(Some(found)),
            None => Err(
                "brackets need a number or a comparison, such as `[0]` or `[type=pdf]`".to_owned(),
            ),
        }
    }

    fn of<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        match self {
            Self::Field(name) => elements(value)
                .filter_map(|value| value.get(name))
                .collect(),
            Self::First(at) => elements(value).nth(*at).into_iter().collect(),
            Self::Last(at) => {
                let all: Vec<_> = elements(value).collect();
                all.len()
                    .checked_sub(*at)
                    .map(|at| all[at])
                    .into_iter()
                    .collect()
            }
            Self::Where(name, comparison, wanted) => {
                let is_wanted = |value: &&Value| {
                    let text = value.get(name).and_then(text).unwrap_or_default();
                    comparison.holds(&text.to_ascii_lowercase(), &wanted.to_ascii_lowercase())
                };
                elements(value).filter(is_wanted).collect()
            }
        }
    }
}

impl Comparison {
    fn holds(self, text: &str, wanted: &str) -> bool {
        match self {
            Self::Is => text == wanted,
            Self::IsNot => text != wanted,
            Self::EndsWith => text.ends_with(wanted),
            Self::Has => text.contains(wanted),
        }
    }
}

/// The elements of an array, or the value itself if it is none.
fn elements(value: &Value) -> impl Iterator<Item = &Value> {
    match value {
        Value::Array(values) => values.iter(),
        value => std::slice::from_ref(value).iter(),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_to_texts() {
        let answer = json!({
            "best": {"pdf": "a", "none": null, "empty": ""},
            "all": [{"pdf": "b", "type": "PDF", "oa": true}, {"pdf": "c", "key": "x.pdf"}, {"n": 3}],
            "texts": ["d", "e"],
        });
        for (path, expected) in [
            ("best.pdf", &["a"][..]),
            ("best.none", &[]),
            ("best.empty", &[]),
            ("best.pdf.deeper", &[]),
            ("all[].pdf", &["b", "c"]),
            ("all.pdf", &["b", "c"]),
            ("all[-1].n", &["3"]),
            ("all[0].pdf", &["b"]),
            ("all[7].pdf", &[]),
            ("all[-7].pdf", &[]),
            ("all[type=pdf].pdf", &["b"]),
            ("all[oa=true].pdf", &["b"]),
            ("all[type!=pdf].pdf", &["c"]),
            ("all[key$=.pdf].pdf", &["c"]),
            ("all[type*=d][oa=true].pdf", &["b"]),
            ("texts[]", &["d", "e"]),
            ("texts[-1]", &["e"]),
        ] {
            let path = Path::new(path).expect(path);
            assert_eq!(path.texts(&answer), expected, "{path:?}");
        }
        for wrong in ["", ".a", "a[x]", "a[", "[]"] {
            assert!(Path::new(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_path_is_parsed_without_panic(path in "[a-b.\\[\\]=$*!0-9-]{0,12}") {
            if let Ok(path) = Path::new(&path) {
                let _ = path.texts(&json!({"a": [{"b": 1}, [2], null]}));
            }
        }
    }
}
