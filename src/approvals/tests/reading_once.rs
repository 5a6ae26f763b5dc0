//! Each use-case reads the clock once. A decision with an edit reads it again, after the evaluation of the edit.

use crate::control::Control;
use async_trait::async_trait;

use super::*;
use crate::clock::{Timer, WallClock};

const SECOND: Duration = Duration::from_secs(1);

/// A clock that advances by a second at each reading of server time.
struct TickingClock(ManualClock);

impl WallClock for TickingClock {
    fn wall(&self) -> Time {
        self.0.wall()
    }
}

#[async_trait]
impl Clock for TickingClock {
    fn now(&self) -> Time {
        let now = self.0.now();
        self.0.advance(SECOND);
        now
    }

    async fn sleep_until(&self, time: Time) {
        self.0.sleep_until(time).await;
    }

    async fn sleep(&self, span: Duration) {
        self.0.sleep(span).await;
    }

    fn instant(&self) -> std::time::Instant {
        self.0.instant()
    }

    fn timer(&self, at: std::time::Instant) -> Timer {
        self.0.timer(at)
    }
}

fn ticking() -> (Arc<Approvals>, Arc<TickingClock>) {
    let (store, clock) = (Arc::new(Staged::default()), Arc::new(TickingClock(ManualClock::new(at(0)))));
    let settings = Settings { heartbeat: HEARTBEAT, max_stream_age: STREAM_AGE, pending_per_caller: 10 };
    let approvals = Approvals::new(
        Control::new(store as Arc<dyn Store>),
        Arc::new(Scripted),
        Arc::clone(&clock) as Arc<dyn Clock>,
        settings,
    );
    (approvals, clock)
}

fn approving(id: ApprovalId) -> NewDecision {
    let edit = Some(arguments(&json!({"a": 1})));
    NewDecision {
        id,
        request_id: None,
        choice: Choice::Approve,
        seen: Seen::Revision(1),
        comment: String::new(),
        edit,
        on_behalf_of: None,
        surface: Surface::Grpc,
        opened: Vec::new(),
    }
}

/// The edit is evaluated one second after the request, and committed after another.
#[tokio::test]
async fn an_edit_that_is_judged_past_the_deadline_decides_nothing() {
    for (timeout, status) in [(2, Status::TimedOut), (3, Status::Approved)] {
        let (approvals, _) = ticking();
        let new = NewRequest { timeout: Duration::from_secs(timeout), ..asking_as("r", json!({})) };
        let mut follower = Arc::clone(&approvals).request(agent(), new, 0).await.unwrap();
        let id = update(&mut follower).await.0.id;
        let decided = approvals.decide(&reviewer(1), approving(id)).await;
        let found = approvals.get(&agent(), id).await.unwrap();
        assert_eq!((decided.is_ok(), found.status), (status == Status::Approved, status));
    }
}

#[tokio::test]
async fn what_is_recorded_has_the_time_of_its_call() {
    let (approvals, clock) = ticking();
    let reads = || (clock.0.now() - at(0)).num_seconds();

    let new = asking_as("r", json!({}));
    let mut follower = Arc::clone(&approvals).request(agent(), new.clone(), 0).await.unwrap();
    let id = update(&mut follower).await.0.id;
    Arc::clone(&approvals).request(agent(), new, 1).await.unwrap(); // finds the one before
    assert_eq!(reads(), 2);

    let edited = approvals.decide(&reviewer(1), approving(id)).await.unwrap();
    assert_eq!((edited.status, edited.updated_at, reads()), (Status::Approved, at(3), 4));

    let claim = NewClaim { id, request_id: None, digest: edited.digest };
    let claim = approvals.claim(&agent(), claim).await.unwrap().claim.unwrap();
    let (seconds, _) = claim.id.uuid().get_timestamp().unwrap().to_unix();
    assert_eq!((claim.at, seconds, reads()), (at(4), u64::try_from(at(4).timestamp()).unwrap(), 5));
}
