//! What happens once, although several servers are asked for it at the same time.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures_util::{StreamExt as _, future::join_all, stream};
use signoff::proto::v1::{
    ActorKind, ApprovalStatus, CreateTokenRequest, ListApprovalsRequest, ListTokensRequest, Role, VoteChoice,
    event::Kind,
};
use tonic::Code;

use super::{SERVERS, Several, claim, long};
use crate::{
    calls::{ask, decide, open, reason, terminal},
    checks::get,
    load::Random,
    server::{Server, soon},
};

const ROUNDS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn one_request_id_at_all_servers_makes_one_approval() {
    let several = Several::start(&[]).await;
    for round in 0..ROUNDS {
        let asked = several.servers.iter().flat_map(|server| [server; 3]).map(|server| async move {
            let (_, approval) = open(&mut server.agent(), ask(&format!("r-{round}"))).await.unwrap();
            approval
        });
        let answers = soon("every request is answered", join_all(asked)).await;
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    }
    let mut operator = several.servers[1].operator();
    let list = ListApprovalsRequest { page_size: 100, ..Default::default() };
    let listed = operator.list_approvals(list).await.unwrap().into_inner().approvals;
    assert_eq!(listed.len(), ROUNDS);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_id_at_all_servers_makes_one_token() {
    let several = Several::start(&[]).await;
    for round in 0..ROUNDS {
        let made = several.servers.iter().map(|server| async move {
            let request = CreateTokenRequest {
                request_id: format!("t-{round}"),
                subject: format!("s-{round}"),
                kind: ActorKind::Agent.into(),
                roles: vec![Role::Agent.into()],
                ..Default::default()
            };
            server.access(&server.tokens().operator).create_token(request).await
        });
        let answers = soon("every call is answered", join_all(made)).await;
        let (mut ids, mut secrets) = (BTreeSet::new(), Vec::new());
        for answer in answers {
            match answer {
                Ok(answer) => {
                    let answer = answer.into_inner();
                    ids.insert(answer.token.unwrap().token_id);
                    secrets.push(answer.secret);
                }
                // The secret is not stored, so a repetition cannot get it.
                Err(status) => assert_eq!(status.code(), Code::AlreadyExists, "{status:?}"),
            }
        }
        assert_eq!((ids.len(), secrets.iter().filter(|secret| !secret.is_empty()).count()), (1, 1), "round {round}");
        for (n, server) in several.servers.iter().enumerate() {
            let secret = secrets.iter().find(|secret| !secret.is_empty()).unwrap();
            let asked = open(&mut server.client(secret), ask(&format!("{round}-{n}"))).await;
            asked.unwrap_or_else(|status| panic!("round {round}, server {n}: {status:?}"));
        }
    }
    let server = &several.servers[2];
    let mut access = server.access(&server.tokens().operator);
    let listed = access.list_tokens(ListTokensRequest { page_size: 100, ..Default::default() }).await.unwrap();
    assert_eq!(listed.into_inner().tokens.len(), ROUNDS);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_claims_at_all_servers_one_wins() {
    let several = Several::start(&[]).await;
    for round in 0..ROUNDS {
        let approval = several.approved(&mut several.nth(round).agent(), &format!("r-{round}"), round + 1).await;
        let claims = (0..3 * SERVERS).map(|n| {
            let (mut client, approval) = (several.nth(n).agent(), approval.clone());
            async move { claim(&mut client, &approval).await }
        });
        let answers = soon("every claim is answered", join_all(claims)).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
        for status in answers.iter().filter_map(|answer| answer.as_ref().err()) {
            assert_eq!(reason(status), "ALREADY_CLAIMED", "{status:?}");
        }
    }
}

/// Deciders of each approval.
const DECIDERS: usize = 8;

/// Races at the same time.
const AT_ONCE: usize = 40;

/// With `SIGNOFF_IT_LONG`, on 1,000 approvals.
#[tokio::test(flavor = "multi_thread")]
async fn of_eight_deciders_over_three_servers_one_wins() {
    let approvals = if long() { 1_000 } else { 150 };
    let settings = ["limits.pending_per_caller=100000", "limits.calls_per_second=100000"];
    let several = Several::start(&settings).await;
    let reviewers: Arc<Vec<_>> = Arc::new(several.servers.iter().map(Server::reviewer).collect());
    let agents: Vec<_> = several.servers.iter().map(Server::agent).collect();
    let races = (0..approvals).map(|n| {
        let (reviewers, mut agent) = (Arc::clone(&reviewers), agents[n % SERVERS].clone());
        let mut watcher = agents[(n + 1) % SERVERS].clone();
        async move {
            let (mut stream, approval) = open(&mut agent, ask(&format!("r-{n}"))).await.unwrap();
            let mut random = Random::new();
            let deciding = (0..DECIDERS).map(|decider| {
                let choice = if random.percent(50) { VoteChoice::Approve } else { VoteChoice::Reject };
                let (mut reviewer, approval) = (reviewers[decider % SERVERS].clone(), approval.clone());
                async move { reviewer.decide(decide(&approval, &format!("d-{n}-{decider}"), choice)).await }
            });
            let answers = join_all(deciding).await;
            let won: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().ok()).collect();
            assert_eq!(won.len(), 1, "approval {n}: {answers:?}");
            for status in answers.iter().filter_map(|answer| answer.as_ref().err()) {
                assert_eq!(reason(status), "ALREADY_DECIDED", "approval {n}: {status:?}");
            }
            let winner = won[0].get_ref().approval.clone().unwrap();
            let told = crate::calls::next_update(&mut stream).await.unwrap().unwrap().approval.unwrap();
            assert_eq!(told, winner, "the stream tells of the decision that was acknowledged");
            let (stored, events) = get(&mut watcher, &approval.id).await;
            assert_eq!(stored, winner);
            let decisions = events.iter().filter(|event| matches!(event.kind, Some(Kind::Decided(_)))).count();
            assert_eq!(decisions, 1, "approval {n}: {events:?}");
            assert!(terminal(&stored));
            stored.status()
        }
    });
    let mut ended = BTreeMap::new();
    let mut running = stream::iter(races).buffer_unordered(AT_ONCE);
    while let Some(status) = soon("a race ends", running.next()).await {
        *ended.entry(status.as_str_name()).or_insert(0) += 1;
    }
    println!("{approvals} races of {DECIDERS} deciders over {SERVERS} servers: {ended:?}");
    assert!(ended.len() == 2 && ended.keys().all(|status| *status != ApprovalStatus::Pending.as_str_name()));
}
