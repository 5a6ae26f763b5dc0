//! What one server answers holds at the others: revocations, blocks and freezes at once, the rest soon.

use signoff::proto::v1::{
    ActorKind, ApprovalStatus, BlockSubjectRequest, CreateTokenRequest, EndSessionsRequest, FreezeRequest, FreezeScope,
    GetApprovalRequest, GetPolicyRequest, ListSessionsRequest, Policy, PolicyRule, RequestApprovalRequest,
    RevokeTokenRequest, Role, Session, SessionState, SetPolicyRequest, Subject, ThawRequest, UnblockSubjectRequest,
    VoteChoice, end_sessions_request, freeze_scope::Scope, policy_rule::Effect,
};
use tonic::Code;

use super::{SERVERS, Several, claim};
use crate::{
    browser::Browser,
    calls::{ask, decide, next_update, open, reason},
    server::soon,
};

/// How often each is tried, as each try may win a race.
const ROUNDS: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_one_server_revoked_claims_nothing_at_the_others() {
    let several = Several::start(&[]).await;
    for round in 0..ROUNDS {
        let (made, mut clients) = several.agent(&format!("mailer-{round}")).await;
        let approval = several.approved(&mut clients[0], &format!("r-{round}"), round).await;
        let at = several.nth(round);
        let token_id = made.token.unwrap().token_id;
        at.access(&at.tokens().operator).revoke_token(RevokeTokenRequest { token_id }).await.unwrap();
        for (n, client) in clients.iter_mut().enumerate() {
            let status = claim(client, &approval).await.expect_err("the token is revoked");
            assert_eq!((status.code(), reason(&status).as_str()), (Code::Unauthenticated, "UNAUTHENTICATED"), "{n}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_one_server_blocked_claims_nothing_at_the_others() {
    let several = Several::start(&[]).await;
    let (_, mut clients) = several.agent("mailer").await;
    let subject = Some(Subject { issuer: "local".into(), subject: "mailer".into() });
    for round in 0..ROUNDS {
        let approval = several.approved(&mut clients[round % SERVERS], &format!("r-{round}"), round).await;
        let at = several.nth(round);
        let mut admin = at.admin(&at.tokens().operator);
        let block = BlockSubjectRequest { request_id: String::new(), subject: subject.clone(), reason: "left".into() };
        admin.block_subject(block).await.unwrap();
        for (n, client) in clients.iter_mut().enumerate() {
            let status = claim(client, &approval).await.expect_err("the agent is blocked");
            assert_eq!((status.code(), reason(&status).as_str()), (Code::Unauthenticated, "UNAUTHENTICATED"), "{n}");
        }
        admin
            .unblock_subject(UnblockSubjectRequest { request_id: String::new(), subject: subject.clone() })
            .await
            .unwrap();
        for client in &mut clients {
            soon("an unblocked agent may call again", async {
                let get = GetApprovalRequest { approval_id: approval.id.clone(), include_events: false };
                while client.get_approval(get.clone()).await.is_err() {}
            })
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reviewer_that_one_server_blocked_decides_nothing_at_the_others() {
    let several = Several::start(&[]).await;
    let (_waiting, approval) = open(&mut several.servers[0].agent(), ask("one")).await.unwrap();
    let mut reviewers: Vec<_> = several.servers.iter().map(crate::server::Server::reviewer).collect();
    for reviewer in &mut reviewers {
        let get = GetApprovalRequest { approval_id: approval.id.clone(), include_events: false };
        reviewer.get_approval(get).await.unwrap();
    }
    let at = &several.servers[1];
    let subject = Some(Subject { issuer: "dev".into(), subject: "reviewer".into() });
    let block = BlockSubjectRequest { request_id: String::new(), subject, reason: "left".into() };
    at.admin(&at.tokens().operator).block_subject(block).await.unwrap();
    for (n, reviewer) in reviewers.iter_mut().enumerate() {
        let status = reviewer.decide(decide(&approval, "", VoteChoice::Approve)).await.expect_err("blocked");
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unauthenticated, "UNAUTHENTICATED"), "{n}");
    }
    let (approval, _) = crate::checks::get(&mut several.servers[2].agent(), &approval.id).await;
    assert_eq!(approval.status(), ApprovalStatus::Pending);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_at_one_server_holds_at_the_others() {
    let several = Several::start(&[]).await;
    for round in 0..ROUNDS {
        let mut agents: Vec<_> = several.servers.iter().map(crate::server::Server::agent).collect();
        let approval = several.approved(&mut agents[0], &format!("r-{round}"), round).await;
        let at = several.nth(round);
        let mut admin = at.admin(&at.tokens().operator);
        let scope = Some(FreezeScope { scope: Some(Scope::Tool("send_*".into())) });
        let freeze = FreezeRequest { request_id: String::new(), scope, reason: "incident".into() };
        let frozen = admin.freeze(freeze).await.unwrap().into_inner().freeze.unwrap();
        for (n, agent) in agents.iter_mut().enumerate() {
            let status = claim(agent, &approval).await.expect_err("frozen");
            assert_eq!(reason(&status), "FROZEN", "server {n}: {status:?}");
            let (_, rejected) = open(agent, ask(&format!("frozen-{round}-{n}"))).await.unwrap();
            assert_eq!(rejected.policy.unwrap().rule, "_freeze", "server {n}");
        }
        // Whichever server thaws.
        let other = several.nth(round + 1);
        let thaw = ThawRequest { request_id: String::new(), freeze_id: frozen.id };
        other.admin(&other.tokens().operator).thaw(thaw).await.unwrap();
        claim(&mut agents[(round + 2) % SERVERS], &approval).await.expect("thawed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_one_server_created_works_at_the_others_at_once() {
    let several = Several::start(&[]).await;
    for round in 0..ROUNDS {
        let at = several.nth(round);
        let request = CreateTokenRequest {
            subject: format!("new-{round}"),
            kind: ActorKind::Agent.into(),
            roles: vec![Role::Agent.into()],
            ..Default::default()
        };
        let made = at.access(&at.tokens().operator).create_token(request).await.unwrap().into_inner();
        for (n, server) in several.servers.iter().enumerate() {
            let asked = open(&mut server.client(&made.secret), ask(&format!("{round}-{n}"))).await;
            asked.unwrap_or_else(|status| panic!("round {round}, server {n}: {status:?}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_one_server_accepted_judges_at_the_others_soon() {
    let several = Several::start(&[]).await;
    for round in 0..ROUNDS as u64 {
        let at = several.nth(round as usize);
        let tool = format!("tool_{round}");
        let rule = PolicyRule {
            name: "r".into(),
            tools: vec![tool.clone()],
            effect: Some(Effect::AutoApprove(signoff::proto::v1::AutoApprove {})),
            ..Default::default()
        };
        let set = SetPolicyRequest {
            policy: Some(Policy { rules: vec![rule], ..Default::default() }),
            expected_version: Some(round), // the server knows the version that another one set
            ..Default::default()
        };
        let set = at.policies(&at.tokens().operator).set_policy(set).await.unwrap().into_inner().version.unwrap();
        assert_eq!(set.version, round + 1);
        for (n, server) in several.servers.iter().enumerate() {
            let mut policies = server.policies(&server.tokens().operator);
            soon("the version is live everywhere", async {
                loop {
                    let live = policies.get_policy(GetPolicyRequest::default()).await.unwrap().into_inner();
                    if live.version.unwrap().version == round + 1 {
                        return;
                    }
                }
            })
            .await;
            let call = RequestApprovalRequest { tool_name: tool.clone(), ..ask(&format!("{round}-{n}")) };
            let (_, judged) = open(&mut server.agent(), call).await.unwrap();
            assert_eq!(judged.status(), ApprovalStatus::AutoApproved, "server {n}");
            assert_eq!(judged.policy.unwrap().policy_version, (round + 1).to_string(), "server {n}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_works_at_every_server_until_one_ends_it() {
    let several = Several::start(&[]).await;
    let desk = |n: usize| format!("http://{}", several.servers[n].address());
    // Without TLS on loopback, the cookie's name has the port, because several servers may run there.
    let cookie = |n: usize| format!("signoff_session_{}", several.servers[n].address().port());
    let at_server = |browser: &Browser, n: usize| {
        let secret = browser.cookies.values().next().expect("one cookie").clone();
        Browser { cookies: [(cookie(n), secret)].into() }
    };
    for ending in 0..SERVERS {
        let mut browser = Browser::default();
        let (at, mine) = (several.nth(ending + 1), (ending + 1) % SERVERS);
        assert_eq!(browser.sign_in(&desk(mine), &at.tokens().reviewer, "/history").await.location(), "/history");
        for n in 0..SERVERS {
            let mut copy = at_server(&browser, n);
            soon("the session is known", async {
                while copy.get(&format!("{}/history", desk(n))).await.status != 200 {}
            })
            .await;
        }
        let ender = &several.servers[ending];
        let mut admin = ender.admin(&ender.tokens().operator);
        let listed = admin.list_sessions(ListSessionsRequest::default()).await.unwrap().into_inner().sessions;
        let active = |session: &Session| session.state() == SessionState::Active;
        let listed: Vec<_> = listed.into_iter().filter(active).collect();
        assert_eq!(listed.len(), 1, "{listed:?}");
        let scope = Some(end_sessions_request::Scope::All(true));
        let end = EndSessionsRequest { request_id: String::new(), scope };
        assert_eq!(admin.end_sessions(end).await.unwrap().into_inner().ended_count, 1);
        for n in 0..SERVERS {
            let mut copy = at_server(&browser, n);
            soon("the session is over", async {
                while copy.get(&format!("{}/history", desk(n))).await.status == 200 {}
            })
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_at_a_third_server_gets_the_decision_of_the_second() {
    let several = Several::start(&[]).await;
    for round in 0..ROUNDS {
        let [at, decider, watcher] = [0, 1, 2].map(|n| several.nth(round + n));
        let (mut own, approval) = open(&mut at.agent(), ask(&format!("r-{round}"))).await.unwrap();
        let watch = signoff::proto::v1::WatchApprovalRequest { approval_id: approval.id.clone(), after_revision: 0 };
        let mut watching = watcher.agent().watch_approval(watch).await.unwrap().into_inner();
        assert_eq!(next_update(&mut watching).await.unwrap().unwrap().approval.unwrap(), approval);
        let decided = decider.reviewer().decide(decide(&approval, "", VoteChoice::Approve)).await.unwrap().into_inner();
        assert_eq!(next_update(&mut watching).await.unwrap().unwrap().approval, decided.approval);
        assert_eq!(next_update(&mut own).await.unwrap().unwrap().approval, decided.approval);
    }
}

/// A session that one server has just started ends with a block at another server, and does not come back.
#[tokio::test(flavor = "multi_thread")]
async fn a_block_ends_sessions_that_another_server_has_just_started() {
    let several = Several::start(&[]).await;
    let subject = Some(Subject { issuer: "dev".into(), subject: "reviewer".into() });
    for round in 0..ROUNDS {
        let (at, blocking) = (several.nth(round), several.nth(round + 1));
        let mut admin = blocking.admin(&blocking.tokens().operator);
        let block = BlockSubjectRequest { request_id: String::new(), subject: subject.clone(), reason: "left".into() };
        let mut browser = Browser::default();
        browser.sign_in(&format!("http://{}", at.address()), &at.tokens().reviewer, "/history").await;
        admin.block_subject(block).await.unwrap();
        let unblock = UnblockSubjectRequest { request_id: String::new(), subject: subject.clone() };
        admin.unblock_subject(unblock).await.unwrap();
        let listed = admin.list_sessions(ListSessionsRequest::default()).await.unwrap().into_inner().sessions;
        assert_eq!(listed.len(), round + 1, "the server knows the session");
        assert!(listed.iter().all(|session| session.state() == SessionState::Ended), "{listed:?}");
    }
}
