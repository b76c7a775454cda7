//! What killed processes have left in the folder of parts.
//!
//! A part is kept if a later run can continue it: if it has a sidecar, and its link has no file yet, or has one of another
//! version. Everything else is removed, but nothing that another process works on: that is locked.

use std::collections::HashMap;
use std::io::{self, ErrorKind};

use super::journal::journal_in;
use super::part::{self, NEW, PART, SIDECAR};
use super::{Files, Layout, PARTS, Part, SavedLine, each_saved, staging};
use crate::plan::Identity;
use crate::system::folder::{Folder, Purpose};

/// Removes what nobody will continue from the folder of parts of `layout`, as far as it can. `identity` is the rule for the
/// identities of links.
///
/// # Errors
///
/// When the folder or the journal cannot be read.
pub(crate) fn clear_leftovers(layout: &Layout, identity: &Identity) -> io::Result<()> {
    let state = layout.state_folder();
    let parts = state.and_then(|state| Ok((state.below(PARTS)?, state)));
    let (parts, state) = match parts {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let (names, files) = (parts.names()?, Files::of(layout));
    for name in names.iter().filter(|name| name.ends_with(NEW)) {
        clear_new(&parts, &files, name);
    }
    let mut links: HashMap<_, _> = names
        .iter()
        .filter_map(|name| Some((link(name)?, Known::default())))
        .collect();
    if links.is_empty() {
        return Ok(());
    }
    each_saved(journal_in(&state)?, |line: &SavedLine| {
        if let Some(known) = links.get_mut(&line.id(identity))
            && files.has(&line.to_saved())
        {
            *known = Known::of(line);
        }
    })?;
    for (id, known) in links {
        // unless another process works on it
        if let Ok(part) = Part::named(&parts, id) {
            known.clear(part);
        }
    }
    Ok(())
}

/// What the journal says about the file of a link.
#[derive(Default)]
struct Known {
    /// Whether it exists.
    is_saved: bool,
    /// Its validators.
    validators: [Option<String>; 2],
}

impl Known {
    fn of(line: &SavedLine) -> Self {
        Self {
            is_saved: true,
            validators: [line.etag.clone(), line.last_modified.clone()],
        }
    }

    /// Removes `part` unless it can be continued.
    fn clear(&self, part: Part) {
        let continues = part.partial().is_some_and(|partial| {
            let validator = &partial.origin.validator;
            let mut validators = self.validators.iter().flatten().peekable();
            let is_other =
                validators.peek().is_some() && validators.all(|known| known != validator);
            !self.is_saved || is_other
        });
        if !continues {
            part.discard();
        }
    }
}

/// The link that a part or a sidecar belongs to.
fn link(name: &str) -> Option<u64> {
    let id = name.strip_suffix(PART).or(name.strip_suffix(SIDECAR))?;
    let id = u64::from_str_radix(id, 16).ok()?;
    let is_ours = name.starts_with(part::file_name(id).strip_suffix(PART)?);
    is_ours.then_some(id)
}

/// Removes the file of a replacement that never happened, or the hidden one in the output folder whose name it reserves.
fn clear_new(parts: &Folder, files: &Files, name: &str) {
    let file = parts.open(name, Purpose::Write);
    if file.is_ok_and(|file| part::lock(&file).is_ok())
        && (!files.are_shared || is_gone(files, &staging::hidden(name)))
    {
        // a later run will try again
        let _ = parts.remove(name);
    }
}

/// Whether the hidden file `name` is not there any more.
fn is_gone(files: &Files, name: &str) -> bool {
    files
        .folder()
        .is_none_or(|folder| folder.remove(name).is_ok())
}
