use std::{collections::BTreeSet, sync::Arc};

use tonic::{Request, Response, Status};

use super::{auth::principal, error::Failure};
use crate::{
    domain::limits::RequestLimits,
    policies::{FileFault, Policies},
    proto::v1::{self as pb, policy_service_server::PolicyService},
    wire::{decode, encode, page_token},
};

type Reply<T> = Result<Response<T>, Status>;

/// `signoff.v1.PolicyService`.
pub struct PolicyApi {
    policies: Arc<Policies>,
    limits: RequestLimits,
}

impl PolicyApi {
    /// Serves the use-cases to authenticated callers.
    #[must_use]
    pub const fn new(policies: Arc<Policies>, limits: RequestLimits) -> Self {
        Self { policies, limits }
    }
}

#[tonic::async_trait]
impl PolicyService for PolicyApi {
    async fn get_policy(&self, request: Request<pb::GetPolicyRequest>) -> Reply<pb::GetPolicyResponse> {
        let principal = principal(&request)?;
        let view = self.policies.get(&principal, request.into_inner().version).await.map_err(Failure::from)?;
        let version = Some(encode::policy_version(view.version, view.head.as_ref(), &view.document));
        let fault = |fault: Option<FileFault>| fault.map(|fault| (fault.error, fault.at));
        let file = self.policies.file().map(|(path, found)| encode::policy_file(path, fault(found)));
        Ok(Response::new(pb::GetPolicyResponse { version, file }))
    }

    async fn list_policy_versions(
        &self,
        request: Request<pb::ListPolicyVersionsRequest>,
    ) -> Reply<pb::ListPolicyVersionsResponse> {
        let principal = principal(&request)?;
        let decode::VersionsPage { before, limit } = decode::policy_versions(&request.into_inner(), &self.limits)?;
        let (heads, more) = self.policies.list(&principal, before, limit).await.map_err(Failure::from)?;
        let last = heads.last().filter(|_| more).map(|last| page_token::encode_version(last.version));
        Ok(Response::new(pb::ListPolicyVersionsResponse {
            versions: heads.iter().map(encode::policy_head).collect(),
            next_page_token: last.unwrap_or_default(),
        }))
    }

    async fn set_policy(&self, request: Request<pb::SetPolicyRequest>) -> Reply<pb::SetPolicyResponse> {
        let principal = principal(&request)?;
        let (request, limits) = (request.into_inner(), self.limits.clone());
        // Compiling thousands of conditions is slow.
        let decoded =
            self.policies.blocking_pool().run(&principal.actor, move || decode::policy_change(request, &limits)).await;
        let change = decoded.map_err(Failure::from)??;
        let policy = Arc::clone(&change.policy);
        let head = self.policies.set(&principal, change).await.map_err(Failure::from)?;
        let warnings = encode::policy_warnings(self.policies.warnings(&principal.actor, policy, BTreeSet::new()).await);
        Ok(Response::new(pb::SetPolicyResponse { version: Some(encode::policy_head(&head)), warnings }))
    }

    async fn test_policy(&self, request: Request<pb::TestPolicyRequest>) -> Reply<pb::TestPolicyResponse> {
        let principal = principal(&request)?;
        let (request, limits) = (request.into_inner(), self.limits.clone());
        let decoded =
            self.policies.blocking_pool().run(&principal.actor, move || decode::policy_test(request, &limits)).await;
        let decode::PolicyTest { tried, cases } = decoded.map_err(Failure::from)??;
        let calls = |now| cases.iter().map(|case| case.call(now)).collect();
        let (policy, verdicts) = self.policies.test(&principal, tried, calls).await.map_err(Failure::from)?;
        let judged = || cases.iter().zip(&verdicts);
        let tools = judged().filter(|(case, verdict)| case.is_surprised_by(verdict));
        let tools = tools.map(|(case, _)| case.tool_name.clone()).collect();
        let display = policy.display(verdicts.first().map_or("", |verdict| &verdict.policy_version));
        let warnings = encode::policy_warnings(self.policies.warnings(&principal.actor, policy, tools).await);
        let results = judged().map(|(case, verdict)| encode::test_result(case, verdict, &display)).collect();
        Ok(Response::new(pb::TestPolicyResponse { results, warnings }))
    }
}
