//! Asking for approval.

use std::sync::Arc;

use super::{Approvals, Error, Follower, disconnect_tracker::Attached, unknown};
use crate::{
    domain::{Actor, Approval, ApprovalId, Digest, NewRequest, Permission, Repetition, Request, Revision, Time},
    identity::{Method, Principal},
    policy::Call,
    store::{Submission, Submitted, Subscription},
};

impl Approvals {
    /// Asks for approval, and follows it. `after` is the newest revision that the caller has seen. A caller that is to
    /// be watched for disconnecting is so from this call on, whenever the future is first polled.
    ///
    /// # Errors
    /// Refusals of the domain, [`Error::RevisionOutOfRange`], [`Error::Draining`], or a failure of the store.
    pub fn request(
        self: Arc<Self>,
        principal: Arc<Principal>,
        new: NewRequest,
        after: Revision,
    ) -> impl Future<Output = Result<Follower, Error>> + Send {
        // One reading for both: lists by time look for an approval among the ids of the time of its creation.
        let now = self.clock.now();
        let id = self.ids.approval(now);
        let made = || new.cancel_on_disconnect.then(|| id.to_string());
        let request_id = new.request_id.clone().or_else(made);
        let attached = request_id.filter(|_| principal.may(Method::RequestApproval));
        let attached = attached.map(|request_id| Attached::new(&self, &principal, request_id));
        self.open(principal, (id, now), new, after, attached)
    }

    /// Follows the request that a call repeats, for a call that could not be a new request: only what a repetition must
    /// say again is looked at. `None` when it repeats none that is on record.
    ///
    /// # Errors
    /// As for [`request`](Self::request).
    pub async fn repeat(
        self: Arc<Self>,
        principal: Arc<Principal>,
        again: Repetition,
        after: Revision,
    ) -> Result<Option<Follower>, Error> {
        principal.require_role(Method::RequestApproval)?;
        if self.draining.is_cancelled() {
            return Err(Error::Draining);
        }
        let attached = Attached::new(&self, &principal, again.request_id.clone());
        let first = match self.first(&principal, &again).await {
            Ok(Some(first)) => first,
            other => {
                attached.keep();
                return other.map(|_| None);
            }
        };
        let (subscription, attached) = (self.store.subscribe(first.id), attached.to(&first));
        // Read again by the stream, now that nothing can happen unseen.
        let first = self.store.get(first.id).await.map_err(|error| unknown(first.id, error))?;
        self.follow((principal, first), after, subscription, attached).map(Some)
    }

    /// The approval that a call asked for when it was made first.
    async fn first(&self, principal: &Principal, again: &Repetition) -> Result<Option<Arc<Approval>>, Error> {
        // Who may not ask for somebody did not do so before.
        let Ok(on_behalf_of) = on_behalf_of(principal, again.on_behalf_of.clone()) else { return Ok(None) };
        let found = self.store.find(&principal.actor, &again.request_id, self.clock.now()).await?;
        let Some(id) = found else { return Ok(None) };
        let approval = self.store.get(id).await.map_err(|error| unknown(id, error))?;
        Ok(approval.request.is_repeated_by(again, on_behalf_of.as_ref()).then_some(approval))
    }

    /// Follows what was found or recorded.
    fn follow(
        self: Arc<Self>,
        (principal, approval): (Arc<Principal>, Arc<Approval>),
        after: Revision,
        subscription: Subscription,
        attached: Option<Attached>,
    ) -> Result<Follower, Error> {
        let by = (principal, Method::RequestApproval);
        match (Follower::new(self, by, approval, after, subscription), attached) {
            (Ok(follower), Some(attached)) => Ok(follower.attach(attached)),
            (follower, attached) => {
                attached.into_iter().for_each(Attached::keep); // the server refuses the stream; the caller has not left
                follower
            }
        }
    }

    async fn open(
        self: Arc<Self>,
        principal: Arc<Principal>,
        (id, now): (ApprovalId, Time),
        new: NewRequest,
        after: Revision,
        attached: Option<Attached>,
    ) -> Result<Follower, Error> {
        principal.require_role(Method::RequestApproval)?;
        if self.draining.is_cancelled() {
            return Err(Error::Draining);
        }
        if after > 0 {
            self.resumable(&principal, new.request_id.as_deref(), now).await?;
        }
        // Subscribed before it is there: nothing can happen unseen, and nothing needs to be read.
        let subscription = self.store.subscribe(id);
        let clings = new.cancel_on_disconnect;
        let (approvals, by) = (Arc::clone(&self), Arc::clone(&principal));
        let recording = async move {
            match approvals.submit(&by, id, now, new).await {
                Ok(submitted) => {
                    let attached = attached.and_then(|attached| attached.to(&submitted.approval));
                    Ok((submitted, attached))
                }
                Err(error) => {
                    attached.into_iter().for_each(Attached::keep); // what has this request_id is another request
                    Err(error)
                }
            }
        };
        // The caller may leave while a request that is to be withdrawn then is on its way to the disk: a task of its
        // own sees to the rest.
        let (submitted, attached) = if clings {
            tokio::spawn(recording).await.map_err(|error| Error::Internal(error.to_string()))??
        } else {
            recording.await?
        };
        self.follow((principal, submitted.approval), after, subscription, attached)
    }

    /// A caller that has seen revisions wants to go on, not to ask anew.
    async fn resumable(&self, principal: &Principal, request_id: Option<&str>, now: Time) -> Result<(), Error> {
        let known = match request_id {
            Some(request_id) => self.store.find(&principal.actor, request_id, now).await?,
            None => None,
        };
        known.map(|_| ()).ok_or(Error::NothingToResume)
    }

    /// Records a request, or finds the one made before under the same `request_id`.
    async fn submit(
        &self,
        principal: &Principal,
        id: ApprovalId,
        now: Time,
        new: NewRequest,
    ) -> Result<Submitted, Error> {
        let call = Call {
            tool_name: &new.tool_name,
            arguments: &new.arguments,
            agent: &new.agent,
            labels: &new.labels,
            caller: &principal.actor,
            now,
        };
        let on_behalf_of = self::on_behalf_of(principal, new.on_behalf_of)?;
        let verdict = self.verdict(&principal.actor, call).await?;
        principal.ensure_not_revoked()?;
        let request = Request {
            request_id: new.request_id.unwrap_or_else(|| id.to_string()),
            caller: principal.actor.clone(),
            on_behalf_of,
            digest: Digest::of(&new.tool_name, &new.arguments),
            tool_name: new.tool_name,
            agent: new.agent,
            reason: new.reason,
            labels: new.labels,
            timeout: new.timeout,
            cancel_on_disconnect: new.cancel_on_disconnect,
            schema: new.schema,
        };
        let submission = Submission {
            id,
            request: Arc::new(request),
            arguments: new.arguments,
            verdict: Arc::new(verdict),
            now,
            pending_limit: self.settings.pending_per_caller,
        };
        Ok(self.store.submit(submission).await?)
    }
}

/// For whom a caller asks: whom its credentials name, or whom it may say.
fn on_behalf_of(principal: &Principal, asserted: Option<Actor>) -> Result<Option<Actor>, Error> {
    let bound = principal.on_behalf_of.as_ref();
    match asserted {
        None => Ok(bound.cloned()),
        Some(person) => {
            if bound.is_none_or(|bound| !bound.is(&person)) {
                principal.require_permission(Permission::AskForOthers)?;
            }
            Ok(Some(person))
        }
    }
}
