//! In place of buckets in a build without them.

use std::fs::File;
use std::ops::Range;

use super::{Address, Contents, Listed, Object, Options, Refusal, Tag};

/// There is none.
#[derive(Debug)]
pub(crate) enum Bucket {}

#[expect(clippy::unused_async, reason = "as with buckets")]
impl Bucket {
    /// Always fails.
    ///
    /// # Errors
    ///
    /// Always.
    pub(crate) fn open(address: &Address, _: &Options) -> anyhow::Result<Self> {
        anyhow::bail!(
            "`{address}`: this build does not support object stores (the feature `object-stores`)"
        )
    }

    /// Its address.
    pub(crate) fn address(&self) -> &Address {
        match *self {}
    }

    /// How many uploads there are at once.
    pub(crate) fn uploads(&self) -> usize {
        match *self {}
    }

    /// Cannot be called.
    ///
    /// # Errors
    ///
    /// Never.
    pub(crate) async fn probe(&self) -> Result<(), Refusal> {
        match *self {}
    }

    /// Cannot be called.
    ///
    /// # Errors
    ///
    /// Never.
    pub(crate) async fn list(&self, _: &str, _: impl FnMut(&str, Listed)) -> Result<(), Refusal> {
        match *self {}
    }

    /// Cannot be called.
    ///
    /// # Errors
    ///
    /// Never.
    pub(crate) async fn create(&self, _: &str, _: &Contents) -> Result<Tag, Refusal> {
        match *self {}
    }

    /// Cannot be called.
    ///
    /// # Errors
    ///
    /// Never.
    pub(crate) async fn ensure(&self, _: &str, _: &Contents) -> Result<bool, Refusal> {
        match *self {}
    }

    /// Cannot be called.
    ///
    /// # Errors
    ///
    /// Never.
    pub(crate) async fn replace(&self, _: &str, _: &Contents, _: &Tag) -> Result<Tag, Refusal> {
        match *self {}
    }

    /// Cannot be called.
    ///
    /// # Errors
    ///
    /// Never.
    pub(crate) async fn look(&self, _: &str) -> Result<Option<Object>, Refusal> {
        match *self {}
    }

    /// Cannot be called.
    ///
    /// # Errors
    ///
    /// Never.
    pub(crate) async fn read(
        &self,
        _: &str,
        _: Option<Range<u64>>,
        _: &File,
    ) -> Result<Option<Object>, Refusal> {
        match *self {}
    }

    /// Cannot be called.
    ///
    /// # Errors
    ///
    /// Never.
    pub(crate) async fn rename(&self, _: &str, _: &str) -> Result<(), Refusal> {
        match *self {}
    }
}
