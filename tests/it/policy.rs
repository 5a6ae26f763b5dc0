//! The policy, over the wire and from files.

mod commands;
mod docs;
mod example;
mod reload;
mod versions;
mod warnings;
mod writing;

use std::{fs, path::Path};

use signoff::proto::v1::{
    self as pb, GetPolicyRequest, GetPolicyResponse, Policy, PolicyRule, PolicyVersion, SetPolicyRequest,
    policy_rule::Effect,
};
use tonic::Status;

use crate::server::{PolicyClient, Server, soon};

/// A rule for tools.
fn rule(name: &str, tool: &str, when: &str, effect: Effect) -> PolicyRule {
    PolicyRule {
        name: name.into(),
        tools: vec![tool.into()],
        when: when.into(),
        effect: Some(effect),
        ..PolicyRule::default()
    }
}

fn approve() -> Effect {
    Effect::AutoApprove(pb::AutoApprove {})
}

fn reject(message: &str) -> Effect {
    Effect::AutoReject(pb::AutoReject { message: message.into() })
}

/// A policy with these rules, which requires approval for all other calls.
fn policy(rules: Vec<PolicyRule>) -> Policy {
    Policy { rules, ..Policy::default() }
}

async fn set(client: &mut PolicyClient, request: SetPolicyRequest) -> Result<PolicyVersion, Status> {
    let answer = soon("SetPolicy answers", client.set_policy(request)).await?.into_inner();
    Ok(answer.version.expect("the version"))
}

async fn live(client: &mut PolicyClient) -> GetPolicyResponse {
    soon("GetPolicy answers", client.get_policy(GetPolicyRequest::default())).await.unwrap().into_inner()
}

fn operator(server: &Server) -> PolicyClient {
    server.policies(&server.tokens().operator)
}

/// Replaces a file as an operator should: by renaming a complete one over it.
fn replace(file: &Path, text: &str) {
    let new = file.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(&new, file).unwrap();
}
