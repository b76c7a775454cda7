//! Identifiers: what a DOI or an arXiv id is in a list, and where its PDF may be.
//!
//! ```text
//!  text, URL ──► kind ──► Id ──► chain ──► source ──► URL of a PDF, or of a page
//!                match,          in its    a template,  or another identifier
//!                spelling        order     or a look-up
//! ```
//!
//! All of it is data: `builtin.toml` has the kinds and the sources, and the configuration of a user has the same
//! tables. An identifier has one URL by which it is known, whatever its spelling, so that everything else takes it for a link;
//! its identity is that of this URL, and a record with it is a list again. A URL is an identifier only if it is on one of the hosts
//! of a kind and all of its path fits.
//!
//! Knows nothing of HTTP: [`Ids::step`] says what to request, and [`Ids::read`] what the answer means.

mod keys;
mod kind;
mod path;
mod pattern;
mod source;
mod tables;
mod template;
#[cfg(test)]
mod tests;
mod xml;

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;
use percent_encoding::percent_decode_str;
use toml::Table;
use url::Url;

use crate::host;
use kind::{Kind, cleaned};
pub(crate) use source::{Found, LONGEST_ANSWER, Role, Source};
use tables::{Author, HOSTS, TABLES, Tables};

/// The longest text that may be an identifier, in bytes.
const LONGEST: usize = 2048;

/// The name of the kind that others may have in their DOIs.
const DOI: &str = "doi";

/// An identifier.
#[derive(Clone)]
pub(crate) struct Id {
    kind: Arc<Kind>,
    value: Box<str>,
}

/// What is known about identifiers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ids {
    /// With the tables of a user; without any, those that are built in. They are read once something may be an identifier.
    tables: Option<Arc<Tables>>,
    /// The address by which sources know their user.
    pub(crate) email: Option<String>,
    /// What sources have answered before.
    memory: Option<Arc<dyn Memory>>,
    /// The sources of which it has been said that they are left out.
    told: Arc<Mutex<HashSet<Arc<str>>>>,
}

/// What sources have answered before.
pub(crate) trait Memory: fmt::Debug + Send + Sync {
    /// What was answered to this question, if it is still known.
    fn recall(&self, question: &str) -> Option<Vec<Found>>;

    /// Keeps what was answered to it.
    fn keep(&self, question: &str, found: &[Found]);
}

/// What to do with a source.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// This is what it says.
    Found(Vec<Found>),
    /// Its answer is at this URL.
    Ask(Url),
    /// It is left out, because this is not known.
    Lacks(&'static str),
    /// It is not for this identifier.
    None,
}

/// The built-in ones, without those of a user.
static DEFAULT: LazyLock<Ids> = LazyLock::new(Ids::default);

impl Ids {
    /// Those that are built in.
    pub(crate) fn builtin() -> &'static Self {
        &DEFAULT
    }

    fn tables(&self) -> &Tables {
        self.tables.as_deref().unwrap_or(&TABLES)
    }

    /// The same, with what sources have answered before.
    pub(crate) fn with_memory(&self, memory: Arc<dyn Memory>) -> Self {
        Self {
            memory: Some(memory),
            ..self.clone()
        }
    }

    /// Adds the tables of a user: `id`, `source` and `base`.
    ///
    /// # Errors
    ///
    /// What is wrong with them.
    pub(crate) fn extend(&mut self, table: &Table) -> anyhow::Result<()> {
        if !["id", "source", "base"]
            .iter()
            .any(|name| table.contains_key(*name))
        {
            return Ok(());
        }
        let mut tables = self.tables().clone();
        tables.add(table, Author::User)?;
        self.tables = Some(Arc::new(tables));
        Ok(())
    }

    /// The keys of sources, as they are in URLs.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let tables = self.tables.iter();
        let sources = tables.flat_map(|tables| tables.sources.values());
        let keys = sources.filter_map(|source| source.key.as_deref());
        let keys = keys.filter(|key| !key.is_empty());
        keys.flat_map(template::spellings).collect()
    }

    /// Whether there is a kind of identifiers with this `name`.
    pub(crate) fn has_kind(&self, name: &str) -> bool {
        self.tables().kinds.iter().any(|kind| *kind.name == *name)
    }

    /// The identifier that `text` is as a whole, URLs apart.
    ///
    /// # Errors
    ///
    /// Why nothing can be done with it, although it is one.
    pub(crate) fn of_text(&self, text: &str) -> Option<Result<Id, String>> {
        // prose is told from identifiers at a glance
        let may_be_one = |text: &str| {
            text.bytes()
                .any(|byte| byte.is_ascii_digit() || byte == b':')
        };
        if text.len() > LONGEST || text.contains("://") || !may_be_one(text) {
            return None;
        }
        let text = percent_decode_str(text).decode_utf8_lossy();
        let text = cleaned(&text);
        let mut kinds = self.tables().kinds.iter();
        let (kind, value) =
            kinds.find_map(|kind| Some((kind, kind.read(&kind.patterns, text)?)))?;
        Some(self.checked(kind, value))
    }

    /// The identifier that `url` stands for.
    ///
    /// # Errors
    ///
    /// Why nothing can be done with it, although it is one.
    pub(crate) fn of_url(&self, url: &Url) -> Option<Result<Id, String>> {
        let host = host::name_of(url);
        if self.tables.is_none() && HOSTS.binary_search(&host).is_err() {
            return None;
        }
        let kinds = self.tables().hosts.get(host)?;
        if url.as_str().len() > LONGEST {
            return None;
        }
        let path = percent_decode_str(url.path()).decode_utf8_lossy();
        let path = cleaned(path.trim_end_matches('/'));
        let query = url.query().map(percent_decode_str);
        let with_query = query.map(|query| format!("{path}?{}", query.decode_utf8_lossy()));
        let texts = [Some(path), with_query.as_deref()];
        let read = |kind: &Arc<Kind>| {
            let mut texts = texts.iter().flatten();
            let value = texts.find_map(|text| kind.read(&kind.paths, text))?;
            Some(self.checked(kind, value))
        };
        kinds.iter().find_map(read)
    }

    /// `cell` with a prefix that says what it is, if it is nothing by itself, but an identifier in a column with this `name`.
    pub(crate) fn in_column(&self, name: &str, cell: &str) -> Option<String> {
        if cell.len() > LONGEST || cell.contains("://") {
            return None;
        }
        let kind = self.of_column(name)?;
        let cell = cleaned(cell);
        let value = kind.read(&kind.bare, cell)?;
        let value = value.strip_prefix(&*kind.begins).unwrap_or(&value);
        let prefix = kind.columns.first()?;
        Some(format!("{prefix}:{value}"))
    }

    /// How well the name of a column says that identifiers are in it, from 0 on; none if it does not.
    pub(crate) fn rank_of_column(&self, name: &str) -> Option<usize> {
        let kind = self.of_column(name)?;
        self.tables()
            .kinds
            .iter()
            .position(|known| known.name == kind.name)
    }

    fn of_column(&self, name: &str) -> Option<&Kind> {
        let plain = |name: &str| -> String {
            let letters = name.chars().filter(|c| c.is_alphanumeric());
            letters.flat_map(char::to_lowercase).collect()
        };
        // such as `externalIds.DOI`
        let name = match name.rsplit_once('.') {
            Some((object, name)) if plain(object).ends_with("ids") => name,
            _ => name,
        };
        let name = plain(name);
        let is_same = |column: &String| plain(column) == name;
        let mut kinds = self.tables().kinds.iter();
        kinds
            .find(|kind| kind.columns.iter().any(is_same))
            .map(|kind| &**kind)
    }

    /// The identifier `value` of this `kind`, or of that which has it as its DOI.
    fn checked(&self, kind: &Arc<Kind>, value: String) -> Result<Id, String> {
        if let Some(refusal) = &kind.refuse {
            return Err(refusal.clone());
        }
        if let Some(odd) = value.chars().find(|c| !c.is_ascii() || c.is_control()) {
            let odd = odd.escape_unicode();
            return Err(format!(
                "the identifier contains `{odd}`, a look-alike or invisible character: retype it"
            ));
        }
        let own = || {
            self.tables()
                .kinds
                .iter()
                .find_map(|own| Some((own, own.read(&own.dois, &value)?)))
        };
        let (kind, value) = match own().filter(|_| &*kind.name == DOI) {
            Some((own, value)) => (own, value),
            None => (kind, value),
        };
        if value.split('/').any(|part| matches!(part, "." | "..")) {
            return Err("the identifier has a part `.` or `..`, which URLs do not keep".to_owned());
        }
        let id = Id {
            kind: Arc::clone(kind),
            value: value.as_str().into(),
        };
        let text = kind.url.filled(&|name| id.field(name));
        let url = text.ok().and_then(|text| Url::parse(&text).ok());
        match url.filter(Url::has_host) {
            Some(_) => Ok(id),
            None => Err(format!("the identifier `{value}` makes no URL")),
        }
    }

    /// The URL that is requested first for the identifier that `url` stands for; none if it is none.
    pub(crate) fn first(&self, url: &Url) -> Option<Url> {
        let id = self.of_url(url)?.ok()?;
        let mut chain = self.chain(&id);
        chain.find_map(|source| match self.step(&id, &source) {
            Step::Ask(url) => Some(url),
            Step::Found(found) => Url::parse(&found.first()?.text).ok(),
            Step::Lacks(_) | Step::None => None,
        })
    }

    /// What the first source for `id` has; none if it has to be asked.
    pub(crate) fn first_role(&self, id: &Id) -> Option<Role> {
        let mut steps = self.chain(id).map(|source| self.step(id, &source));
        let first = steps.find(|step| matches!(step, Step::Found(_) | Step::Ask(_)))?;
        match first {
            Step::Found(found) => Some(found.first()?.role),
            _ => None,
        }
    }

    /// The sources for `id`, in order.
    pub(crate) fn chain(&self, id: &Id) -> impl Iterator<Item = Arc<Source>> {
        let names = id.kind.chain.iter();
        let sources = names
            .filter_map(|name| self.tables().sources.get(name))
            .cloned();
        sources.collect::<Vec<_>>().into_iter()
    }

    /// What to do with `source` for `id`.
    pub(crate) fn step(&self, id: &Id, source: &Source) -> Step {
        if source
            .only
            .as_ref()
            .is_some_and(|only| !only.is_match(&id.value))
        {
            return Step::None;
        }
        let known = |name: &str| self.value(id, source, name);
        let step = match &source.get {
            Some(get) => get.filled(&known).map(|text| match Url::parse(&text) {
                Ok(url) => Step::Ask(url),
                Err(_) => Step::None,
            }),
            None => source.says(&known).map(Step::Found),
        };
        match step {
            Ok(step) => step,
            Err("email") => Step::Lacks("an e-mail address (`--email`)"),
            Err("key") => Step::Lacks("a key in the configuration"),
            Err(_) => Step::None,
        }
    }

    /// Says that `source` is left out because this is not known, once in a run.
    pub(crate) fn tell(&self, source: &Source, lacks: &str) {
        if self.told.lock().insert(Arc::clone(&source.name)) {
            tracing::warn!("the source `{}` is skipped: it needs {lacks}", source.name);
        }
    }

    /// What `source` has answered about `id` before.
    pub(crate) fn recall(&self, id: &Id, source: &Source) -> Option<Vec<Found>> {
        self.memory.as_ref()?.recall(&self.question(id, source)?)
    }

    /// Keeps what `source` has answered about `id`.
    pub(crate) fn keep(&self, id: &Id, source: &Source, found: &[Found]) {
        if let (Some(memory), Some(question)) = (&self.memory, self.question(id, source)) {
            memory.keep(&question, found);
        }
    }

    /// What `source` is asked about `id`, whoever asks: two spellings or versions of the same thing may be one question.
    fn question(&self, id: &Id, source: &Source) -> Option<String> {
        let known = |name: &str| match name {
            "email" | "key" => Some(name.to_owned()),
            _ => self.value(id, source, name),
        };
        source.get.as_ref()?.filled(&known).ok()
    }

    /// What the answer of `source` about `id` says.
    ///
    /// # Errors
    ///
    /// Why it is no answer.
    pub(crate) fn read(
        &self,
        id: &Id,
        source: &Source,
        answer: &[u8],
    ) -> Result<Vec<Found>, &'static str> {
        source.read(answer, &|name| self.value(id, source, name))
    }

    fn value(&self, id: &Id, source: &Source, name: &str) -> Option<String> {
        match name {
            "email" => self.email.clone(),
            "key" => source.key.clone(),
            _ => match name.strip_suffix("_base") {
                Some(base) => self.tables().bases.get(base).cloned(),
                None => id.field(name),
            },
        }
    }
}

impl Id {
    /// The identifier itself, in its usual spelling.
    pub(crate) fn value(&self) -> &str {
        &self.value
    }

    /// The URL by which it is known.
    pub(crate) fn url(&self) -> Url {
        let text = self.kind.url.filled(&|name| self.field(name));
        let url = text.ok().and_then(|text| Url::parse(&text).ok());
        url.expect("it has been made once, to check it")
    }

    /// Whether it is one of the same kind as `other`.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.kind.name == other.kind.name
    }

    /// What a field of a template says of it: `id`, the name of its kind, a part, or another name of the same thing.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        if name == "id" {
            return Some(self.value.to_string());
        }
        let part = || self.kind.parts.as_ref()?.group(&self.value, name);
        if let Some(part) = part() {
            return Some(part.to_owned());
        }
        if let Some((_, field)) = self.kind.fields.iter().find(|(known, _)| known == name) {
            let id = |name: &str| (name == "id").then(|| self.value.to_string());
            return field.filled(&id).ok();
        }
        (*name == *self.kind.name).then(|| self.value.to_string())
    }
}

impl PartialEq for Id {
    fn eq(&self, other: &Self) -> bool {
        self.kind.name == other.kind.name && self.value == other.value
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// `doi:10.1000/182`
impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.name, self.value)
    }
}
