//! What messages show at present. A message is updated by the dispatcher and by clicks, so an update must not replace a
//! newer one.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use super::payload::Posted;
use crate::domain::{ApprovalId, Revision};

/// Maximum number of approvals to remember. What is forgotten is sent once more.
const APPROVALS: usize = 4_096;

/// The messages of one channel, by approval. In memory: a restart forgets them.
#[derive(Debug, Default)]
pub(super) struct Boards(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    boards: HashMap<ApprovalId, Arc<AsyncMutex<Board>>>,
    order: VecDeque<ApprovalId>,
}

/// What is known about the messages about one approval. Whoever holds it is the only one that updates them.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// The message that was sent last. A delivery that is repeated, because it could not be recorded, updates it.
    pub(super) message: Option<Posted>,
    /// The revision that it shows. `None` if that is not known.
    pub(super) revision: Option<Revision>,
}

impl Boards {
    /// Waits until nobody else updates the messages about an approval.
    pub(super) async fn lock(&self, approval: ApprovalId) -> OwnedMutexGuard<Board> {
        let board = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let Known { boards, order } = &mut *known;
            let board = boards.entry(approval).or_insert_with(|| {
                order.push_back(approval);
                Arc::default()
            });
            let board = Arc::clone(board);
            // One that is in use goes to the end, so two tasks never hold two boards of one approval.
            for _ in 0..order.len().min(16) {
                if order.len() <= APPROVALS {
                    break;
                }
                let Some(oldest) = order.pop_front() else { break };
                if boards.get(&oldest).is_some_and(|board| Arc::strong_count(board) > 1) {
                    order.push_back(oldest);
                } else {
                    boards.remove(&oldest);
                }
            }
            board
        };
        board.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::id;

    #[tokio::test]
    async fn one_task_at_a_time_updates_a_message() {
        let boards = Boards::default();
        let held = boards.lock(id(0, 1)).await;
        let mut second = std::pin::pin!(boards.lock(id(0, 1)));
        assert!(futures_util::poll!(&mut second).is_pending());
        assert!(futures_util::poll!(std::pin::pin!(boards.lock(id(0, 2)))).is_ready());
        drop(held);
        assert_eq!(second.await.revision, None);
    }

    #[tokio::test]
    async fn the_oldest_that_nobody_holds_is_forgotten() {
        let boards = Boards::default();
        let held = boards.lock(id(0, 0)).await;
        for n in 0..APPROVALS as u64 + 50 {
            boards.lock(id(1, n)).await.revision = Some(n);
        }
        let known = |approval| boards.0.lock().unwrap().boards.contains_key(&approval);
        assert!(known(id(0, 0)) && !known(id(1, 0)) && known(id(1, 4_000)));
        assert_eq!(boards.0.lock().unwrap().boards.len(), APPROVALS);
        drop(held);
    }
}
