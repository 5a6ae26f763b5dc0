//! Follows paths through the modules, as the compiler does: `self`, `super`, `crate`, imports, re-exports and globs.

use std::collections::{BTreeSet, HashSet};

use super::tree::{Kind, LIBRARY, ModuleId, Name, Reference, Tree};

/// Where a path leads. A name can have several meanings, so a path can lead to several places.
#[derive(Debug, Default)]
pub(super) struct Route {
    /// The first module of another row on each route: the row's name, and the path from the crate's root.
    pub(super) crossings: BTreeSet<(String, String)>,
    /// The modules that define the path's target.
    pub(super) definitions: BTreeSet<ModuleId>,
    /// The modules that the path itself names.
    pub(super) modules: BTreeSet<ModuleId>,
    /// Names below the library's root that are not modules, imports or macros of it.
    pub(super) unknown: BTreeSet<String>,
}

/// Resolves the paths of a tree.
pub(super) struct Resolver<'t> {
    tree: &'t Tree,
    library: Option<ModuleId>,
    /// For each module, the modules whose names its globs bring in.
    globs: Vec<BTreeSet<ModuleId>>,
}

impl<'t> Resolver<'t> {
    pub(super) fn new(tree: &'t Tree) -> Self {
        let globs = vec![BTreeSet::new(); tree.modules.len()];
        let mut resolver = Self { tree, library: tree.library(), globs };
        // A glob can lead through another one, so repeat until nothing changes.
        loop {
            let found = tree.modules.iter().enumerate().map(|(id, module)| {
                module.globs.iter().flat_map(|path| resolver.route(id, path).modules).collect::<BTreeSet<_>>()
            });
            let found: Vec<_> = found.collect();
            if found == resolver.globs {
                return resolver;
            }
            resolver.globs = found;
        }
    }

    /// Where a reference leads.
    pub(super) fn resolve(&self, reference: &Reference) -> Route {
        self.route(reference.module, &reference.path)
    }

    /// The files that define the target of a reference, except its own file. A re-export does not count as a use.
    pub(super) fn files(&self, reference: &Reference) -> BTreeSet<&'t str> {
        if reference.kind == Kind::ReExport {
            return BTreeSet::new();
        }
        let file = self.tree.modules[reference.module].file.as_str();
        let definitions = self.resolve(reference).definitions.into_iter();
        definitions.map(|id| self.tree.modules[id].file.as_str()).filter(|other| *other != file).collect()
    }

    fn route(&self, from: ModuleId, path: &[String]) -> Route {
        let row = self.tree.modules[from].top.as_deref();
        let mut walk = Walk { resolver: self, row, seen: HashSet::new(), open: Vec::new(), written: usize::MAX };
        let mut route = Route::default();
        walk.start(from, path, false, &mut route);
        route
    }

    /// The meanings of `name` in the scope of a module, with the module that declares each.
    fn meanings(&self, module: ModuleId, name: &str, seen: &mut BTreeSet<ModuleId>) -> Vec<(ModuleId, &'t Name)> {
        if !seen.insert(module) {
            return Vec::new();
        }
        if let Some(names) = self.tree.modules[module].names.get(name) {
            return names.iter().map(|name| (module, name)).collect();
        }
        self.globs[module].iter().flat_map(|&id| self.meanings(id, name, seen)).collect()
    }
}

/// One walk from the module where a path is written.
struct Walk<'r, 't> {
    resolver: &'r Resolver<'t>,
    row: Option<&'r str>,
    /// Paths that were already walked, with the module where each starts.
    seen: HashSet<(ModuleId, Vec<String>)>,
    /// Names whose import is being followed. An import can begin with its own name, as in `use name::name`; then that
    /// name is a crate.
    open: Vec<(ModuleId, String)>,
    /// Number of names at the end of the path that the source has there. The names before them come from an import in
    /// the same row, which is checked as its own path.
    written: usize,
}

impl Walk<'_, '_> {
    /// Walks a path from the module `from`, in which it is written. `crossed`: the route has already entered another
    /// row.
    fn start(&mut self, from: ModuleId, path: &[String], crossed: bool, route: &mut Route) {
        if !self.seen.insert((from, path.to_vec())) {
            return;
        }
        let modules = &self.resolver.tree.modules;
        let Some((first, rest)) = path.split_first() else { return };
        match first.as_str() {
            "crate" => self.descend(modules[from].root, rest, crossed, route),
            "self" | "super" => {
                let ups = path.iter().skip(usize::from(first == "self")).take_while(|name| *name == "super").count();
                let skipped = ups + usize::from(first == "self");
                let above = (0..ups).try_fold(from, |module, _| modules[module].parent);
                if let Some(above) = above {
                    self.descend(above, &path[skipped..], crossed, route);
                }
            }
            "::" => self.other_crate(from, rest, crossed, route),
            name => {
                if !self.follow(from, name, rest, crossed, route) {
                    self.other_crate(from, path, crossed, route);
                }
            }
        }
    }

    /// Walks a path that begins with the name of a crate. Only the library is known.
    fn other_crate(&mut self, from: ModuleId, path: &[String], crossed: bool, route: &mut Route) {
        let Some((first, rest)) = path.split_first() else { return };
        let root = self.resolver.tree.modules[from].root;
        let library = self.resolver.library.filter(|&library| first == LIBRARY && library != root);
        if let Some(library) = library {
            self.descend(library, rest, crossed, route);
        }
    }

    /// Continues with `path` inside a module.
    fn descend(&mut self, module: ModuleId, path: &[String], crossed: bool, route: &mut Route) {
        let here = &self.resolver.tree.modules[module];
        let crosses = !crossed && here.top.as_deref().is_some_and(|row| Some(row) != self.row);
        if let Some(row) = here.top.as_ref().filter(|_| crosses && path.len() < self.written) {
            let names = here.path.iter().chain(path).map(String::as_str);
            let shown: Vec<&str> = ["crate"].into_iter().chain(names).collect();
            route.crossings.insert((row.clone(), shown.join("::")));
        }
        let crossed = crossed || crosses;
        let Some((first, rest)) = path.split_first() else {
            route.modules.insert(module);
            return;
        };
        if self.follow(module, first, rest, crossed, route) {
            return;
        }
        if Some(module) == self.resolver.library {
            route.unknown.insert(first.clone());
        } else {
            // Defined by a macro, or by a glob import of another crate.
            route.definitions.insert(module);
        }
    }

    /// Continues with each meaning of `name` in a module; returns whether there is any.
    fn follow(&mut self, module: ModuleId, name: &str, rest: &[String], crossed: bool, route: &mut Route) -> bool {
        let mut meanings = self.resolver.meanings(module, name, &mut BTreeSet::new());
        meanings.retain(|(module, _)| !self.open.iter().any(|open| open.0 == *module && open.1 == name));
        for (module, meaning) in &meanings {
            match meaning {
                Name::Module(id) => self.descend(*id, rest, crossed, route),
                Name::Item => {
                    route.definitions.insert(*module);
                }
                Name::Import(path) => {
                    let path: Vec<String> = path.iter().chain(rest).cloned().collect();
                    let written = self.written;
                    // The library's root has no row, so its imports count where they are used.
                    if Some(*module) != self.resolver.library {
                        self.written = written.min(rest.len());
                    }
                    self.open.push((*module, name.to_owned()));
                    self.start(*module, &path, crossed, route);
                    self.open.pop();
                    self.written = written;
                }
            }
        }
        !meanings.is_empty()
    }
}
