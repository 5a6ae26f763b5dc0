//! Linux's reports about files. Uses `rustix`, which the project needs anyway, instead of `notify`: reports must be
//! read after the file and on the same thread, to know that a half-read write has been reported. `notify` delivers them
//! later, from its own thread.

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

/// Events of a directory. Without those on files that lost their name: a writer may keep a replaced file open.
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

/// Events of a file itself: a file that is mounted alone into a container is written to in a directory elsewhere.
const OF_FILE: WatchFlags = WatchFlags::MODIFY
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF);

/// Buffer of one read. Each event has at most 272 bytes.
const BUFFER: usize = 16 << 10;

/// Maximum number of events per poll. The kernel's queue holds 16,384 by default; a writer that fills it faster than it
/// is read is not waited for.
const EVENTS_MAX: usize = 65_536;

/// Maximum number of other files to remember as being written, in case one is renamed over a watched file.
const OTHERS_MAX: usize = 1_024;

/// A name in a watched directory. The empty name is the watched directory or file itself.
type Name = (i32, OsString);

/// Watches files, and collects reports about them.
#[derive(Debug, Default)]
pub(super) struct Watcher {
    inotify: Option<OwnedFd>,
    /// Watched paths, both directories and files.
    watches: HashMap<i32, PathBuf>,
    /// The relevant names.
    names: HashSet<Name>,
    /// Names that have been written to, and not closed yet.
    writing: HashSet<Name>,
    /// Files that are being renamed, by the kernel's cookie: whether they are being written.
    moving: HashMap<u32, bool>,
    /// Reports since the last poll.
    changes: Changes,
    /// Whether missing reports have been logged.
    warned: bool,
    #[cfg(test)]
    muted: bool,
}

impl Watcher {
    /// Reports nothing, as on a network file system.
    #[cfg(test)]
    pub(super) fn mute() -> Self {
        Self { muted: true, ..Self::default() }
    }

    /// Watches the files that the paths lead to now. Existing watches continue without a gap.
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
                let _ = inotify::remove_watch(inotify, watch); // the watch of a deleted directory has already ended
            }
        }
        self.writing.retain(|(watch, _)| self.watches.contains_key(watch));
    }

    /// Returns the existing number for a path that is already watched.
    fn add(&mut self, path: &Path, flags: WatchFlags) -> Option<i32> {
        match inotify::add_watch(self.inotify.as_ref()?, path, flags) {
            Ok(watch) => {
                self.watches.insert(watch, path.to_owned());
                Some(watch)
            }
            // A missing path, or one that is not a directory, is an error for the reader of the file.
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

    /// The reports since the last call.
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

    /// Reports were lost: nothing is known any more.
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
            return; // an event of an old watch
        }
        let name = event.file_name().map_or_else(OsString::new, |name| OsStr::from_bytes(name.to_bytes()).to_owned());
        let name = (event.wd(), name);
        let matters = self.names.contains(&name);
        let mut trust = None;
        if flags.contains(ReadFlags::MODIFY) && (matters || self.writing.len() < OTHERS_MAX) {
            self.writing.insert(name.clone());
        }
        if flags.contains(ReadFlags::CREATE) {
            // It is being written to, or was linked without being written.
            trust = Some(Trust::Young);
        }
        if flags.intersects(ReadFlags::CLOSE_WRITE | ReadFlags::DELETE) {
            self.writing.remove(&name);
            trust = Some(Trust::Reported);
        }
        if flags.contains(ReadFlags::MOVED_FROM) {
            if self.moving.len() >= OTHERS_MAX {
                self.moving.clear(); // those that moved to unwatched directories
            }
            self.moving.insert(event.cookie(), self.writing.remove(&name));
            trust = Some(Trust::Reported);
        }
        if flags.contains(ReadFlags::MOVED_TO) {
            // It may still be open for writing under its new name.
            if self.moving.remove(&event.cookie()) == Some(true) {
                self.writing.insert(name);
            } else {
                self.writing.remove(&name);
            }
            trust = Some(Trust::Reported);
        }
        if flags.intersects(ReadFlags::ATTRIB | ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF) {
            // Tells nothing about the writer. Counts only if there is no other report.
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
