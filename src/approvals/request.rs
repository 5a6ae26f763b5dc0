//! Requests for approval.

use std::sync::Arc;

use super::{Approvals, Error, Follower, call, disconnect_tracker::Attached, unknown};
use crate::{
    domain::{
        Actor, Approval, ApprovalId, Arguments, Digest, NewRequest, Permission, Repetition, Request, Revision, Time,
    },
    identity::{Method, Principal},
    store::{Store, Submission, Submitted, Subscription},
};

impl Approvals {
    /// Requests approval, and follows it. `after` is the newest revision that the caller has seen. Tracking of
    /// disconnects starts with this call, not when the future is first polled.
    ///
    /// # Errors
    /// Refusals of the domain, [`Error::RevisionOutOfRange`], [`Error::Draining`], or a failure of the store.
    pub fn request(
        self: Arc<Self>,
        principal: Arc<Principal>,
        new: NewRequest,
        after: Revision,
    ) -> impl Future<Output = Result<Follower, Error>> + Send {
        // One clock reading for both: lists by time look for an approval by the time in its id.
        let now = self.clock.now();
        let id = self.ids.approval(now);
        let made = || new.cancel_on_disconnect.then(|| id.to_string());
        let request_id = new.request_id.clone().or_else(made);
        let attached = request_id.filter(|_| principal.may(Method::RequestApproval));
        let attached = attached.map(|request_id| Attached::new(&self, &principal, request_id));
        self.open(principal, (id, now), new, after, attached)
    }

    /// Follows the request that a call repeats. For calls that are invalid as new requests: checks only the fields that
    /// a repetition must repeat. `None` if there is no such request.
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
        // Read again after subscribing, so that no change is missed.
        let first = self.store.get(first.id).await.map_err(|error| unknown(first.id, error))?;
        self.follow((principal, first), after, subscription, attached).map(Some)
    }

    /// The approval of the first request that a call repeats.
    async fn first(&self, principal: &Principal, again: &Repetition) -> Result<Option<Arc<Approval>>, Error> {
        // A caller that may not ask for this person did not do so before.
        let Ok(on_behalf_of) = on_behalf_of(principal, again.on_behalf_of.clone()) else { return Ok(None) };
        let found = self.store.find(&principal.actor, &again.request_id, self.clock.now()).await?;
        let Some(id) = found else { return Ok(None) };
        let approval = self.store.get(id).await.map_err(|error| unknown(id, error))?;
        Ok(approval.request.is_repeated_by(again, on_behalf_of.as_ref()).then_some(approval))
    }

    /// Follows a found or recorded approval.
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
                attached.into_iter().for_each(Attached::keep); // the caller is still connected
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
        // Subscribe before it exists: then no change can be missed, and nothing needs to be read.
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
                    attached.into_iter().for_each(Attached::keep); // this request_id belongs to a different request
                    Err(error)
                }
            }
        };
        // The caller may disconnect while the store is writing a request that must then be cancelled. So this runs in
        // its own task.
        let (submitted, attached) = if clings {
            tokio::spawn(recording).await.map_err(|error| Error::Internal(error.to_string()))??
        } else {
            recording.await?
        };
        self.follow((principal, submitted.approval), after, subscription, attached)
    }

    /// A caller with a resume point wants to resume, not to make a new request.
    async fn resumable(&self, principal: &Principal, request_id: Option<&str>, now: Time) -> Result<(), Error> {
        let known = match request_id {
            Some(request_id) => self.store.find(&principal.actor, request_id, now).await?,
            None => None,
        };
        known.map(|_| ()).ok_or(Error::NothingToResume)
    }

    /// Records a request, or finds the earlier one with the same `request_id`.
    async fn submit(
        &self,
        principal: &Principal,
        id: ApprovalId,
        now: Time,
        new: NewRequest,
    ) -> Result<Submitted, Error> {
        let on_behalf_of = self::on_behalf_of(principal, new.on_behalf_of)?;
        let arguments = new.arguments;
        let request = Arc::new(Request {
            request_id: new.request_id.unwrap_or_else(|| id.to_string()),
            caller: principal.actor.clone(),
            on_behalf_of,
            digest: Digest::of(&new.tool_name, &arguments),
            tool_name: new.tool_name,
            agent: new.agent,
            reason: new.reason,
            labels: new.labels,
            timeout: new.timeout,
            cancel_on_disconnect: new.cancel_on_disconnect,
            schema: new.schema,
        });
        self.control
            .guard(principal, |store| {
                self.submit_in(store, principal, (id, now), Arc::clone(&request), arguments.clone())
            })
            .await
    }

    /// Judges a request, and records it, in the store of a guard.
    async fn submit_in(
        &self,
        store: Arc<dyn Store>,
        principal: &Principal,
        (id, now): (ApprovalId, Time),
        request: Arc<Request>,
        arguments: Arguments,
    ) -> Result<Submitted, Error> {
        let verdict = Arc::new(self.verdict(&request.caller, call(&request, &arguments, now)).await?);
        principal.ensure_not_revoked()?; // the evaluation may have taken long
        let pending_limit = self.settings.pending_per_caller;
        Ok(store.submit(Submission { id, request, arguments, verdict, now, pending_limit }).await?)
    }
}

/// The person on whose behalf a caller asks: named by its credentials, or by the caller if permitted.
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
