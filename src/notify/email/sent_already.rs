//! Recipients that have a message whose delivery is repeated for others.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Mutex, PoisonError},
};

/// Maximum number of messages that are remembered. Older ones are forgotten: their recipients may get them twice.
const MESSAGES: usize = 256;

/// In memory only: after a restart, a recipient may get a message twice. It then has the same Message-ID, by which most
/// mail systems drop the second one.
#[derive(Debug, Default)]
pub(super) struct SentAlready(Mutex<VecDeque<(String, BTreeSet<String>)>>);

impl SentAlready {
    pub(super) fn contains(&self, message: &str, address: &str) -> bool {
        self.with(|all| all.iter().any(|(id, addresses)| id == message && addresses.contains(address)))
    }

    pub(super) fn insert(&self, message: &str, address: String) {
        self.with(|all| {
            if let Some((_, addresses)) = all.iter_mut().find(|(id, _)| id == message) {
                addresses.insert(address);
                return;
            }
            if all.len() == MESSAGES {
                all.pop_front();
            }
            all.push_back((message.to_owned(), [address].into()));
        });
    }

    pub(super) fn forget(&self, message: &str) {
        self.with(|all| all.retain(|(id, _)| id != message));
    }

    fn with<T>(&self, change: impl FnOnce(&mut VecDeque<(String, BTreeSet<String>)>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_are_remembered_until_all_have_the_message() {
        let sent = SentAlready::default();
        sent.insert("m", "a".into());
        sent.insert("m", "b".into());
        assert!(sent.contains("m", "a") && sent.contains("m", "b"));
        assert!(!sent.contains("m", "c") && !sent.contains("n", "a"));
        sent.forget("m");
        assert!(!sent.contains("m", "a"));
    }

    #[test]
    fn the_oldest_messages_are_forgotten() {
        let sent = SentAlready::default();
        (0..=MESSAGES).for_each(|n| sent.insert(&n.to_string(), "a".into()));
        assert!(!sent.contains("0", "a") && sent.contains("1", "a") && sent.contains(&MESSAGES.to_string(), "a"));
    }
}
