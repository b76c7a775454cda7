//! Selectors of elements: as much of those of CSS as the rules about links need.

use super::elements::{ATTRIBUTES, Tag, mark};

/// A condition on one element. All text is in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Simple {
    Element(String),
    Class(String),
    Id(String),
    Is(String, String),
    Has(String, String),
}

impl Simple {
    /// What a tag has if it fits, for a quick look.
    pub(super) fn mark(&self) -> u64 {
        match self {
            Self::Element(_) => 0,
            // an empty value is that of an attribute that is not there, too
            Self::Is(_, value) | Self::Has(_, value) if value.is_empty() => 0,
            Self::Class(name) | Self::Id(name) | Self::Is(name, _) | Self::Has(name, _) => {
                mark(name)
            }
        }
    }

    /// Whether `tag` fits.
    pub(super) fn fits(&self, tag: &Tag) -> bool {
        match self {
            Self::Element(name) => tag.name() == name,
            Self::Class(class) => tag.has_token("class", class),
            Self::Id(id) => tag.get("id").eq_ignore_ascii_case(id),
            Self::Is(name, value) => tag.get(name).to_lowercase() == *value,
            Self::Has(name, part) => tag.get(name).to_lowercase().contains(part),
        }
    }
}

/// The conditions of a selector for one element, such as `a.pdf[href*=/download/]`.
pub(super) fn simples(selector: &str) -> Result<Vec<Simple>, String> {
    let mut found = Vec::new();
    let lower = selector.to_lowercase();
    let mut rest = lower.as_str();
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (test, after) = inside.split_once(']').ok_or("`[` without `]`")?;
            let (name, value) = test
                .split_once('=')
                .ok_or("`[…]` has a name and a value, such as `[title=PDF]`")?;
            let value = value.trim_matches(['"', '\'']).to_owned();
            let (name, is_part) = match name.strip_suffix('*') {
                Some(name) => (name, true),
                None => (name, false),
            };
            if !ATTRIBUTES.contains(&name) {
                return Err(format!(
                    "unknown attribute `{name}`: those that are read are `{}`",
                    ATTRIBUTES.join("`, `")
                ));
            }
            let name = name.to_owned();
            found.push(if is_part {
                Simple::Has(name, value)
            } else {
                Simple::Is(name, value)
            });
            rest = after;
            continue;
        }
        let (kind, name) = match rest.split_at(1) {
            (kind @ ("." | "#"), name) => (kind, name),
            _ if found.is_empty() => ("", rest),
            _ => return Err(FORM.to_owned()),
        };
        let end = name.find(['.', '#', '[']).unwrap_or(name.len());
        let (name, after) = name.split_at(end);
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(FORM.to_owned());
        }
        let name = name.to_owned();
        found.push(match kind {
            "." => Simple::Class(name),
            "#" => Simple::Id(name),
            _ => Simple::Element(name),
        });
        rest = after;
    }
    Ok(found)
}

/// What a selector may have.
const FORM: &str = "a selector has a name, `.class`, `#id`, `[attribute=value]` and `[attribute*=part]`, such as `a.pdf[href*=/download/]`";
