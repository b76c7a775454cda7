//! What remains of hosts that no link needs: their breakers, in some tens of bytes each, however many there are.
//!
//! A host is known by a hash of its name. The messages of breakers are shared: those of hosts that fail in the same way differ
//! at most in the name of the host.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::breaker::{Breaker, GiveUp};
use crate::digest::fingerprint;

/// Stands for the name of the host in a shared message. Messages are printable, so none contains it.
const NAME: &str = "\0";

/// How many different messages are shared. Beyond that, each host has its own.
const MESSAGES: usize = 1024;

/// Breakers by host, and whether the host has worked.
#[derive(Debug, Default)]
pub(super) struct Remains {
    hosts: HashMap<u64, (Breaker, bool)>,
    messages: HashSet<Arc<str>>,
}

impl Remains {
    /// Keeps the breaker of the host `name`, unless it is like that of a new host.
    pub(super) fn keep(&mut self, name: &str, mut breaker: Breaker, has_worked: bool) {
        if breaker == (Breaker::Closed { failures: 0 }) {
            return;
        }
        if let Breaker::GivenUp(GiveUp { message, .. }) = &mut breaker {
            *message = self.shared(message.replace(bare(name), NAME));
        }
        self.hosts.insert(fingerprint(name), (breaker, has_worked));
    }

    /// The breaker of the host `name` and whether it has worked, if that is known.
    pub(super) fn take(&mut self, name: &str) -> Option<(Breaker, bool)> {
        if self.hosts.is_empty() {
            return None;
        }
        let (mut breaker, has_worked) = self.hosts.remove(&fingerprint(name))?;
        if let Breaker::GivenUp(GiveUp { message, .. }) = &mut breaker {
            *message = message.replace(NAME, bare(name)).into();
        }
        Some((breaker, has_worked))
    }

    fn shared(&mut self, message: String) -> Arc<str> {
        if let Some(known) = self.messages.get(&*message) {
            return Arc::clone(known);
        }
        let message: Arc<str> = message.into();
        if self.messages.len() < MESSAGES {
            self.messages.insert(Arc::clone(&message));
        }
        message
    }
}

/// The name without the port.
fn bare(host: &str) -> &str {
    super::schedule::name_of(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Status;

    #[test]
    fn messages_of_given_up_hosts_are_shared_and_restored() {
        let mut remains = Remains::default();
        let given_up = |name: &str| {
            let message = format!("dns: no address for `{name}`: unknown").into();
            let status = Status::Dns;
            Breaker::GivenUp(GiveUp { message, status })
        };
        for number in 0..100 {
            let name = format!("h{number}.example");
            remains.keep(&format!("{name}:8080"), given_up(&name), false);
        }
        assert_eq!((remains.hosts.len(), remains.messages.len()), (100, 1));
        let rest = remains.take("h7.example:8080");
        assert_eq!(rest, Some((given_up("h7.example"), false)));
        assert_eq!(remains.take("h7.example:8080"), None);
        remains.keep("a.example", Breaker::Closed { failures: 0 }, true);
        assert_eq!(remains.take("a.example"), None);
        assert!(size_of::<(u64, (Breaker, bool))>() <= 56);
    }
}
