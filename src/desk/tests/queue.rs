//! The lists of pending requests.

use super::*;
use crate::test_support::reviewer;

/// The ids of the rows on a page, in their order.
fn rows(page: &Page) -> Vec<String> {
    let parts = page.body.split("data-approval-id=\"").skip(1);
    parts.map(|part| part.split('"').next().unwrap().to_owned()).collect()
}

fn ids(ids: &[ApprovalId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn the_nearest_deadline_comes_first_and_urgent_ones_before() {
    let rule = json!({
        "name": "urgent", "tools": ["urgent"],
        "require_approval": {"escalate": [{"after": "1s", "priority": "PRIORITY_URGENT"}]},
    });
    let world = World::with_policy(json!({"unlisted_tools": {"require_approval": {}}, "rules": [rule]})).await;
    let person = world.sign_in(&reviewer(1)).await;
    assert!(world.get(&person, "/").await.body.contains("Nothing waits for you."));
    let within = |tool: &str, seconds| NewRequest { timeout: Duration::from_secs(seconds), ..asking(tool, json!({})) };
    let late = world.ask_for(within("late", 500)).await;
    let soon = world.ask_for(within("soon", 200)).await;
    let urgent = world.ask_for(within("urgent", 600)).await;
    let page = world.get(&person, "/").await;
    assert_eq!(rows(&page), ids(&[soon, late, urgent]));
    assert!(page.body.contains("<title>(3) Waiting for you"), "{}", page.body);
    world.clock.advance(Duration::from_secs(2));
    world.desk.approvals.do_due(100).await.unwrap();
    let page = world.get(&person, "/").await;
    assert_eq!(rows(&page), ids(&[urgent, soon, late]));
    assert!(page.body.contains("URGENT"));
}
