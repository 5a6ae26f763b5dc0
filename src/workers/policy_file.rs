use std::{path::Path, sync::Arc, time::Duration};

use tokio::sync::watch;

use super::looks::Looks;
use crate::{
    approvals::Policies,
    bounded_file,
    clock::Clock,
    domain::Actor,
    policy_file::{self, TEXT_MAX},
};

/// How often to look at the file. A file that is being written could be a policy that lacks its last rules.
const EVERY: Duration = Duration::from_millis(500);

/// Takes the policy from its file whenever that changes, for ever; at once when told to. `taken` is what the file held
/// when the server started.
pub async fn follow_policy_file(policies: Arc<Policies>, taken: Vec<u8>, mut reload: watch::Receiver<()>) {
    let Some(path) = policies.file().map(|(path, _)| path.clone()) else { return std::future::pending().await };
    // What the file held, or why nothing.
    let mut looks = Looks::new(Ok(taken));
    loop {
        let now = read_policy_file(&path).await;
        if looks.due(&now) && take(&policies, &path, now.clone()).await {
            looks.take(now.clone());
        }
        looks.rest(now, EVERY, policies.clock(), &mut reload).await;
    }
}

/// What a policy file holds once nobody writes to it: what two looks in a row see.
///
/// # Errors
/// When it cannot be read, is no file, or is larger than any policy.
pub async fn settled_policy_file(path: &Path, clock: &dyn Clock) -> Result<Vec<u8>, String> {
    let mut before = read_policy_file(path).await?;
    loop {
        clock.sleep(EVERY).await;
        let now = read_policy_file(path).await?;
        if now == before {
            return Ok(now);
        }
        before = now;
    }
}

async fn read_policy_file(path: &Path) -> Result<Vec<u8>, String> {
    bounded_file::read(path, TEXT_MAX).await
}

/// Whether it is settled what becomes of it; else it is to be taken again.
async fn take(policies: &Policies, path: &Path, content: Result<Vec<u8>, String>) -> bool {
    let file = path.to_owned();
    let content = match policies.heavy().run(&Actor::policy_file(), move || policy_file::load(&file, &content?)).await {
        Ok(content) => content,
        Err(error) => {
            tracing::error!(%error, "the policy file cannot be compiled; the policy stays as it is");
            return false;
        }
    };
    if let Err(error) = &content {
        let error = error.replace('\n', "; ");
        tracing::error!(error, "the policy file cannot be used; the policy stays as it is");
    }
    match policies.take_file(content).await {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(%error, "cannot record the policy file's content; the policy stays as it is");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::ManualClock, domain::samples::at, store::MemoryStore};

    /// Lets the follower look once more, and waits until it sleeps again.
    async fn look(clock: &ManualClock) {
        let before = clock.sleeps();
        clock.advance(EVERY);
        while clock.sleeps() == before {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_file_that_is_being_written_is_not_taken() {
        let rule = |name: &str| format!("- {{name: {name}, tools: [x], when: args.n > 1, auto_reject: {{}}}}\n");
        let text = |names: &[&str]| format!("rules:\n{}", names.iter().map(|name| rule(name)).collect::<String>());
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy.yaml");
        let first = text(&["one"]).into_bytes();
        std::fs::write(&path, &first).unwrap();
        let (clock, store) = (Arc::new(ManualClock::new(at(0))), Arc::new(MemoryStore::default()));
        let policy = policy_file::load(&path, &first).unwrap();
        let window = Duration::from_secs(60);
        let policies = Policies::from_file(store, Arc::clone(&clock) as Arc<dyn Clock>, window, path.clone(), policy);
        let policies = policies.await.unwrap();
        let live = || {
            let live = Arc::clone(&policies.status().borrow().live);
            (live.version, live.policy.document().rules.len())
        };
        let (_told, reload) = watch::channel(());
        let following = tokio::spawn(follow_policy_file(Arc::clone(&policies), first, reload));
        while clock.sleeps() == 0 {
            tokio::task::yield_now().await;
        }

        std::fs::write(&path, text(&["one", "two"])).unwrap(); // the rest is still to come
        look(&clock).await;
        assert_eq!(live(), (1, 1));
        std::fs::write(&path, text(&["one", "two", "three"])).unwrap();
        look(&clock).await;
        assert_eq!(live(), (1, 1));
        look(&clock).await;
        assert_eq!(live(), (2, 3), "nothing in between was live");
        look(&clock).await;
        assert_eq!(live(), (2, 3));

        std::fs::write(&path, "rules: [").unwrap();
        look(&clock).await;
        assert!(policies.file().unwrap().1.is_none(), "it may still become something");
        look(&clock).await;
        assert!(policies.file().unwrap().1.is_some_and(|fault| fault.error.contains("not YAML")));
        following.abort();
    }

    #[tokio::test]
    async fn a_start_waits_until_the_file_is_settled() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy.yaml");
        std::fs::write(&path, "half").unwrap();
        let clock = Arc::new(ManualClock::new(at(0)));
        let settling = tokio::spawn({
            let (path, clock) = (path.clone(), Arc::clone(&clock));
            async move { settled_policy_file(&path, &*clock).await }
        });
        while clock.sleeps() == 0 {
            tokio::task::yield_now().await;
        }
        std::fs::write(&path, "half and half").unwrap();
        look(&clock).await;
        clock.advance(EVERY);
        assert_eq!(settling.await.unwrap().unwrap(), b"half and half");
    }
}
