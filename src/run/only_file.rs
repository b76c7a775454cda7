//! The file that `-o FILE.pdf` names, if it exists when the run begins.
//!
//! Who names a file reads that file afterwards. If it is neither that of the link nor replaced, the link would get another name, and the
//! reader somebody else's file: the run does not begin.

use crate::plan::{Existing, Inventory, Options, Trace};

/// The file of the only link of a run.
#[derive(Debug, Clone)]
pub(crate) struct OnlyFile {
    /// Its name in the output folder.
    pub name: String,
    /// The identity of the link.
    pub id: u64,
}

impl OnlyFile {
    /// Refuses a file that is that of another link, or of somebody else unless the options replace or accept it.
    ///
    /// # Errors
    ///
    /// When that is so.
    pub(crate) fn check(
        &self,
        inventory: &mut impl Inventory,
        options: &Options,
    ) -> anyhow::Result<()> {
        let Self { name, id } = self;
        if inventory.file(name.clone()).is_none() {
            return Ok(());
        }
        let is_own = inventory
            .previous(*id)
            .is_some_and(|own| own.saved.file == *name)
            || match inventory.trace(*id) {
                Trace::Found(own) | Trace::Adopted(own) => own.saved.file == *name,
                Trace::Lost | Trace::Changed => false,
            };
        if is_own {
            return Ok(());
        }
        if inventory.is_of_another(name, *id) {
            anyhow::bail!("`{name}` is the file of another link: name another file, or remove it");
        }
        if !options.skip_existing && options.existing != Existing::Overwrite {
            anyhow::bail!(
                "`{name}` exists, and is not a file that was fetched for this link: name another file, or replace it with `--overwrite`"
            );
        }
        Ok(())
    }
}
