//! Decisions of reviewers, including edits.

use std::sync::Arc;

use super::{Approvals, Error, call, unknown};
use crate::{
    domain::{
        Actor, Approval, Arguments, Assurance, Command, Deciding, Edit, NewDecision, Provenance, Schemas, Surface,
        Time, check_opened,
    },
    identity::{AccessDenied, Method, Principal},
    store::Store,
};

impl Approvals {
    /// Records a reviewer's decision. Edited arguments are checked, and evaluated by the policy.
    ///
    /// # Errors
    /// Refusals of the domain, [`Error::EditViolatesSchema`], [`Error::Opened`], or a failure of the store.
    pub async fn decide(&self, principal: &Principal, new: NewDecision) -> Result<Approval, Error> {
        principal.require_role(Method::Decide)?;
        let (actor, groups, via) = match new.on_behalf_of {
            None => (principal.actor.clone(), principal.groups.clone(), None),
            Some((person, groups)) => {
                principal.require_decides_for(&person, &groups)?;
                (person, groups, Some(principal.actor.clone()))
            }
        };
        let provenance = Some(provenance(principal, via.as_ref(), new.surface, new.opened)?);
        let approval = self.store.get(new.id).await.map_err(|error| unknown(new.id, error))?;
        // A person does not see more because another caller submits their decision.
        let decider = Principal { actor: actor.clone(), groups: groups.clone(), ..principal.clone() };
        // A repetition is answered even if the first call changed the approval.
        let repeated = new.request_id.as_ref().is_some_and(|key| {
            approval.receipts.iter().any(|known| known.receipt.request_id == *key && known.actor.is(&actor))
        });
        if !repeated && !decider.reaches(Method::Decide, &approval) && !decider.reaches(Method::GetApproval, &approval)
        {
            return Err(Error::NotFound(new.id));
        }
        let edited = new.edit;
        let deciding = Deciding {
            actor,
            groups,
            via,
            needs_others: principal.needs_others(),
            request_id: new.request_id,
            choice: new.choice,
            seen: new.seen,
            comment: new.comment,
            edit: None,
            provenance,
        };
        self.control
            .guard(principal, |store| self.decide_in(store, principal, &approval, edited.clone(), deciding.clone()))
            .await
    }

    /// Judges an edit, and records the decision, in the store of a guard.
    async fn decide_in(
        &self,
        store: Arc<dyn Store>,
        principal: &Principal,
        approval: &Approval,
        edited: Option<Arguments>,
        deciding: Deciding,
    ) -> Result<Approval, Error> {
        let edit = match edited {
            Some(arguments) => {
                let now = self.clock.now();
                Some(self.judge_edit(&principal.actor, approval, arguments, now).await?)
            }
            None => None,
        };
        // Read the clock after the evaluation of the edit, which may have waited for its turn: after the deadline
        // nothing can be approved.
        let now = self.clock.now();
        principal.ensure_not_revoked()?; // the evaluation may have taken long
        if deciding.via.is_some() && principal.revocation.blocks(&deciding.actor) {
            return Err(AccessDenied::SubjectBlocked(deciding.actor).into());
        }
        self.run(store, principal, approval.id, Command::Decide(Deciding { edit, ..deciding }), now).await
    }

    async fn judge_edit(
        &self,
        by: &Actor,
        approval: &Approval,
        arguments: Arguments,
        now: Time,
    ) -> Result<Edit, Error> {
        let request = &approval.request;
        if let Some(schema) = &request.schema {
            let (schemas, schema, arguments) = (Arc::clone(&self.schemas), Arc::clone(schema), arguments.clone());
            self.blocking_pool.run(by, move || follow_schema(&schemas, &schema, &arguments)).await??;
        }
        let verdict = Arc::new(self.verdict(by, call(request, &arguments, now)).await?);
        Ok(Edit { arguments, verdict })
    }
}

/// How a call reached the server. The assurance is that of the caller's credentials. If the caller only submits the
/// decision of a person, that person has shown no credentials.
pub(super) fn provenance(
    principal: &Principal,
    via: Option<&Actor>,
    surface: Surface,
    opened: Vec<String>,
) -> Result<Provenance, Error> {
    check_opened(&opened)?;
    let assurance = if via.is_some() { Assurance::Chat } else { principal.method.assurance() };
    Ok(Provenance { surface, assurance, opened })
}

/// Checks edited arguments against the schema of the request.
fn follow_schema(schemas: &Schemas, schema: &str, arguments: &Arguments) -> Result<(), Error> {
    let unreadable = |error| Error::Internal(format!("the request's schema: {error}"));
    let schema = schemas.compile(schema).map_err(unreadable)?;
    schema.check(&arguments.to_object()).map_err(Error::EditViolatesSchema)
}
