//! Bridges: tokens that pass on decisions of others, within their scope, and never alone.

use std::path::Path;

use signoff::proto::v1::{
    ActorKind, Approval, ApprovalStatus, CreateTokenRequest, DecideRequest, DecidesFor, GetCallerRequest, MinAssurance,
    Permission, Person, RequestApprovalRequest, Role, VoteChoice,
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{make, owner, violated};
use crate::{
    calls::{ask, decide, open, reason},
    server::{Client, Server, signoff},
};

const QUORUM: &str = r#"
rules:
  - name: two
    tools: [send_email]
    require_approval: { reviewers: ["group:finance"], quorum: 2, min_assurance: CHAT }
  - name: at-the-desk
    tools: [read_mail]
    require_approval: {}
unlisted_tools: { require_approval: { min_assurance: CHAT } }
"#;

fn bridge(permissions: &[Permission]) -> CreateTokenRequest {
    CreateTokenRequest {
        permissions: permissions.iter().map(|permission| (*permission).into()).collect(),
        decides_for: Some(DecidesFor { issuers: vec!["https://idp".into()], groups: vec!["finance".into()] }),
        ..owner("chat", ActorKind::Service, &[Role::Reviewer])
    }
}

/// A decision of a person of an issuer, with groups, sent by a bridge.
fn brought(approval: &Approval, issuer: &str, subject: &str, groups: &[&str]) -> DecideRequest {
    let groups = groups.iter().map(ToString::to_string).collect();
    let person = Person { issuer: issuer.into(), subject: subject.into(), groups };
    DecideRequest { on_behalf_of: Some(person), ..decide(approval, "", VoteChoice::Approve) }
}

async fn status_of(client: &mut Client, request: DecideRequest) -> ApprovalStatus {
    client.decide(request).await.unwrap().into_inner().approval.unwrap().status()
}

/// The missing permission in a PERMISSION_REQUIRED error.
fn lacks(status: &Status) -> Vec<(String, String)> {
    assert_eq!((status.code(), reason(status).as_str()), (Code::PermissionDenied, "PERMISSION_REQUIRED"), "{status:?}");
    let mut metadata: Vec<_> = status.get_details_error_info().unwrap().metadata.into_iter().collect();
    metadata.retain(|(key, _)| key != "approval_id");
    metadata.sort();
    metadata
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

async fn taking_votes_from_chat(data: &Path) -> Server {
    let policy = data.join("policy.yaml");
    std::fs::write(&policy, QUORUM).unwrap();
    Server::start(&data.join("store"), &[&format!("policy={}", policy.display())]).await
}

#[tokio::test]
async fn a_bridge_approves_only_where_the_policy_takes_votes_from_chat() {
    let data = tempfile::tempdir().unwrap();
    let server = taking_votes_from_chat(data.path()).await;
    let mut access = server.access(&server.tokens().operator);
    let free = make(&mut access, bridge(&[Permission::DecideForOthers, Permission::DecideAlone])).await;
    let mut chat = server.client(&free.secret);
    let other = |id: &str, tool: &str| RequestApprovalRequest { tool_name: tool.into(), ..ask(id) };
    let (_stream, approval) = open(&mut server.agent(), other("one", "other")).await.unwrap();
    assert_eq!(approval.min_assurance(), MinAssurance::Chat);
    let ann = |approval: &Approval| brought(approval, "https://idp", "ann", &[]);
    assert_eq!(status_of(&mut chat, ann(&approval)).await, ApprovalStatus::Approved);

    let (_stream, approval) = open(&mut server.agent(), other("two", "read_mail")).await.unwrap();
    assert_eq!(approval.min_assurance(), MinAssurance::Credentials);
    let status = chat.decide(ann(&approval)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "ASSURANCE_TOO_LOW"), "{status:?}");
    let metadata = status.get_details_error_info().unwrap().metadata;
    assert_eq!((metadata["assurance"].as_str(), metadata["min_assurance"].as_str()), ("CHAT", "CREDENTIALS"));
    let edited = DecideRequest { edited_arguments: Some(prost_types::Struct::default()), ..ann(&approval) };
    assert_eq!(reason(&chat.decide(edited).await.unwrap_err()), "ASSURANCE_TOO_LOW", "nor edits");
    let rejection = DecideRequest { choice: VoteChoice::Reject.into(), ..ann(&approval) };
    assert_eq!(status_of(&mut chat, rejection).await, ApprovalStatus::Rejected);
}

#[tokio::test]
async fn a_stolen_bridge_reaches_no_quorum() {
    let data = tempfile::tempdir().unwrap();
    let server = taking_votes_from_chat(data.path()).await;
    let mut access = server.access(&server.tokens().operator);
    let secret = make(&mut access, bridge(&[Permission::DecideForOthers])).await.secret;
    let mut chat = server.client(&secret);
    let caller = server.access(&secret).get_caller(GetCallerRequest {}).await.unwrap().into_inner().caller.unwrap();
    assert_eq!(caller.decides_for, bridge(&[]).decides_for);
    let (_stream, approval) = open(&mut server.agent(), ask("one")).await.unwrap();
    let vote = |subject| brought(&approval, "https://idp", subject, &["finance"]);

    let status = chat.decide(brought(&approval, "local", "ann", &["finance"])).await.unwrap_err();
    assert_eq!(lacks(&status), pairs(&[("issuer", "local"), ("permission", "decide_for_others")]));
    let status = chat.decide(brought(&approval, "https://idp", "ann", &["finance", "root"])).await.unwrap_err();
    assert_eq!(lacks(&status), pairs(&[("group", "root"), ("permission", "decide_for_others")]));

    assert_eq!(status_of(&mut chat, vote("ann")).await, ApprovalStatus::Pending);
    for another in ["ben", "cem"] {
        let status = chat.decide(vote(another)).await.unwrap_err();
        assert_eq!(lacks(&status), pairs(&[("permission", "decide_alone")]));
    }
    let finance =
        CreateTokenRequest { groups: vec!["finance".into()], ..owner("rita", ActorKind::Person, &[Role::Reviewer]) };
    let mut rita = server.client(&make(&mut access, finance).await.secret);
    let own = decide(&approval, "", VoteChoice::Approve);
    assert_eq!(status_of(&mut rita, own).await, ApprovalStatus::Approved);

    // With the permission it may, and the record has the bridge.
    let free = make(&mut access, bridge(&[Permission::DecideForOthers, Permission::DecideAlone])).await;
    let mut free = server.client(&free.secret);
    let (_stream, approval) = open(&mut server.agent(), ask("two")).await.unwrap();
    let vote = |subject| brought(&approval, "https://idp", subject, &["finance"]);
    assert_eq!(status_of(&mut free, vote("ann")).await, ApprovalStatus::Pending);
    let decided = free.decide(vote("ben")).await.unwrap().into_inner().approval.unwrap();
    assert_eq!(decided.status(), ApprovalStatus::Approved);
    assert!(decided.votes.iter().all(|vote| vote.submitted_by.as_ref().unwrap().subject == "chat"));
}

#[tokio::test]
async fn a_bridge_alone_cannot_approve_with_quorum_one() {
    let data = tempfile::tempdir().unwrap();
    let server = taking_votes_from_chat(data.path()).await;
    let mut access = server.access(&server.tokens().operator);
    let mut chat = server.client(&make(&mut access, bridge(&[Permission::DecideForOthers])).await.secret);
    let other = |id: &str| RequestApprovalRequest { tool_name: "other".into(), ..ask(id) };
    let (_stream, approval) = open(&mut server.agent(), other("one")).await.unwrap();
    let status = chat.decide(brought(&approval, "https://idp", "ann", &[])).await.unwrap_err();
    assert_eq!(lacks(&status), pairs(&[("permission", "decide_alone")]));
    let rejection =
        DecideRequest { choice: VoteChoice::Reject.into(), ..brought(&approval, "https://idp", "ann", &[]) };
    assert_eq!(status_of(&mut chat, rejection).await, ApprovalStatus::Rejected);
}

#[tokio::test]
async fn a_bridge_must_name_the_person_it_decides_for() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let mut access = server.access(&server.tokens().operator);
    let scope = |issuers: &[&str], groups: &[&str]| {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Some(DecidesFor { issuers: names(issuers), groups: names(groups) })
    };
    let decides = [Permission::DecideForOthers];
    let many: Vec<_> = (0..17).map(|n| n.to_string()).collect();
    let many = Some(DecidesFor { issuers: many, groups: vec!["g".into(); 65] });
    for (permissions, decides_for, fields) in [
        (&decides[..], None, &["decides_for.issuers"][..]),
        (&decides, scope(&[], &["finance"]), &["decides_for.issuers"]),
        (
            &decides,
            scope(&[""], &["", "a\u{200b}"]),
            &["decides_for.issuers[0]", "decides_for.groups[0]", "decides_for.groups[1]"],
        ),
        (&decides, scope(&["https://idp "], &[]), &["decides_for.issuers[0]"]),
        (&decides, many, &["decides_for.issuers", "decides_for.groups"]),
        (&[], scope(&["local"], &[]), &["decides_for"]),
        (&[Permission::DecideAlone], None, &["permissions"]),
        (&[Permission::AskForOthers], scope(&["local"], &[]), &["decides_for"]),
    ] {
        let request = CreateTokenRequest { decides_for: decides_for.clone(), ..bridge(permissions) };
        assert_eq!(violated(&access.create_token(request).await.unwrap_err()), fields, "{decides_for:?}");
    }
    let request = CreateTokenRequest { decides_for: scope(&["Cafe\u{301}"], &["e\u{301}"]), ..bridge(&decides) };
    let made = make(&mut access, request).await.token.unwrap();
    assert_eq!(made.decides_for, scope(&["Caf\u{e9}"], &["\u{e9}"]));
}

#[tokio::test]
async fn the_command_creates_and_lists_bridges() {
    let data = tempfile::tempdir().unwrap();
    let directory = data.path().join("store");
    let run = async |arguments: &[&str]| {
        let store = ["--data-dir", directory.to_str().unwrap()];
        let output = signoff(&[&["token"], arguments, &store].concat()).output().await.unwrap();
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let create = ["create", "--subject", "chat", "--kind", "service", "--role", "reviewer"];
    let with = |more: &[&'static str]| [&create[..], more].concat();
    let (code, told) = run(&with(&["--permission", "decide-for-others"])).await;
    assert!(code == Some(1) && told.contains("decides_for.issuers: has 0 issuers"), "{code:?} {told}");
    let (code, told) = run(&with(&["--decide-for-group", "finance"])).await;
    assert!(code == Some(2) && told.contains("--decide-for-issuer"), "{code:?} {told}");
    let scope = ["--permission", "decide-for-others,decide-alone", "--decide-for-issuer", "local,https://idp"];
    let (code, told) = run(&with(&[&scope[..], &["--decide-for-group", "finance"]].concat())).await;
    assert!(code == Some(0) && told.contains("signoff_"), "{code:?} {told}");
    let (code, told) = run(&["list"]).await;
    let shown = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(code == Some(0) && shown.contains("decide_alone"), "{told}");
    let json = run(&["list", "--json"]).await.1;
    assert!(json.contains(r#""issuers":["https://idp","local"]"#), "{json}");
}
