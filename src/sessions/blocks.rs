//! Blocking and unblocking subjects.

use std::sync::Arc;

use super::{Error, Sessions, detached};
use crate::{
    domain::{Block, Ended, NewBlock, NewUnblock, Session, SessionScope, SubjectName, truncate},
    identity::{Method, NewerCredentials as _, Principal},
    store::Store,
};

impl Sessions {
    /// Blocks a subject. Once this returns, the server rejects all of its credentials; its sessions have ended, and so
    /// have its open streams. A subject that is blocked already stays blocked by its first block.
    ///
    /// # Errors
    /// [`Error::Access`], [`Error::OwnSubject`], or an error of the store.
    pub async fn block(
        self: &Arc<Self>,
        by: &Principal,
        subject: SubjectName,
        reason: String,
        request_id: Option<String>,
    ) -> Result<Block, Error> {
        by.require_role(Method::BlockSubject)?;
        if SubjectName::from(&by.actor).is(&subject) {
            return Err(Error::OwnSubject);
        }
        let (this, principal) = (Arc::clone(self), by.clone());
        // In its own task: a block that is recorded must take effect, even if the caller leaves.
        detached(async move {
            let _changing = this.changing.lock().await;
            let (now, actor) = (this.clock.now(), principal.actor.clone());
            let id = this.ids.block(now);
            let new = NewBlock { id, subject, reason, actor, request_id, now };
            let block = |store: Arc<dyn Store>| {
                let new = new.clone();
                async move { Ok::<_, Error>(store.block(new).await?) }
            };
            let block = this.control.guard(&principal, block).await?;
            this.tokens.blocked().add(&block.subject);
            if block.id == id {
                let (subject, by) = (block.subject.to_string(), block.actor.to_string());
                tracing::info!(block = %id, subject = subject.as_str(), by = by.as_str(), "blocked a subject");
            }
            this.control.caught_up().await; // sessions that another server has started just before the block
            this.end_blocked(&block).await?;
            Ok(block)
        })
        .await
    }

    /// Unblocks a subject. Its credentials are valid again; its sessions stay ended.
    ///
    /// # Errors
    /// [`Error::Access`], or an error of the store.
    pub async fn unblock(
        self: &Arc<Self>,
        by: &Principal,
        subject: SubjectName,
        request_id: Option<String>,
    ) -> Result<Block, Error> {
        by.require_role(Method::UnblockSubject)?;
        let (this, principal) = (Arc::clone(self), by.clone());
        detached(async move {
            let _changing = this.changing.lock().await;
            let (now, actor) = (this.clock.now(), principal.actor.clone());
            let by = actor.to_string();
            let new = NewUnblock { subject, actor, request_id, now };
            let unblock = |store: Arc<dyn Store>| {
                let new = new.clone();
                async move { Ok::<_, Error>(store.unblock(new).await?) }
            };
            let block = this.control.guard(&principal, unblock).await?;
            this.tokens.blocked().remove(&block.subject);
            // Do not log a repeated call again.
            if block.unblocked.as_ref().is_some_and(|ended| ended.at >= now) {
                let (subject, blocked_by) = (block.subject.to_string(), block.actor.to_string());
                let (subject, by, blocked_by) = (subject.as_str(), by.as_str(), blocked_by.as_str());
                tracing::info!(block = %block.id, subject, by, blocked_by, "unblocked a subject");
            }
            Ok(block)
        })
        .await
    }

    /// The active blocks, oldest first.
    ///
    /// # Errors
    /// [`Error::Access`], or a failure of the store.
    pub async fn blocks(&self, by: &Principal) -> Result<Vec<Block>, Error> {
        by.require_role(Method::ListBlockedSubjects)?;
        let mut blocks = self.control.store().blocks().await?;
        blocks.retain(Block::stands);
        blocks.sort_by_key(|block| (block.at, block.id));
        Ok(blocks)
    }

    /// Ends the sessions of a blocked subject. They are not recognised any more; this keeps them from coming back with
    /// the end of the block.
    async fn end_blocked(&self, block: &Block) -> Result<(), Error> {
        let whose = SessionScope::Person(block.subject.clone());
        let end = Ended { actor: block.actor.clone(), at: truncate(self.clock.wall()), request_id: None };
        let left = self
            .registry
            .before(None, end.at, usize::MAX, |session, _| session.ended.is_none() && whose.covers(session));
        for (session, _) in left {
            // The block is on record, so this needs no other right.
            self.save(&**self.control.store(), vec![Session { ended: Some(end.clone()), ..session }]).await?;
        }
        Ok(())
    }
}
