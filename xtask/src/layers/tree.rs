//! The modules of a crate, with the names and paths in each, read from its source files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::collect::Collector;
use crate::failure::Failure;

/// The library's root file. Other crates call the library [`LIBRARY`].
const LIBRARY_FILE: &str = "src/lib.rs";
/// The library's name.
pub(super) const LIBRARY: &str = "signoff";

/// Source files: the path relative to the repository's root, with `/`, and the text.
pub(super) type Sources = BTreeMap<String, String>;

/// The index of a module in [`Tree::modules`].
pub(super) type ModuleId = usize;

/// A module: a file, or `mod name { … }` in one.
#[derive(Debug)]
pub(super) struct Module {
    /// Its path below the crate's root; empty for the root.
    pub(super) path: Vec<String>,
    pub(super) parent: Option<ModuleId>,
    /// The root of its crate.
    pub(super) root: ModuleId,
    /// Its row in the table. `None` for the library's root.
    pub(super) top: Option<String>,
    pub(super) file: String,
    /// Where the files of its child modules are.
    directory: String,
    /// Whether it is compiled for tests only.
    pub(super) test: bool,
    /// The meanings of each name in its scope. A name can have several, such as a module and a function.
    pub(super) names: BTreeMap<String, Vec<Name>>,
    /// Paths of `use path::*`.
    pub(super) globs: Vec<Vec<String>>,
}

/// The meaning of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Module(ModuleId),
    /// A function, type, constant or macro that the module defines.
    Item,
    /// A path that `use` binds to the name.
    Import(Vec<String>),
}

/// How a path is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `use path;`
    Use,
    /// `pub use path;`, or with any other visibility.
    ReExport,
    /// `use path::*;`, without the `*`, re-exported or not.
    Glob,
    /// Anywhere else.
    Inline,
}

/// A path in the source text.
#[derive(Debug)]
pub(super) struct Reference {
    pub(super) module: ModuleId,
    pub(super) path: Vec<String>,
    pub(super) line: usize,
    pub(super) kind: Kind,
    /// Whether it is in code that is compiled for tests only.
    pub(super) test: bool,
}

/// A problem, with its file and line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Problem {
    pub(super) file: String,
    /// 0 for the file as a whole.
    pub(super) line: usize,
    pub(super) text: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.text),
            line => write!(f, "{}:{line}: {}", self.file, self.text),
        }
    }
}

/// The modules of the library and of the programs in `src/`.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) modules: Vec<Module>,
    pub(super) references: Vec<Reference>,
    pub(super) problems: Vec<Problem>,
    /// Modules whose files are not read yet.
    waiting: Vec<ModuleId>,
}

impl Tree {
    /// Reads the modules that `mod` items reach from `src/lib.rs`, `src/main.rs` and `src/bin/*.rs`.
    pub(super) fn read(sources: &Sources) -> Self {
        let mut tree = Self::default();
        for file in sources.keys() {
            let (directory, name) = file.rsplit_once('/').unwrap_or(("", file));
            let is_program = file == "src/main.rs" || directory == "src/bin";
            if file == LIBRARY_FILE || is_program {
                let top = is_program.then(|| name.trim_end_matches(".rs").to_owned());
                tree.add_root(file, directory, top);
            }
        }
        let mut read = BTreeSet::new();
        while let Some(module) = tree.waiting.pop() {
            let file = tree.modules[module].file.clone();
            let Some(text) = sources.get(&file) else {
                tree.problem(&file, 0, "a `mod` item names this file, but it does not exist. Is it `mod.rs`?");
                continue;
            };
            if !read.insert(file.clone()) {
                tree.problem(&file, 0, "two `mod` items name this file.");
                continue;
            }
            match syn::parse_file(text) {
                Ok(parsed) => Collector::collect(&mut tree, module, &parsed),
                Err(error) => tree.problem(&file, error.span().start().line, &format!("cannot parse: {error}.")),
            }
        }
        for file in sources.keys().filter(|file| !read.contains(*file)) {
            tree.problem(file, 0, "no `mod` item leads to this file.");
        }
        tree
    }

    fn add_root(&mut self, file: &str, directory: &str, top: Option<String>) {
        let root = self.modules.len();
        self.modules.push(Module {
            path: Vec::new(),
            parent: None,
            root,
            top,
            file: file.to_owned(),
            directory: directory.to_owned(),
            test: false,
            names: BTreeMap::new(),
            globs: Vec::new(),
        });
        self.waiting.push(root);
    }

    /// Adds the module `name` of `parent`: in its own file, or `inline`.
    pub(super) fn add_module(&mut self, parent: ModuleId, name: &str, inline: bool, test: bool) -> ModuleId {
        let id = self.modules.len();
        let above = &self.modules[parent];
        let path: Vec<String> = above.path.iter().cloned().chain([name.to_owned()]).collect();
        let directory = format!("{}/{name}", above.directory);
        let module = Module {
            parent: Some(parent),
            root: above.root,
            top: above.top.clone().or_else(|| path.first().cloned()),
            file: if inline { above.file.clone() } else { format!("{directory}.rs") },
            path,
            directory,
            test,
            names: BTreeMap::new(),
            globs: Vec::new(),
        };
        self.modules.push(module);
        self.define(parent, name, Name::Module(id));
        if !inline {
            self.waiting.push(id);
        }
        id
    }

    /// Adds a meaning of `name` in a module.
    pub(super) fn define(&mut self, module: ModuleId, name: &str, what: Name) {
        let meanings = self.modules[module].names.entry(name.to_owned()).or_default();
        if !meanings.contains(&what) {
            meanings.push(what);
        }
    }

    pub(super) fn problem(&mut self, file: &str, line: usize, text: &str) {
        self.problems.push(Problem { file: file.to_owned(), line, text: text.to_owned() });
    }

    /// The root of the library, if there is one.
    pub(super) fn library(&self) -> Option<ModuleId> {
        self.modules.iter().position(|module| module.parent.is_none() && module.top.is_none())
    }

    /// The rows that the table must have: the library's top-level modules and the programs.
    pub(super) fn tops(&self) -> BTreeSet<&str> {
        self.modules.iter().filter_map(|module| module.top.as_deref()).collect()
    }
}

/// Reads every `.rs` file below `src/`.
pub(super) fn sources(root: &Path) -> Result<Sources, Failure> {
    let mut sources = Sources::new();
    add_sources(root, "src", &mut sources)?;
    Ok(sources)
}

fn add_sources(root: &Path, directory: &str, sources: &mut Sources) -> Result<(), Failure> {
    let failed = |path: &str, error| Failure::File(path.into(), error);
    for entry in fs::read_dir(root.join(directory)).map_err(|error| failed(directory, error))? {
        let entry = entry.map_err(|error| failed(directory, error))?;
        let path = format!("{directory}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            add_sources(root, &path, sources)?;
        } else if path.ends_with(".rs") {
            let text = fs::read_to_string(entry.path()).map_err(|error| failed(&path, error))?;
            sources.insert(path, text);
        }
    }
    Ok(())
}
