//! The elements that are open, and what they say about what stands in them.
//!
//! Where an element stands counts as much as what it says: a link among the references or in a menu is about something else,
//! and so is what is embedded there. Authors say so by the name of an element, by its class or id, or by a heading. The open
//! elements are kept on a stack, without building a tree; which end tags are left out, and which ones end nothing, is as in
//! HTML, section 13.2.6.

use super::elements::Tag;
pub(super) use super::place::Place;
use super::place::{is_other_dialog, place_of};
use super::rule_set::Rules;
use super::rules;

/// How deep elements are told apart.
const DEEPEST: usize = 256;

/// The level of a heading that is none by its name, such as the first cell of a row.
pub(super) const LABEL: u8 = 7;

/// The longest name of an element that is told apart, in bytes.
const LONGEST_NAME: usize = 31;

/// The name of an element, as far as it matters.
#[derive(Debug, Clone, Copy, Default)]
struct Name {
    bytes: [u8; LONGEST_NAME],
    length: u8,
}

impl Name {
    fn of(name: &str) -> Self {
        let name = &name[..name.floor_char_boundary(LONGEST_NAME)];
        let mut bytes = [0; LONGEST_NAME];
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        Self {
            bytes,
            length: u8::try_from(name.len()).expect("it has been cut"),
        }
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }

    fn is(&self, name: &str) -> bool {
        self.bytes[..usize::from(self.length)] == *name.as_bytes()
    }
}

/// An open element, with what it inherits.
#[derive(Debug, Clone, Default)]
pub(super) struct Open {
    name: Name,
    pub(super) place: Place,
    /// What is in it is about, whatever the heading above it.
    inherited: Place,
    pub(super) is_main: bool,
    /// Whether it opens above the page, without offering the article.
    pub(super) is_dialog: bool,
    /// The containers of rules that it is or is in.
    pub(super) containers: u64,
    /// Whether it has shown anything.
    has_content: bool,
    /// The level of the last heading in it, if what follows is about other works.
    section: u8,
    /// How deep that heading was.
    section_depth: usize,
}

impl Open {
    /// What is at this place.
    pub(super) fn at(place: Place, is_main: bool) -> Self {
        Self {
            place,
            is_main,
            ..Self::default()
        }
    }
}

/// The open elements.
#[derive(Debug, Default)]
pub(super) struct Stack {
    open: Vec<Open>,
    /// How many are open beyond [`DEEPEST`].
    deeper: usize,
    /// How many of them have a section about other works.
    sections: usize,
}

impl Stack {
    /// How many elements are open.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    /// How many bytes are kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.open.capacity() * size_of::<Open>()
    }

    /// What the innermost element is about.
    pub(super) fn place(&self) -> Place {
        match self.open.last() {
            _ if self.sections > 0 => Place::Others,
            Some(open) => open.place,
            None => Place::Here,
        }
    }

    /// Whether the innermost element has this name.
    pub(super) fn is_in(&self, name: &str) -> bool {
        self.open.last().is_some_and(|open| open.name.is(name))
    }

    /// Whether any open element has this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.open.iter().any(|open| open.name.is(name))
    }

    /// What `tag` opens, which ends what it implies to end. The containers of `rules` count if there are any.
    pub(super) fn begin(&mut self, tag: &Tag, rules: Option<&Rules>) -> Open {
        let name = tag.name();
        let (ended, within): (&[&str], &[&str]) = match name {
            "li" => (&["li"], &["ul", "ol", "menu"]),
            "dt" | "dd" => (&["dt", "dd"], &["dl"]),
            "td" | "th" => (&["td", "th"], &["tr", "table"]),
            "tr" => (&["tr"], &["table"]),
            "tbody" | "tfoot" => (&["tr", "thead", "tbody"], &["table"]),
            "option" => (&["option"], &["select"]),
            "body" => (&["head"], &[]),
            _ => (&[], &[]),
        };
        if !ended.is_empty() {
            self.end_any(ended, within);
        }
        if self.is_in("p") && is_block(name) {
            self.pop();
        }
        if let Some(level) = level(name) {
            self.begin_heading(level);
        }
        let begins_main = is_main(tag);
        if begins_main {
            self.end_sections();
        }
        let around = self.open.last();
        let mut place = around.map_or(Place::Here, |open| open.inherited);
        let mut containers = around.map_or(0, |open| open.containers);
        let own = rules.map_or(0, |rules| rules.containers(tag));
        containers |= own;
        // what a rule names is no edge
        if own == 0 {
            place = place.max(place_of(tag));
        }
        // nor is the main part of a page, whatever is around it
        if begins_main && place == Place::Edge {
            place = Place::Here;
        }
        let is_main = begins_main || around.is_some_and(|open| open.is_main);
        Open {
            // a heading may end the section within the element
            place: if self.sections > 0 {
                Place::Others
            } else {
                place
            },
            inherited: place,
            is_main,
            is_dialog: around.is_some_and(|open| open.is_dialog) || is_other_dialog(tag),
            containers,
            ..Open::default()
        }
    }

    /// Keeps `open`, which `tag` has opened, until it ends. Returns false for an element without contents.
    pub(super) fn push(&mut self, mut open: Open, tag: &Tag) -> bool {
        if is_void(tag.name()) {
            return false;
        }
        if self.open.len() == DEEPEST {
            self.deeper += 1;
            return false;
        }
        open.name = Name::of(tag.name());
        self.open.push(open);
        true
    }

    /// Notes that the innermost element shows something.
    pub(super) fn show(&mut self) {
        if let Some(open) = self.open.last_mut() {
            open.has_content = true;
        }
    }

    /// Ends the innermost element of this name, with what is in it, unless that cannot be.
    pub(super) fn end(&mut self, name: &str) {
        let name = &name[..name.floor_char_boundary(LONGEST_NAME)];
        if self.deeper > 0 {
            self.deeper -= 1;
            return;
        }
        let stops = |open: &str| {
            if is_block(name) {
                matches!(open, "td" | "th" | "table" | "object" | "template")
                    || (name == "li" && matches!(open, "ul" | "ol"))
            } else {
                is_block(open) && name != "tr" && name != "tbody"
            }
        };
        for at in (0..self.open.len()).rev() {
            let open = self.open[at].name.as_str();
            if open == name {
                while self.open.len() > at {
                    self.pop();
                }
                return;
            }
            if stops(open) {
                return;
            }
        }
    }

    /// Ends the innermost element with one of the names `ended`, unless one of `within` is between.
    fn end_any(&mut self, ended: &[&str], within: &[&str]) {
        let is = |open: &Open, names: &[&str]| names.iter().any(|name| open.name.is(name));
        let at = self
            .open
            .iter()
            .rposition(|open| is(open, ended) || is(open, within));
        if let Some(at) = at.filter(|at| is(&self.open[*at], ended)) {
            while self.open.len() > at {
                self.pop();
            }
        }
    }

    fn pop(&mut self) {
        let Some(ended) = self.open.pop() else { return };
        self.sections -= usize::from(ended.section > 0);
        let Some(around) = self.open.last_mut() else {
            return;
        };
        if ended.section > 0 && !ended.has_content && around.section == 0 {
            // it had nothing but the heading, which is therefore that of what follows
            (around.section, around.section_depth) = (ended.section, ended.section_depth);
            self.sections += 1;
        }
        around.has_content |= ended.has_content;
    }

    /// A heading of this level, which is about to be opened, ends the sections that it does not belong to.
    fn begin_heading(&mut self, level: u8) {
        let depth = self.open.len();
        for open in &mut self.open {
            let is_same = open.section == level && open.section_depth == depth;
            if open.section > level || is_same {
                open.section = 0;
                self.sections -= 1;
            }
        }
    }

    /// What is open is about the page.
    pub(super) fn admit(&mut self) {
        for open in &mut self.open {
            (open.place, open.inherited) = (Place::Here, Place::Here);
        }
    }

    /// The main part of a page belongs to no heading before it.
    fn end_sections(&mut self) {
        self.sections = 0;
        for open in &mut self.open {
            open.section = 0;
        }
    }

    /// Whether the innermost element has shown anything.
    pub(super) fn has_content(&self) -> bool {
        self.open.last().is_some_and(|open| open.has_content)
    }

    /// The heading of this level that has just ended is that of something else, up to the next one. `had_content` says whether
    /// the element around had shown anything before.
    pub(super) fn begin_others(&mut self, level: u8, had_content: bool) {
        let depth = self.open.len();
        if let Some(open) = self.open.last_mut() {
            self.sections += usize::from(open.section == 0);
            (open.section, open.section_depth, open.has_content) = (level, depth, had_content);
        }
    }
}

/// The level of the heading that `name` is.
pub(super) fn level(name: &str) -> Option<u8> {
    match name {
        "dt" | "th" | "strong" | "b" | "legend" | "summary" | "caption" => Some(LABEL),
        _ => {
            let digit = name.strip_prefix('h')?;
            digit
                .parse()
                .ok()
                .filter(|level| (1..=6).contains(level) && digit.len() == 1)
        }
    }
}

/// Whether an element has no contents (HTML, section 13.1.2).
fn is_void(name: &str) -> bool {
    matches!(
        name,
        "area"
            | "base"
            | "br"
            | "col"
            | "embed"
            | "hr"
            | "img"
            | "input"
            | "link"
            | "meta"
            | "source"
            | "track"
            | "wbr"
    )
}

/// Whether an element ends an open paragraph, and is not ended by the end of one inside a line.
fn is_block(name: &str) -> bool {
    matches!(
        name,
        "address"
            | "article"
            | "aside"
            | "blockquote"
            | "body"
            | "caption"
            | "center"
            | "dd"
            | "details"
            | "dialog"
            | "div"
            | "dl"
            | "dt"
            | "fieldset"
            | "figure"
            | "footer"
            | "form"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "header"
            | "hr"
            | "html"
            | "li"
            | "main"
            | "nav"
            | "object"
            | "ol"
            | "p"
            | "pre"
            | "section"
            | "table"
            | "td"
            | "th"
            | "ul"
    )
}

fn is_main(tag: &Tag) -> bool {
    let id = tag.get("id");
    tag.name() == "main"
        || tag.has_token("role", "main")
        || (!id.is_empty()
            && rules::MAINS
                .iter()
                .any(|main| id.eq_ignore_ascii_case(main)))
}
