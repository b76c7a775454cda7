//! The body of an answer on its way into a part, checked as it passes.

use std::time::Duration;

use tokio::time::timeout;

use super::request::Reply;
use super::trouble::{broken_body, disk};
use crate::outcome::{Failure, Status};
use crate::pdf::{Check, END, Verdict};
use crate::report::Transfer;
use crate::store::Part;

/// A part that is being filled.
pub(super) struct Body<'a> {
    part: &'a mut Part,
    check: Check,
    total: Option<u64>,
    framed: bool,
}

impl<'a> Body<'a> {
    /// Begins or goes on with `part`, which is to have `total` bytes in the end. `framed` says that the protocol marks
    /// the end of the body, and not just the end of the connection.
    pub(super) fn begin(
        part: &'a mut Part,
        total: Option<u64>,
        framed: bool,
    ) -> Result<Self, Failure> {
        let mut check = Check::default();
        if !part.is_empty() {
            let (head, tail) = part.ends(END).map_err(disk)?;
            check
                .update(&head)
                .and_then(|()| check.update(&tail))
                .map_err(|kind| not_pdf(&kind))?;
        }
        Ok(Self {
            part,
            check,
            total,
            framed,
        })
    }

    /// Takes all that comes. A byte every `stall` keeps the transfer alive.
    pub(super) async fn receive(
        &mut self,
        mut reply: Reply,
        transfer: &Transfer,
        stall: Duration,
    ) -> Result<(), Failure> {
        transfer.restart(self.part.len(), self.total);
        loop {
            let chunk = timeout(stall, reply.response.chunk()).await.map_err(|_| {
                let message = format!(
                    "nothing came for {} s after {} bytes",
                    stall.as_secs_f64(),
                    self.part.len()
                );
                Failure::new(Status::Timeout, message)
            })?;
            let Some(chunk) =
                chunk.map_err(|error| broken_body(&error, self.part.len(), self.total))?
            else {
                return Ok(());
            };
            transfer.advance(chunk.len() as u64);
            self.check.update(&chunk).map_err(|kind| not_pdf(&kind))?;
            self.part.write(chunk).map_err(disk)?;
        }
    }

    /// The verdict on a body that has ended: an error, or what is odd about it.
    pub(super) fn end(self) -> Result<Option<&'static str>, Failure> {
        let length = self.part.len();
        if let Some(total) = self.total
            && length != total
        {
            if length > total {
                // whatever these bytes are, they cannot be continued
                self.part.restart(None).map_err(disk)?;
            }
            return Err(Failure::new(
                Status::Truncated,
                format!("{length} bytes came of {total}"),
            ));
        }
        match self.check.finish() {
            Verdict::Whole => Ok(None),
            Verdict::Suspect(why) if self.framed => Ok(Some(why)),
            Verdict::Suspect(why) => {
                let message = format!("the connection ended after {length} bytes, with {why}");
                Err(Failure::new(Status::Truncated, message))
            }
            Verdict::NotPdf(kind) => Err(not_pdf(&kind)),
        }
    }
}

fn not_pdf(kind: &crate::pdf::Kind) -> Failure {
    Failure::new(Status::NotPdf, kind.to_string())
}
