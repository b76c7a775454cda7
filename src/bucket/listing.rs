//! What there is in a bucket, a page at a time.

use http::Extensions;
use object_store::list::{PaginatedListOptions, PaginatedListResult};

use super::{Bucket, Listed, MOST_TRIES, Refusal};

impl Bucket {
    /// Calls `see` with the name of each object below `folder`, which may be empty, and with what the list says of it. The
    /// order is that of the store.
    ///
    /// # Errors
    ///
    /// When the bucket cannot be listed.
    pub(crate) async fn list(
        &self,
        folder: &str,
        mut see: impl FnMut(&str, Listed),
    ) -> Result<(), Refusal> {
        let key = self.address.key(folder);
        let prefix = match key.trim_end_matches('/') {
            "" => None,
            key => Some(format!("{key}/")),
        };
        let root = self.address.key("");
        let mut page_token = None;
        loop {
            let asked = page_token.take();
            let page = self.attempts(folder, MOST_TRIES, |said| {
                let mut extensions = Extensions::new();
                extensions.insert(said);
                let options = PaginatedListOptions {
                    page_token: asked.clone(),
                    extensions,
                    ..PaginatedListOptions::default()
                };
                self.pages.list_paginated(prefix.as_deref(), options)
            });
            let PaginatedListResult {
                result,
                page_token: next,
            } = page.await?;
            for object in result.objects {
                let name = object.location.as_ref().strip_prefix(&root);
                if let Some(name) = name.filter(|name| !name.is_empty()) {
                    let listed = Listed {
                        bytes: object.size,
                        etag: object.e_tag,
                    };
                    see(name, listed);
                }
            }
            if next.is_none() {
                return Ok(());
            }
            page_token = next;
        }
    }
}
