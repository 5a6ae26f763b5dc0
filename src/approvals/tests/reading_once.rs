//! Each use-case reads the clock once.

use async_trait::async_trait;

use super::*;
use crate::clock::{Timer, WallClock};

const SECOND: Duration = Duration::from_secs(1);

/// Moves on by a second whenever server time is read.
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

#[tokio::test]
async fn what_is_recorded_has_the_time_of_its_call() {
    let (store, clock) = (Arc::new(Staged::default()), Arc::new(TickingClock(ManualClock::new(at(0)))));
    let settings = Settings { heartbeat: HEARTBEAT, max_stream_age: STREAM_AGE, pending_per_caller: 10 };
    let approvals = Approvals::new(
        Arc::clone(&store) as Arc<dyn Store>,
        Arc::new(Scripted),
        Arc::clone(&clock) as Arc<dyn Clock>,
        settings,
    );
    let reads = || (clock.0.now() - at(0)).num_seconds();

    let new = asking_as("r", json!({}));
    let mut follower = Arc::clone(&approvals).request(agent(), new.clone(), 0).await.unwrap();
    let id = update(&mut follower).await.0.id;
    Arc::clone(&approvals).request(agent(), new, 1).await.unwrap(); // finds the one before
    assert_eq!(reads(), 2);

    let seen = Seen::Revision(1);
    let edit = Some(arguments(&json!({"a": 1})));
    let comment = String::new();
    let vote = NewDecision { id, request_id: None, choice: Choice::Approve, seen, comment, edit, on_behalf_of: None };
    let edited = approvals.decide(&reviewer(1), vote).await.unwrap(); // judges the edit, too
    assert_eq!((edited.status, edited.updated_at, reads()), (Status::Approved, at(2), 3));

    let claim = NewClaim { id, request_id: None, digest: edited.digest };
    let claim = approvals.claim(&agent(), claim).await.unwrap().claim.unwrap();
    let (seconds, _) = claim.id.uuid().get_timestamp().unwrap().to_unix();
    assert_eq!((claim.at, seconds, reads()), (at(3), u64::try_from(at(3).timestamp()).unwrap(), 4));
}
