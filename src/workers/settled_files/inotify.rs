//! What Linux reports about files. Through `rustix`, which the project has anyway, rather than `notify`: reports must
//! be read after the file and on the same thread to know that a half-read write has been reported, and `notify`
//! delivers them later, from a thread of its own.

use std::{
    collections::{HashMap, HashSet},
    ffi::{OsStr, OsString},
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::{Path, PathBuf},
};

use rustix::{
    fs::inotify::{self, CreateFlags, Event, ReadFlags, WatchFlags},
    io::Errno,
};

use super::{Changes, Trust, links};

/// What is asked of a directory. Without reports on files that lost their name: a writer may keep a replaced one open.
const OF_DIRECTORY: WatchFlags = WatchFlags::MODIFY
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::EXCL_UNLINK)
    .union(WatchFlags::ONLYDIR);

/// What is asked of a file itself: one that is mounted alone into a container is written to in a directory elsewhere.
const OF_FILE: WatchFlags = WatchFlags::MODIFY
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF);

/// Room for events of one read; each has at most 272 bytes.
const BUFFER: usize = 16 << 10;

/// Most events of a poll. A queue holds 16,384 by default, and whoever fills it faster than it is read is not waited
/// for.
const EVENTS_MAX: usize = 65_536;

/// Most files of other names that are remembered as being written, in case one is renamed over a followed one.
const OTHERS_MAX: usize = 1_024;

/// A name in a watched directory; the empty one for what is watched itself.
type Name = (i32, OsString);

/// Watches files, and collects what is reported about them.
#[derive(Debug, Default)]
pub(super) struct Watcher {
    inotify: Option<OwnedFd>,
    /// Watches by path, directories and files.
    watches: HashMap<i32, PathBuf>,
    /// The names that matter.
    names: HashSet<Name>,
    /// Names that have been written to, and not been closed.
    writing: HashSet<Name>,
    /// Files on their way from one name to another, by the kernel's number: whether they are being written.
    moving: HashMap<u32, bool>,
    /// Reported since the last poll.
    changes: Changes,
    /// Whether it was logged that there are no reports.
    warned: bool,
    #[cfg(test)]
    muted: bool,
}

impl Watcher {
    /// As on a network file system: nothing is ever reported.
    #[cfg(test)]
    pub(super) fn mute() -> Self {
        Self { muted: true, ..Self::default() }
    }

    /// Follows what the paths lead to now. What is watched already stays so; nothing is lost in between.
    pub(super) fn watch(&mut self, paths: &[PathBuf]) {
        #[cfg(test)]
        if self.muted {
            return;
        }
        self.read();
        if self.inotify.is_none() {
            match inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK) {
                Ok(inotify) => self.inotify = Some(inotify),
                Err(error) => return self.warn_once(Path::new("files"), error),
            }
        }
        let mut old = std::mem::take(&mut self.watches);
        self.names.clear();
        for path in paths {
            for (directory, name) in links::names(path) {
                if let Some(watch) = self.add(&directory, OF_DIRECTORY) {
                    self.names.insert((watch, name));
                    self.names.insert((watch, OsString::new()));
                }
            }
            if path.is_file()
                && let Some(watch) = self.add(path, OF_FILE)
            {
                self.names.insert((watch, OsString::new()));
            }
        }
        old.retain(|watch, _| !self.watches.contains_key(watch));
        for watch in old.into_keys() {
            if let Some(inotify) = &self.inotify {
                let _ = inotify::remove_watch(inotify, watch); // one whose directory is gone has ended by itself
            }
        }
        self.writing.retain(|(watch, _)| self.watches.contains_key(watch));
    }

    /// The same number as before for what is watched already.
    fn add(&mut self, path: &Path, flags: WatchFlags) -> Option<i32> {
        match inotify::add_watch(self.inotify.as_ref()?, path, flags) {
            Ok(watch) => {
                self.watches.insert(watch, path.to_owned());
                Some(watch)
            }
            // What is not there, or no directory, is for whoever reads it.
            Err(Errno::NOENT | Errno::NOTDIR) => None,
            Err(error) => {
                self.warn_once(path, error);
                None
            }
        }
    }

    fn warn_once(&mut self, path: &Path, error: Errno) {
        if !std::mem::replace(&mut self.warned, true) {
            let path = path.display();
            tracing::warn!(
                %path,
                %error,
                "cannot watch this path with inotify; changes are read after 30 s without another change"
            );
        }
    }

    /// What was reported since the last call.
    pub(super) fn take_changes(&mut self) -> Changes {
        self.read();
        let writing = self.names.iter().any(|name| self.writing.contains(name));
        Changes { writing, ..std::mem::take(&mut self.changes) }
    }

    fn read(&mut self) {
        let Some(inotify) = self.inotify.take() else { return };
        let mut buffer = [MaybeUninit::uninit(); BUFFER];
        let mut reader = inotify::Reader::new(&inotify, &mut buffer);
        for _ in 0..EVENTS_MAX {
            match reader.next() {
                Ok(event) => self.note(&event),
                Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) => break,
                Err(_) => {
                    self.overflowed();
                    break;
                }
            }
        }
        self.inotify = Some(inotify);
    }

    /// Reports are missing: nothing is known any more.
    fn overflowed(&mut self) {
        self.writing.clear();
        self.moving.clear();
        self.record(Some(Trust::Unreported));
    }

    fn note(&mut self, event: &Event<'_>) {
        let flags = event.events();
        if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
            return self.overflowed();
        }
        if !self.watches.contains_key(&event.wd()) {
            return; // of what was watched before
        }
        let name = event.file_name().map_or_else(OsString::new, |name| OsStr::from_bytes(name.to_bytes()).to_owned());
        let name = (event.wd(), name);
        let matters = self.names.contains(&name);
        let mut trust = None;
        if flags.contains(ReadFlags::MODIFY) && (matters || self.writing.len() < OTHERS_MAX) {
            self.writing.insert(name.clone());
        }
        if flags.contains(ReadFlags::CREATE) {
            // It is written to, or was linked as it is.
            trust = Some(Trust::Young);
        }
        if flags.intersects(ReadFlags::CLOSE_WRITE | ReadFlags::DELETE) {
            self.writing.remove(&name);
            trust = Some(Trust::Reported);
        }
        if flags.contains(ReadFlags::MOVED_FROM) {
            if self.moving.len() >= OTHERS_MAX {
                self.moving.clear(); // those that moved out of sight
            }
            self.moving.insert(event.cookie(), self.writing.remove(&name));
            trust = Some(Trust::Reported);
        }
        if flags.contains(ReadFlags::MOVED_TO) {
            // It may still be written to under its new name.
            if self.moving.remove(&event.cookie()) == Some(true) {
                self.writing.insert(name);
            } else {
                self.writing.remove(&name);
            }
            trust = Some(Trust::Reported);
        }
        if flags.intersects(ReadFlags::ATTRIB | ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF) {
            // Says nothing about how the content came to be, unless nothing else has.
            trust = self.changes.trust.or(Some(Trust::Young));
        }
        if matters {
            self.record(trust);
        }
    }

    fn record(&mut self, trust: Option<Trust>) {
        self.changes.any = true;
        self.changes.trust = trust.or(self.changes.trust);
    }
}
