use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::{PermissionsExt as _, symlink},
    sync::{Arc, Mutex},
};

use tokio::task::JoinHandle;

use super::*;
use crate::{bounded_file, clock::ManualClock};

/// A file whose content is its bytes.
struct One(PathBuf);

#[async_trait]
impl WatchedFiles for One {
    type Content = String;

    fn paths(&self) -> Vec<PathBuf> {
        vec![self.0.clone()]
    }

    async fn read(&self) -> Result<String, String> {
        bounded_file::read(&self.0, 1 << 10).and_then(bounded_file::text).map_err(|error| error.kind().to_string())
    }
}

/// A watched file, with a clock that stands still between polls.
struct Following {
    clock: Arc<ManualClock>,
    taken: Arc<Mutex<Vec<String>>>,
    told: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Following {
    /// Watches a file that was written long ago, with or without reports.
    async fn start(path: &Path, reported: bool) -> Self {
        age(path);
        let clock = Arc::new(ManualClock::new(Time::UNIX_EPOCH));
        clock.advance(Duration::from_secs(4_000_000_000)); // after every real time
        let (taken, told) = (Arc::<Mutex<Vec<String>>>::default(), watch::Sender::new(()));
        let task = tokio::spawn({
            let (path, clock, taken, mut reload) =
                (path.to_owned(), Arc::clone(&clock), Arc::clone(&taken), told.subscribe());
            async move {
                let (mut followed, _) = SettledFiles::settled(One(path), &*clock).await.unwrap();
                if !reported {
                    followed.watcher = Watcher::mute();
                }
                loop {
                    let content = followed.due(&*clock, &mut reload).await;
                    taken.lock().unwrap().push(content.unwrap_or_else(|error| format!("error: {error}")));
                    followed.taken();
                }
            }
        });
        let following = Self { clock, taken, told, task };
        following.until_asleep(0).await;
        following.polls(2).await; // the start's second one, and the first that is followed
        following
    }

    async fn until_asleep(&self, before: usize) {
        while self.clock.sleeps() == before {
            assert!(!self.task.is_finished(), "it follows for ever");
            tokio::task::yield_now().await;
        }
    }

    /// Waits for `count` polls.
    async fn polls(&self, count: u32) {
        for _ in 0..count {
            let before = self.clock.sleeps();
            self.clock.advance(POLL_INTERVAL);
            self.until_asleep(before).await;
        }
    }

    /// The content used since the last call.
    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut self.taken.lock().unwrap())
    }

    /// The content used within the next polls.
    async fn takes(&self, polls: u32) -> Vec<String> {
        self.polls(polls).await;
        self.taken()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Makes the file old.
fn age(path: &Path) {
    let file = File::options().append(true).open(path).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
}

/// Far longer than any content must settle.
const LONG: u32 = 200;

/// A directory with a file.
fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("policy.yaml");
    fs::write(&path, text).unwrap();
    (directory, path)
}

fn open(path: &Path) -> File {
    File::create(path).unwrap()
}

#[tokio::test]
async fn a_writer_may_pause_for_as_long_as_it_likes() {
    let (_directory, path) = file("old");
    let following = Following::start(&path, true).await;
    let mut writer = open(&path);
    assert_eq!(following.takes(LONG).await, [""; 0], "emptied, and still open");
    writer.write_all(b"half").unwrap();
    assert_eq!(following.takes(LONG).await, [""; 0]);
    following.told.send_replace(());
    assert_eq!(following.takes(LONG).await, [""; 0], "nor when told to");
    writer.write_all(b" and half").unwrap();
    drop(writer);
    assert_eq!(following.takes(1).await, [""; 0], "more may follow");
    assert_eq!(following.takes(1).await, ["half and half"]);
    assert_eq!(following.takes(LONG).await, [""; 0]);
}

#[tokio::test]
async fn whole_files_are_taken_however_they_come() {
    let (directory, path) = file("old");
    let following = Following::start(&path, true).await;
    let new = directory.path().join("new");

    fs::write(&new, "renamed").unwrap();
    fs::rename(&new, &path).unwrap();
    assert_eq!(following.takes(2).await, ["renamed"]);
    fs::write(&path, "in place").unwrap();
    assert_eq!(following.takes(2).await, ["in place"]);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "made anew").unwrap();
    assert_eq!(following.takes(2).await, ["made anew"]);
    fs::remove_file(&path).unwrap();
    assert_eq!(following.takes(2).await, ["error: entity not found"]);
    fs::write(&path, "back again").unwrap();
    assert_eq!(following.takes(2).await, ["back again"]);
    fs::write(&new, "linked").unwrap();
    fs::remove_file(&path).unwrap();
    fs::hard_link(&new, &path).unwrap();
    assert_eq!(following.takes(Trust::Young.quiet_polls()).await, [""; 0], "who made it may be writing");
    assert_eq!(following.takes(1).await, ["linked"]);
    // In the directory of another name, which is watched from now on.
    let other = directory.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("it"), "through a link").unwrap();
    fs::remove_file(&new).unwrap();
    symlink(other.join("it"), &new).unwrap();
    fs::rename(&new, &path).unwrap();
    assert_eq!(following.takes(2).await, ["through a link"]);
    let mut writer = open(&other.join("it"));
    writer.write_all(b"there").unwrap();
    assert_eq!(following.takes(LONG).await, [""; 0]);
    drop(writer);
    assert_eq!(following.takes(2).await, ["there"]);
}

#[tokio::test]
async fn a_config_map_is_taken_as_its_link_is_swapped() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let version = |name: &str, text: &str| {
        fs::create_dir(at(name)).unwrap();
        fs::write(at(name).join("policy.yaml"), text).unwrap();
    };
    version("..1", "one");
    symlink("..1", at("..data")).unwrap();
    symlink("..data/policy.yaml", at("policy.yaml")).unwrap();
    let following = Following::start(&at("policy.yaml"), true).await;
    for (name, before, text) in [("..2", "..1", "two"), ("..3", "..2", "three")] {
        version(name, text);
        assert_eq!(following.takes(2).await, [""; 0]);
        symlink(name, at("..data_tmp")).unwrap();
        fs::rename(at("..data_tmp"), at("..data")).unwrap();
        fs::remove_dir_all(at(before)).unwrap();
        assert_eq!(following.takes(2).await, [text]);
    }
}

#[tokio::test]
async fn a_file_that_is_renamed_while_it_is_written_is_not_taken() {
    let (directory, path) = file("old");
    let following = Following::start(&path, true).await;
    let new = directory.path().join("new");
    let mut writer = open(&new);
    writer.write_all(b"half").unwrap();
    fs::rename(&new, &path).unwrap();
    assert_eq!(following.takes(LONG).await, [""; 0]);
    writer.write_all(b" and half").unwrap();
    drop(writer);
    assert_eq!(following.takes(2).await, ["half and half"]);
    // A writer of a replaced file delays nothing.
    let mut holder = open(&path);
    holder.write_all(b"rest").unwrap();
    fs::write(&new, "whole").unwrap();
    fs::rename(&new, &path).unwrap();
    assert_eq!(following.takes(2).await, ["whole"]);
    holder.write_all(b"more").unwrap();
    assert_eq!(following.takes(LONG).await, [""; 0]);
}

#[tokio::test]
async fn what_was_not_reported_must_stay_the_same_for_long() {
    let (_directory, path) = file("old");
    let following = Following::start(&path, false).await;
    let settle = Trust::Unreported.quiet_polls();
    fs::write(&path, "half").unwrap();
    assert_eq!(following.takes(settle).await, [""; 0]);
    fs::write(&path, "half and half").unwrap();
    following.told.send_replace(());
    assert_eq!(following.takes(settle).await, [""; 0], "nor sooner when told to");
    assert_eq!(following.takes(1).await, ["half and half"]);
    // Also if it comes right after the previous one.
    fs::write(&path, "another half").unwrap();
    assert_eq!(following.takes(settle).await, [""; 0]);
    assert_eq!(following.takes(1).await, ["another half"]);
    assert_eq!(following.takes(LONG).await, [""; 0]);
}

#[tokio::test]
async fn told_to_it_takes_what_is_there() {
    let (_directory, path) = file("old");
    let following = Following::start(&path, true).await;
    following.told.send_replace(());
    assert_eq!(following.takes(1).await, ["old"]);
    assert_eq!(following.takes(LONG).await, [""; 0], "once");
    fs::write(&path, "new").unwrap();
    following.told.send_replace(());
    assert_eq!(following.takes(1).await, [""; 0]);
    assert_eq!(following.takes(1).await, ["new"]);
}

#[tokio::test]
async fn new_permissions_are_noticed() {
    let (_directory, path) = file("old");
    let following = Following::start(&path, true).await;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if File::open(&path).is_ok() {
        return; // the superuser reads anything
    }
    assert_eq!(following.takes(LONG).await, ["error: permission denied"]);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(following.takes(Trust::Young.quiet_polls() + 1).await, ["old"]);
}

#[tokio::test]
async fn a_directory_that_is_replaced_is_followed() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::create_dir(at("etc")).unwrap();
    fs::write(at("etc/policy.yaml"), "old").unwrap();
    let following = Following::start(&at("etc/policy.yaml"), true).await;
    fs::rename(at("etc"), at("gone")).unwrap();
    assert_eq!(following.takes(LONG).await, ["error: entity not found"]);
    fs::create_dir(at("etc")).unwrap();
    fs::write(at("etc/policy.yaml"), "new").unwrap();
    assert_eq!(following.takes(LONG).await, ["new"]);
    fs::write(at("etc/policy.yaml"), "newer").unwrap();
    assert_eq!(following.takes(2).await, ["newer"], "reported, as before");
}

#[tokio::test]
async fn a_start_waits_for_a_writer() {
    let (_directory, path) = file("half");
    let clock = Arc::new(ManualClock::new(Time::UNIX_EPOCH)); // before every real time
    let start = |path: PathBuf, clock: Arc<ManualClock>| {
        tokio::spawn(async move { SettledFiles::settled(One(path), &*clock).await.map(|(_, content)| content) })
    };
    let starting = start(path.clone(), Arc::clone(&clock));
    let polls = async |count: u32, task: &JoinHandle<_>| {
        for _ in 0..count {
            let before = clock.sleeps();
            clock.advance(POLL_INTERVAL);
            while clock.sleeps() == before && !task.is_finished() {
                tokio::task::yield_now().await;
            }
        }
    };
    while clock.sleeps() == 0 {
        tokio::task::yield_now().await;
    }
    // It was written recently: its writer may have paused.
    polls(Trust::Young.quiet_polls() - 1, &starting).await;
    assert!(!starting.is_finished());
    let mut writer = open(&path);
    writer.write_all(b"more than half").unwrap();
    polls(Trust::Unreported.quiet_polls(), &starting).await;
    assert!(!starting.is_finished());
    drop(writer);
    polls(2, &starting).await;
    assert_eq!(starting.await.unwrap().unwrap(), "more than half");

    let starting = start(path.clone(), Arc::clone(&clock));
    let before = clock.sleeps();
    while clock.sleeps() == before {
        tokio::task::yield_now().await;
    }
    let mut writer = open(&path);
    writer.write_all(b"never closed").unwrap();
    polls(START_TIMEOUT.as_secs() as u32 * 2 + 1, &starting).await;
    let error = starting.await.unwrap().unwrap_err();
    assert!(error.contains("policy.yaml: still being written after 60 s"), "{error}");
}
