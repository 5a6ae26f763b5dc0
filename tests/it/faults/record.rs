//! The file operations of a server, in order; and the possible states of a disk after a power loss at any moment.
//!
//! The model is stricter than common file systems. Everything that a file's last finished sync covers is on the disk.
//! Each later write is there, lost, or there only in some sectors. A name is there if its directory was synced after it
//! was created; of later changes of names a prefix is there, as in a journal.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use crate::load::Random;

/// The size of a sector, which a disk writes whole.
const SECTOR: usize = 512;

/// A record of `inject.c`: its fixed part.
const HEAD: usize = 29;

/// The operations, in the server's order.
#[derive(Debug)]
pub(super) struct Record {
    root: PathBuf,
    root_inode: u64,
    operations: Vec<Operation>,
}

#[derive(Debug)]
struct Operation {
    /// The end of its record, which dates the operation.
    done: u64,
    inode: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    Write {
        offset: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        length: usize,
    },
    /// Everything written to the file before a moment is on the disk.
    Sync {
        before: u64,
    },
    Create(PathBuf),
    Rename(PathBuf, PathBuf),
    Unlink(PathBuf),
    Directory(PathBuf),
}

/// The fate of data that was not synced.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Lost,
    Kept,
    /// Per write.
    Some,
    /// Per sector.
    Torn,
}

const FATES: [Fate; 4] = [Fate::Lost, Fate::Kept, Fate::Some, Fate::Torn];

impl Record {
    /// Reads the record of the files below `root`.
    pub(super) fn read(file: &Path, root: &Path) -> Self {
        let bytes = crate::files::read(file).expect("the record");
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        let (mut operations, mut at) = (Vec::new(), 0);
        // A kill may have truncated the last record.
        while at + HEAD <= bytes.len() {
            let length = u32::from_le_bytes(bytes[at + 25..at + HEAD].try_into().expect("4 bytes")) as usize;
            let Some(body) = bytes.get(at + HEAD..at + HEAD + length) else { break };
            let (kind, inode, a) = (bytes[at], number(at + 1), number(at + 9));
            let path = |bytes: &[u8]| PathBuf::from(std::str::from_utf8(bytes).expect("a path"));
            let what = match kind {
                1 => What::Write { offset: a as usize, bytes: body.to_vec() },
                2 => What::Truncate { length: a as usize },
                3 => What::Sync { before: a },
                4 => What::Create(path(body)),
                5 => {
                    let end = body.iter().position(|byte| *byte == 0).expect("two names");
                    What::Rename(path(&body[..end]), path(&body[end + 1..]))
                }
                6 => What::Unlink(path(body)),
                7 => What::Directory(path(body)),
                other => panic!("unknown kind of record: {other}"),
            };
            at += HEAD + length;
            operations.push(Operation { done: at as u64, inode, what });
        }
        let root_inode = fs::metadata(root).expect("the data directory").ino();
        Self { root: root.to_owned(), root_inode, operations }
    }

    /// The number of changes.
    pub(super) fn len(&self) -> usize {
        self.operations.len()
    }

    /// The moment after this many changes.
    pub(super) fn moment(&self, changes: usize) -> u64 {
        changes.checked_sub(1).map_or(0, |last| self.operations[last].done)
    }

    /// Creates a possible state of the disk after a power loss, after this many changes. Returns the fate of the rest.
    pub(super) fn lose_power(&self, changes: usize, random: &mut Random, target: &Path) -> String {
        let done = &self.operations[..changes];
        let mut covered: HashMap<u64, u64> = HashMap::new();
        for operation in done {
            if let What::Sync { before } = operation.what {
                let known = covered.entry(operation.inode).or_default();
                *known = before.max(*known);
            }
        }
        let durable = |operation: &Operation, inode: u64| covered.get(&inode).is_some_and(|end| operation.done <= *end);
        let fate = FATES[random.below(FATES.len())];
        let names_kept = random.below(changes + 1);

        let (mut names, mut contents) = (BTreeMap::new(), HashMap::<u64, Vec<u8>>::new());
        let mut directories = HashMap::from([(self.root.clone(), self.root_inode)]);
        for (index, operation) in done.iter().enumerate() {
            if let What::Directory(path) = &operation.what {
                directories.insert(path.clone(), operation.inode);
            }
            let named = |path: &Path| {
                let parent = path.parent().and_then(|parent| directories.get(parent)).copied();
                index < names_kept || parent.is_some_and(|parent| durable(operation, parent))
            };
            let content = contents.entry(operation.inode).or_default();
            let safe = durable(operation, operation.inode);
            match &operation.what {
                What::Sync { .. } => {}
                What::Write { offset, bytes } => write(content, *offset, bytes, safe, fate, random),
                What::Truncate { length } => {
                    if safe || matches!(fate, Fate::Kept) || (!matches!(fate, Fate::Lost) && random.percent(50)) {
                        content.resize(*length, 0);
                    }
                }
                What::Create(path) => {
                    content.clear(); // a number that was used before
                    if named(path) {
                        names.insert(path.clone(), Some(operation.inode));
                    }
                }
                What::Directory(path) => {
                    if named(path) {
                        names.insert(path.clone(), None);
                    }
                }
                What::Rename(from, to) => {
                    if named(to)
                        && let Some(inode) = names.remove(from)
                    {
                        names.insert(to.clone(), inode);
                    }
                }
                What::Unlink(path) => {
                    if named(path) {
                        names.remove(path);
                    }
                }
            }
        }
        fs::create_dir_all(target).expect("a directory");
        for (path, inode) in names {
            let path = target.join(path.strip_prefix(&self.root).expect("a path below the root"));
            match inode {
                None => fs::create_dir_all(path).expect("a directory"),
                // A name in a lost directory is lost too.
                Some(inode) if path.parent().is_some_and(Path::exists) => {
                    fs::write(path, contents.get(&inode).map_or(&[][..], Vec::as_slice)).expect("a file");
                }
                Some(_) => {}
            }
        }
        format!("after {changes} changes, of the rest {fate:?}, names up to {names_kept}")
    }
}

fn write(content: &mut Vec<u8>, offset: usize, bytes: &[u8], safe: bool, fate: Fate, random: &mut Random) {
    let mut put = |from: usize, to: usize| {
        if content.len() < offset + to {
            content.resize(offset + to, 0);
        }
        content[offset + from..offset + to].copy_from_slice(&bytes[from..to]);
    };
    match fate {
        _ if safe => put(0, bytes.len()),
        Fate::Kept => put(0, bytes.len()),
        Fate::Lost => {}
        Fate::Some => {
            if random.percent(50) {
                put(0, bytes.len());
            }
        }
        Fate::Torn => {
            // Sectors of the disk, not of the write.
            let mut from = 0;
            while from < bytes.len() {
                let to = bytes.len().min((offset + from) / SECTOR * SECTOR + SECTOR - offset);
                if random.percent(50) {
                    put(from, to);
                }
                from = to;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(done: u64, inode: u64, what: What) -> Operation {
        Operation { done, inode, what }
    }

    /// Only synced content and synced names are certain to survive.
    #[test]
    fn only_synced_data_is_certain() {
        let root = PathBuf::from("/data");
        let write = |bytes: &[u8]| What::Write { offset: 0, bytes: bytes.to_vec() };
        let record = Record {
            root: root.clone(),
            root_inode: 1,
            operations: vec![
                operation(1, 7, What::Create(root.join("synced"))),
                operation(2, 7, write(b"first")),
                operation(3, 7, What::Sync { before: 2 }),
                operation(4, 1, What::Sync { before: 3 }),
                operation(5, 7, write(b"again")),
                operation(6, 8, What::Create(root.join("unnamed"))),
                operation(7, 8, write(b"other")),
                operation(8, 8, What::Sync { before: 7 }),
            ],
        };
        let (mut contents, mut named) = (std::collections::HashSet::new(), std::collections::HashSet::new());
        for seed in 0..200 {
            let target = tempfile::tempdir().unwrap();
            record.lose_power(8, &mut Random::seeded(seed), target.path());
            contents.insert(crate::files::read(target.path().join("synced")).unwrap());
            named.insert(target.path().join("unnamed").exists());
            let early = tempfile::tempdir().unwrap();
            record.lose_power(4, &mut Random::seeded(seed), early.path());
            assert_eq!(crate::files::read(early.path().join("synced")).unwrap(), b"first");
        }
        assert_eq!(contents, [b"first".to_vec(), b"again".to_vec()].into());
        assert_eq!(named, [false, true].into());
    }
}
