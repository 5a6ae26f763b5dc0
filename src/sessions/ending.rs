//! Ending sessions: one's own, and other people's as an operator.

use std::sync::Arc;

use super::{BATCH, Error, Sessions, detached};
use crate::{
    domain::{Actor, Ended, Session, SessionId, SessionScope, SessionState, SubjectName, Time, truncate},
    identity::{Method, NewerCredentials as _, Principal},
    store::Store,
};

impl Sessions {
    /// Ends a session: an own one (sign out), or as an operator. After this returns, its cookie is rejected, and its
    /// open streams end. A session that has ended stays as it is.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for another person's session, or a failure of the store.
    pub async fn end(self: &Arc<Self>, by: &Principal, id: SessionId) -> Result<(), Error> {
        self.end_sessions(by, SessionScope::One(id), None).await.map(drop)
    }

    /// Ends all sessions of a person: one's own (sign out everywhere), or as an operator; or, without a person,
    /// everybody's. Returns their number.
    ///
    /// # Errors
    /// [`Error::Access`], or a failure of the store.
    pub async fn end_all(self: &Arc<Self>, by: &Principal, whose: Option<&Actor>) -> Result<usize, Error> {
        let whose = whose.map_or(SessionScope::All, |actor| SessionScope::Person(actor.into()));
        self.end_sessions(by, whose, None).await
    }

    /// Ends sessions, as [`end`](Self::end) and [`end_all`](Self::end_all). Returns how many it ended. A repetition, by
    /// operator and `request_id`, returns the same, and ends no session that was started since.
    ///
    /// # Errors
    /// [`Error::Access`], [`Error::NotFound`], [`Error::RequestIdReused`], or a failure of the store.
    pub async fn end_sessions(
        self: &Arc<Self>,
        by: &Principal,
        whose: SessionScope,
        request_id: Option<String>,
    ) -> Result<usize, Error> {
        match &whose {
            _ if by.may(Method::EndSessions) => {}
            SessionScope::One(id) if self.registry.get(*id).is_some_and(|session| session.actor.is(&by.actor)) => {}
            SessionScope::One(id) => return Err(Error::NotFound(*id)),
            SessionScope::Person(person) if person.is(&SubjectName::from(&by.actor)) => {}
            SessionScope::Person(_) | SessionScope::All => by.require_role(Method::EndSessions)?,
        }
        let (this, principal) = (Arc::clone(self), by.clone());
        detached(async move {
            this.control.caught_up().await; // sessions that another server has started just before
            let _changing = this.changing.lock().await;
            let end = Ended { actor: principal.actor.clone(), at: truncate(this.clock.wall()), request_id };
            this.control.guard(&principal, |store| this.end_covered(store, &whose, &end)).await
        })
        .await
    }

    async fn end_covered(&self, store: Arc<dyn Store>, whose: &SessionScope, end: &Ended) -> Result<usize, Error> {
        if let Some(key) = &end.request_id {
            let before = self.ended_under(&end.actor, key, end.at);
            if let Some(other) = before.iter().find(|session| !whose.covers(session)) {
                return Err(Error::RequestIdReused { request_id: key.clone(), id: other.id });
            }
            if !before.is_empty() {
                return Ok(before.len());
            }
        }
        if let SessionScope::One(id) = *whose
            && self.registry.get(id).is_none()
        {
            return Err(Error::NotFound(id));
        }
        self.end_active(&*store, whose, end).await
    }

    /// Ends the active sessions that `whose` covers.
    async fn end_active(&self, store: &dyn Store, whose: &SessionScope, end: &Ended) -> Result<usize, Error> {
        let active = |session: &Session, state| state == SessionState::Active && whose.covers(session);
        let found = self.registry.before(None, end.at, usize::MAX, active);
        let ended = found.into_iter().map(|(session, _)| Session { ended: Some(end.clone()), ..session });
        let ended: Vec<_> = ended.collect();
        for ended in ended.chunks(BATCH) {
            self.save(store, ended.to_vec()).await?;
        }
        if !ended.is_empty() {
            let (whose, count, by) = (whose.to_string(), ended.len(), end.actor.to_string());
            tracing::info!(whose = whose.as_str(), count, by = by.as_str(), "ended sessions");
        }
        Ok(ended.len())
    }

    /// The sessions that somebody ended with this `request_id`.
    fn ended_under(&self, by: &Actor, request_id: &str, now: Time) -> Vec<Session> {
        let under = |session: &Session, _| {
            let ended = session.ended.as_ref();
            ended.is_some_and(|end| end.request_id.as_deref() == Some(request_id) && end.actor.is(by))
        };
        self.registry.before(None, now, usize::MAX, under).into_iter().map(|(session, _)| session).collect()
    }
}
