//! However an approval ends, its message ends without buttons.

use super::{receiver::labels, *};
use crate::{
    domain::{Cancellation, Choice, NewRevocation, Status},
    test_support::member,
};

#[tokio::test]
async fn every_end_removes_the_buttons() {
    let world = World::new().await;
    let finance = member(1, &["finance"]);
    for end in ["desk", "grpc", "timeout", "cancel", "revoke"] {
        let (id, ts) = world.ask_and_tell(json!({ "amount": 1 })).await;
        let shown = |world: &World| world.slack.messages().into_iter().find(|(found, _)| *found == ts).unwrap().1;
        assert_eq!(labels(&shown(&world)), ["Approve", "Reject", "Open"]);
        let approvals = &world.answering.approvals;
        match end {
            "desk" => drop(world.decide(id, &finance, Choice::Reject).await),
            "grpc" => drop(world.decide(id, &finance, Choice::Approve).await),
            "timeout" => {
                world.clock.advance(Duration::from_secs(301));
                approvals.do_due(10).await.unwrap();
            }
            "cancel" => {
                let cancellation = Cancellation { id, request_id: None, reason: "not needed".into() };
                approvals.cancel(&agent(), cancellation).await.unwrap();
            }
            _ => {
                world.decide(id, &finance, Choice::Approve).await;
                world.tell(id).await.unwrap();
                let (request_id, reason, opened) = (None, "a mistake".into(), Vec::new());
                let revocation = NewRevocation { id, request_id, reason, surface: Surface::Desk, opened };
                approvals.revoke(&finance, revocation).await.unwrap();
            }
        }
        assert_ne!(world.approval(id).await.status, Status::Pending);
        world.tell(id).await.unwrap();
        let message = shown(&world);
        assert_eq!(labels(&message), [""; 0], "{end}");
        assert!(message.to_string().contains("Open the request"), "{end}");
    }
    world.slack.assert_no_problems();
}
