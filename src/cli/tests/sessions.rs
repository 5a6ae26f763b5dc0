//! `session` and `subject`.

use super::{fake::Server, *};
use crate::proto::v1::{
    BlockSubjectResponse, BlockedSubject, EndSessionsResponse, ListBlockedSubjectsResponse, ListSessionsResponse, Role,
    Session, SessionState, Subject, UnblockSubjectResponse, end_sessions_request::Scope,
};

const FIRST: &str = "0198c1d2-3e4f-7abc-8def-000000000001";
const SECOND: &str = "0198c1d2-3e50-7abc-8def-000000000002";

fn session(id: &str, state: SessionState) -> Session {
    Session {
        session_id: id.to_owned(),
        person: alice(),
        roles: vec![Role::Reviewer.into()],
        groups: vec!["fin\u{202e}ance".to_owned()],
        state: state.into(),
        ended_by: (state == SessionState::Ended).then(alice).flatten(),
        ..Session::default()
    }
}

fn mallory() -> Subject {
    Subject { issuer: "https://idp".to_owned(), subject: "mal\u{202e}lory".to_owned() }
}

fn block() -> BlockedSubject {
    BlockedSubject {
        block_id: FIRST.to_owned(),
        subject: Some(mallory()),
        reason: "left\nus".to_owned(),
        blocked_by: alice(),
        ..BlockedSubject::default()
    }
}

#[tokio::test]
async fn sessions_are_listed_in_pages() {
    let server = Server::start().await;
    for (id, token) in [(FIRST, "t1"), (SECOND, "t2")] {
        let sessions = vec![session(id, SessionState::Active)];
        let page = ListSessionsResponse { sessions, next_page_token: token.to_owned() };
        server.fake.list_sessions.answers(Ok(page));
    }
    let ran = signoff(&server.address, &["session", "list", "--active", "--limit", "2"]).await;
    assert_eq!((ran.code, ran.err.as_str()), (0, "there are more; raise --limit (2)\n"), "{ran:?}");
    let rows: Vec<_> = ran.out.lines().collect();
    assert!(rows[0].starts_with("ID ") && rows[1].starts_with(FIRST) && rows[2].starts_with(SECOND), "{rows:?}");
    for part in ["dev/alice", "reviewer", "fin\\u{202e}ance", "ACTIVE"] {
        assert!(rows[1].contains(part), "{part} in {rows:?}");
    }
    let asked = server.fake.list_sessions.asked();
    let pages: Vec<_> = asked.iter().map(|page| (page.page_size, page.page_token.as_str(), page.active_only)).collect();
    assert_eq!(pages, [(2, "", true), (1, "t1", true)]);

    for (line, out, err) in [(&["session", "list"][..], "", "no sessions\n"), (&["session", "list", "--json"], "", "")]
    {
        server.fake.list_sessions.answers(Ok(ListSessionsResponse::default()));
        let ran = signoff(&server.address, line).await;
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, out, err));
    }
    let sessions = vec![session(FIRST, SessionState::Ended)];
    server.fake.list_sessions.answers(Ok(ListSessionsResponse { sessions, ..Default::default() }));
    let ran = signoff(&server.address, &["session", "list", "--json"]).await;
    assert!(ran.out.starts_with(&format!("{{\"session_id\":\"{FIRST}\"")), "{ran:?}");
    assert!(ran.out.contains("SESSION_STATE_ENDED") && ran.out.contains("\"ended_by\":{"), "{ran:?}");
}

#[tokio::test]
async fn one_persons_or_all_sessions_end() {
    let server = Server::start().await;
    let person = Subject { issuer: "dev".to_owned(), subject: "alice".to_owned() };
    for (line, scope, count) in [
        (&["session", "end", FIRST][..], Scope::SessionId(FIRST.to_owned()), 1),
        (&["session", "end", "--person", "dev", "alice"], Scope::Person(person), 2),
        (&["session", "end", "--all"], Scope::All(true), 0),
    ] {
        server.fake.end_sessions.answers(Ok(EndSessionsResponse { ended_count: count }));
        let ran = signoff(&server.address, line).await;
        let noun = if count == 1 { "session" } else { "sessions" };
        assert_eq!((ran.code, ran.out), (0, format!("ended: {count} {noun}\n")));
        assert!(ran.err.contains("`signoff subject block` keeps a person out"), "{}", ran.err);
        let asked = server.fake.end_sessions.asked().pop().unwrap();
        assert_eq!(asked.scope, Some(scope));
        assert_eq!(asked.request_id.len(), 36);
    }
    server.fake.end_sessions.answers(Ok(EndSessionsResponse { ended_count: 3 }));
    let ran = signoff(&server.address, &["session", "end", "--all", "--json"]).await;
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("{\"ended_count\":3}\n", ""));
}

#[tokio::test]
async fn the_first_characters_of_one_session_are_enough() {
    let server = Server::start().await;
    let both = || {
        let sessions = [FIRST, SECOND].map(|id| session(id, SessionState::Active)).to_vec();
        Ok(ListSessionsResponse { sessions, ..Default::default() })
    };
    server.fake.list_sessions.answers(both());
    server.fake.end_sessions.answers(Ok(EndSessionsResponse { ended_count: 1 }));
    assert_eq!(signoff(&server.address, &["session", "end", "0198c1d2-3e50"]).await.code, 0);
    assert_eq!(server.fake.end_sessions.asked()[0].scope, Some(Scope::SessionId(SECOND.to_owned())));
    for (given, told) in [("0198c1d2", "dev/alice"), ("0198ffff", "no session has an id that begins with 0198ffff")] {
        server.fake.list_sessions.answers(both());
        let ran = signoff(&server.address, &["session", "end", given]).await;
        assert!(ran.code != 0 && ran.err.contains(told), "{ran:?}");
    }
    assert_eq!(server.fake.end_sessions.asked().len(), 1);
}

#[test]
fn a_scope_is_needed_to_end_sessions() {
    for line in [&["session", "end"][..], &["session", "end", "--all", FIRST], &["session", "end", "--person", "dev"]] {
        let error = Cli::try_parse_from(["signoff"].iter().chain(line)).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line:?}");
    }
}

#[tokio::test]
async fn a_subject_is_blocked_and_unblocked() {
    let server = Server::start().await;
    server.fake.block.answers(Ok(BlockSubjectResponse { block: Some(block()) }));
    let names = ["https://idp", "mal\u{202e}lory"];
    let ran = signoff(&server.address, &["subject", "block", names[0], names[1], "--reason", "left"]).await;
    let told = format!("blocked: https://idp mal\\u{{202e}}lory, by dev/alice, block {FIRST}\n");
    assert_eq!((ran.code, ran.out), (0, told));
    let asked = server.fake.block.asked().pop().unwrap();
    assert_eq!((asked.subject, asked.reason.as_str(), asked.request_id.len()), (Some(mallory()), "left", 36));

    server.fake.unblock.answers(Ok(UnblockSubjectResponse { block: Some(block()) }));
    let ran = signoff(&server.address, &["subject", "unblock", names[0], names[1]]).await;
    let told = format!("unblocked: https://idp mal\\u{{202e}}lory, block {FIRST}\n");
    assert_eq!((ran.code, ran.out), (0, told));
    assert_eq!(server.fake.unblock.asked().pop().unwrap().subject, Some(mallory()));

    for line in [&["subject", "block", "a", "b", "--json"][..], &["subject", "unblock", "a", "b", "--json"]] {
        server.fake.block.answers(Ok(BlockSubjectResponse { block: Some(block()) }));
        server.fake.unblock.answers(Ok(UnblockSubjectResponse { block: Some(block()) }));
        let ran = signoff(&server.address, line).await;
        assert!(ran.out.starts_with("{\"block\":{\"block_id\":") && ran.err.is_empty(), "{ran:?}");
    }
    server.fake.unblock.answers(Err(refusal(Code::NotFound, "SUBJECT_NOT_BLOCKED", &[])));
}

#[tokio::test]
async fn blocked_subjects_are_listed() {
    let server = Server::start().await;
    server.fake.blocks.answers(Ok(ListBlockedSubjectsResponse { blocks: vec![block()] }));
    let ran = signoff(&server.address, &["subject", "list"]).await;
    assert!(ran.out.starts_with("ISSUER "), "{ran:?}");
    for part in ["https://idp", "mal\\u{202e}lory", "dev/alice", "left\\nus"] {
        assert!(ran.out.contains(part), "{part} in {ran:?}");
    }
    for (line, err) in [(&["subject", "list"][..], "nobody is blocked\n"), (&["subject", "list", "--json"], "")] {
        server.fake.blocks.answers(Ok(ListBlockedSubjectsResponse::default()));
        let ran = signoff(&server.address, line).await;
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", err));
    }
}
