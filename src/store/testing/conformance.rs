//! The conformance suite: the same tests for every implementation of a store.

#[doc(hidden)]
pub mod blocks;
#[doc(hidden)]
pub mod changes;
#[doc(hidden)]
pub mod feed;
#[doc(hidden)]
pub mod freezes;
#[doc(hidden)]
pub mod lanes;
#[doc(hidden)]
pub mod large;
#[doc(hidden)]
pub mod list;
#[doc(hidden)]
pub mod model;
#[doc(hidden)]
pub mod moving;
#[doc(hidden)]
pub mod outbox;
#[doc(hidden)]
pub mod policies;
#[doc(hidden)]
pub mod races;
#[doc(hidden)]
pub mod remembering;
#[doc(hidden)]
pub mod retention;
#[doc(hidden)]
pub mod sessions;
#[doc(hidden)]
pub mod signing_keys;
#[doc(hidden)]
pub mod snapshots;
#[doc(hidden)]
pub mod submit;
#[doc(hidden)]
pub mod tokens;
#[doc(hidden)]
pub mod transition;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;

#[cfg(test)]
pub(in crate::store) use large::largest;
pub(in crate::store) use policies::policy;

use super::MemoryStore;
use crate::{
    domain::{samples::*, *},
    store::*,
};

/// A store under test, which can be closed and reopened.
#[async_trait]
pub trait Subject: Send + Sync + 'static {
    /// A new, empty store, whose events are delivered to these channels, also after it was reopened.
    async fn create(routes: Arc<Routes>) -> Self;

    /// The store.
    fn store(&self) -> &Arc<dyn Store>;

    /// Closes the store; if it survives its process, reopens it. There are no other references to it then.
    async fn reopen(&mut self);
}

/// Runs a test on a new store, in a new runtime. [`store_conformance!`](crate::store_conformance) calls it.
///
/// # Panics
/// When the test fails.
pub fn run<S: Subject, F: Future<Output = ()>>(test: impl FnOnce(S) -> F) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async { test(S::create(outbox::routes()).await).await });
}

/// Generates a test for each part of the suite, for a type that implements
/// [`Subject`](crate::store::testing::conformance::Subject). Use it in a separate module.
#[macro_export]
macro_rules! store_conformance {
    ($subject:ty) => {
        $crate::store_conformance! { @tests $subject;
            submit: a_request_is_recorded, a_repeated_submit_finds_the_first, a_request_is_found_by_its_request_id, a_request_id_belongs_to_one_request,
                what_else_a_repetition_says_is_the_first_ones,
                the_pending_limit_is_per_caller, a_decision_frees_the_callers_limit, the_policy_can_decide_at_once,
                a_request_that_contradicts_its_digest_is_refused;
            transition: every_command_shows_in_the_approval, repetitions_give_the_first_result, a_revoked_call_is_never_claimed, refusals_name_the_winner,
                a_late_decision_fires_the_deadline, what_is_unknown_is_not_found, events_come_in_ranges,
                times_that_cannot_be_told_do_not_stop_the_store;
            list: each_filter_selects, filters_combine, pages_join_up_in_both_orders, pages_hold_still_under_inserts,
                time_ranges_are_exact_to_the_microsecond;
            retention: what_is_due_comes_longest_overdue_first,
                an_edit_moves_the_deadline, pruning_takes_the_oldest_decisions, pruning_forgets_everything,
                a_forgotten_request_id_is_remembered_for_eight_days, forgotten_request_ids_move_with_an_export,
                a_full_answer_still_names_the_next_deadline, the_newest_time_covers_what_was_forgotten,
                a_schema_stays_as_long_as_an_approval_has_it;
            moving: an_export_makes_an_equal_store, exports_come_in_pages, importing_twice_changes_nothing,
                conflicts_import_nothing,
                impossible_histories_import_nothing;
            snapshots: a_snapshot_makes_an_equal_store, a_snapshot_stays_as_it_was, nothing_vanishes_from_a_snapshot,
                a_snapshot_holds_what_was_answered_before_it;
            policies: versions_count_up, a_version_replaces_the_one_that_its_author_expected,
                repeating_a_policy_finds_its_first_version, a_policys_request_id_belongs_to_one_version,
                what_is_set_already_makes_no_version, calls_that_set_nothing_move_with_an_export,
                one_of_those_who_expect_the_same_version_wins, versions_are_listed_in_pages,
                the_longest_policies_survive_a_reopen, policies_and_approvals_do_not_disturb_each_other,
                exported_policies_make_an_equal_store, wrong_policies_import_nothing;
            tokens: tokens_are_kept_in_order, copies_of_a_token_only_add_to_it, another_token_of_the_same_id_keeps_nothing,
                forgotten_tokens_are_gone, tokens_at_once_disturb_nothing_else;
            sessions: sessions_are_kept_in_order, copies_of_a_session_only_add_to_it,
                another_session_of_the_same_id_keeps_nothing, forgotten_sessions_are_gone;
            signing_keys: the_first_signing_key_stays, of_signing_keys_at_once_one_stays;
            blocks: blocks_are_kept_in_order, a_subject_is_blocked_once_at_a_time,
                a_blocks_request_id_belongs_to_one_call, blocks_at_once_all_count, blocks_move_with_an_export,
                the_oldest_ended_blocks_are_forgotten;
            freezes: freezes_are_kept_in_order, no_claim_is_granted_while_a_freeze_covers_it,
                a_new_request_that_is_frozen_is_rejected_for_good, what_began_before_a_freeze_goes_on,
                a_freezes_request_id_belongs_to_one_call, a_claim_and_a_freeze_at_once_are_in_order,
                freezes_move_with_an_export, an_import_tells_what_it_ended_and_loses_no_freeze,
                the_oldest_thawed_freezes_are_forgotten;
            outbox: deliveries_come_with_their_events, the_longest_overdue_lane_is_leased_first,
                a_lease_is_exclusive_until_it_ends, callers_at_once_lease_different_lanes,
                each_settlement_changes_the_head_once, a_channels_state_stays_while_events_can_follow,
                a_message_that_was_begun_is_leased_again, a_dead_delivery_is_retried, pruning_forgets_lanes,
                the_backlog_counts_what_waits_and_what_is_dead, what_can_be_leased_earlier_wakes;
            lanes: lanes_are_listed_in_pages, lanes_move_with_an_export, the_largest_lane_survives_a_reopen;
            feed: pending_follows_every_change,
                changes_tell_of_every_commit,
                subscribers_wake_on_every_commit,
                a_closed_store_answers_nothing;
            large: the_largest_records_survive_a_reopen,
                readers_never_see_half_a_record;
            races: one_resolution_wins, one_claim_wins, a_claim_or_a_revocation_wins, one_caller_cannot_exceed_its_limit_at_once;
            remembering: a_rejection_answers_the_same_call_in_the_same_run, a_policy_that_rejects_by_itself_says_so,
                nothing_but_a_rejection_is_remembered, of_several_rejections_the_one_that_lasts_longest_answers,
                remembered_rejections_move_with_an_export, calls_around_the_rejection_are_asked_or_answered;
            changes: the_feed_tells_of_every_commit_in_order, pages_join_up_at_any_limit, cursors_survive_text_and_reopening,
                a_cursor_from_now_on_leaves_out_what_was_before, cursors_of_other_stores_are_refused,
                an_old_cursor_misses_nothing_that_is_kept, a_consumer_follows_many_writers;
        }

        #[test]
        fn it_does_as_the_model() {
            $crate::store::testing::conformance::model::it_does_as_the_model::<$subject>();
        }
    };
    (@tests $subject:ty; $($topic:ident: $($test:ident),+;)+) => {
        $($(
            #[test]
            fn $test() {
                $crate::store::testing::conformance::run::<$subject, _>(
                    $crate::store::testing::conformance::$topic::$test,
                );
            }
        )+)+
    };
}

#[cfg(test)]
mod subjects;

/// A request of the agent at `at(seconds)`, which one person must approve within 300 s.
pub(in crate::store) fn submission(seconds: i64, n: u64) -> Submission {
    let (request, arguments) = a_request(&format!("r{n}"));
    Submission {
        id: id(seconds, n),
        request: Arc::new(request),
        arguments,
        verdict: quorum(1),
        now: at(seconds),
        pending_limit: 1_000,
    }
}

/// As above, with a changed request.
pub(in crate::store) fn with(mut submission: Submission, change: impl FnOnce(&mut Request)) -> Submission {
    let request = Arc::make_mut(&mut submission.request);
    change(request);
    request.digest = Digest::of(&request.tool_name, &submission.arguments);
    submission
}

pub(in crate::store) fn approve(n: usize) -> Command {
    Command::Decide(decide(reviewer(n), Choice::Approve, Seen::Revision(1)))
}

pub(in crate::store) fn reject(n: usize) -> Command {
    Command::Decide(decide(reviewer(n), Choice::Reject, Seen::Revision(1)))
}

pub(in crate::store) fn edit(n: usize, seen: Revision, arguments: Arguments, verdict: Arc<Verdict>) -> Command {
    let deciding = decide(reviewer(n), Choice::Approve, Seen::Revision(seen));
    Command::Decide(Deciding { edit: Some(Edit { arguments, verdict }), ..deciding })
}

pub(in crate::store) fn cancel() -> Command {
    Command::Cancel { actor: agent(), request_id: None, reason: "changed my mind".into() }
}

pub(in crate::store) fn claim(n: u64, digest: Digest) -> Command {
    Command::Claim(Claiming { actor: agent(), request_id: None, claim_id: claim_id(n), digest })
}

pub(in crate::store) fn revoke(actor: Actor) -> Command {
    let (request_id, reason, provenance) = (None, "wrong customer".into(), None);
    Command::Revoke(Revoking { actor, groups: None, operator: true, request_id, reason, provenance })
}

pub(in crate::store) fn report(n: u64) -> Command {
    let result = ExecutionResult::Succeeded;
    Command::Report(Reporting { actor: agent(), request_id: None, claim_id: claim_id(n), result, message: "ok".into() })
}

pub(in crate::store) fn oldest_first(filter: Filter) -> Query {
    Query { filter, order: Order::OldestFirst, after: None, limit: 1_000 }
}

/// All approvals that match a filter, over as many pages as they need.
pub(in crate::store) async fn listed(store: &dyn Store, filter: Filter) -> Vec<Approval> {
    let (mut approvals, mut query) = (Vec::new(), oldest_first(filter));
    loop {
        let page = store.list(query.clone()).await.unwrap();
        approvals.extend(page.approvals.iter().map(|approval| Approval::clone(approval)));
        query.after = page.next;
        if query.after.is_none() {
            return approvals;
        }
    }
}

/// Everything that a store returns about its approvals, except filtered lists.
pub(in crate::store) async fn everything(store: &dyn Store) -> (Vec<Approval>, Vec<History>, Due, u64) {
    let approvals = listed(store, Filter::default()).await;
    let histories = store.export(None, usize::MAX).await.unwrap();
    (approvals, histories, store.due(at(1 << 30), usize::MAX).await.unwrap(), store.pending())
}

/// One approval of every kind, with ids from 1 on.
pub(in crate::store) async fn fill(store: &dyn Store) {
    for n in 1..=9 {
        let effect = match n {
            8 => verdict(Effect::AutoApprove),
            9 => verdict(Effect::AutoReject),
            3 => quorum(3),
            _ => quorum(1),
        };
        let new = with(Submission { verdict: effect, ..submission(n, n.unsigned_abs()) }, |request| {
            request.tool_name = format!("tool-{}", n % 3);
            request.agent.name = format!("bot-{}", n % 2);
            request.labels.insert("n".into(), n.to_string());
            request.schema = (n == 1).then(|| Arc::from("{}"));
        });
        store.submit(new).await.unwrap();
    }
    let digest = store.get(id(8, 8)).await.unwrap().digest;
    let edited = arguments(&serde_json::json!({"to": "bob@company.com"}));
    for (n, command) in [
        (2, from_desk(approve(1))),
        (3, keyed(approve(1), "k1")),
        (3, from_desk(edit(2, 2, edited, quorum(2)))),
        (4, reject(1)),
        (5, cancel()),
        (6, Command::Tick),
        (8, keyed(claim(8, digest), "k2")),
        (8, report(8)),
    ] {
        let now = at(if n == 6 { 306 } else { 20 });
        store.transition(id(n, n.unsigned_abs()), command, now).await.unwrap();
    }
}
