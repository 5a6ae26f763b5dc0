//! Compares the source with the table.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{self, Graph};
use super::resolve::Resolver;
use super::table::{Circle, Layer, Row};
use super::tree::{Kind, Problem, Tree};

/// Maximum paths in the message for an edge of a cycle.
const NAMES_SHOWN: usize = 4;

/// For each module: the modules that it uses, and the modules that only its tests use.
pub(super) type Uses = BTreeMap<String, [BTreeSet<String>; 2]>;

/// The result of the check.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// The problems, in order.
    pub(super) problems: Vec<String>,
    pub(super) uses: Uses,
}

/// Finds uses in `tree` that `layers` and `accepted` do not allow, and permissions in these that `tree` does not need.
pub(super) fn check(layers: &[Layer], accepted: &[Circle], tree: &Tree) -> Report {
    let rows: BTreeMap<&str, &Row> = layers.iter().flat_map(|layer| layer.modules).map(|row| (row.name, row)).collect();
    let resolver = Resolver::new(tree);
    let mut placed: BTreeSet<Problem> = tree.problems.iter().cloned().collect();
    let uses = uses(&rows, tree, &resolver, &mut placed);
    let mut problems: Vec<String> = placed.iter().map(Problem::to_string).collect();
    problems.extend(table_problems(layers));
    problems.extend(unmatched_rows(&rows, tree));
    let tops = tree.tops();
    problems.extend(rows.values().filter(|row| tops.contains(row.name)).flat_map(|row| stale(row, &uses)));
    problems.extend(circles(accepted, tree, &resolver));
    Report { problems, uses }
}

/// Collects which module uses which, and adds a problem for each use that the table does not allow.
fn uses(rows: &BTreeMap<&str, &Row>, tree: &Tree, resolver: &Resolver<'_>, problems: &mut BTreeSet<Problem>) -> Uses {
    let mut uses = Uses::new();
    for reference in &tree.references {
        let module = &tree.modules[reference.module];
        let mut problem = |text| {
            problems.insert(Problem { file: module.file.clone(), line: reference.line, text });
        };
        let route = resolver.resolve(reference);
        for name in &route.unknown {
            problem(format!(
                "`{name}` at the crate's root is not a module, an import or a macro. Move it into a module."
            ));
        }
        if reference.kind == Kind::Glob && tree.library().is_some_and(|root| route.modules.contains(&root)) {
            problem("a glob import of the crate's root hides the modules in use. Name the modules.".to_owned());
        }
        // The library's root only declares and re-exports modules.
        let Some(user) = &module.top else { continue };
        for (used, path) in &route.crossings {
            uses.entry(user.clone()).or_default()[usize::from(reference.test)].insert(used.clone());
            let Some(row) = rows.get(user.as_str()) else { continue };
            let also: &[&str] = if reference.test { row.tests_may_use } else { &[] };
            if !row.may_use.iter().chain(also).any(|allowed| allowed == used) {
                let whose = if reference.test { "tests of " } else { "" };
                let allowed = listed(row.may_use.iter().chain(also).copied());
                problem(format!("{whose}{user} may not use {used} ({path}). Allowed: {allowed}."));
            }
        }
    }
    for [plain, tests] in uses.values_mut() {
        tests.retain(|used| !plain.contains(used));
    }
    uses
}

/// Mistakes in the table itself.
fn table_problems(layers: &[Layer]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut heights: BTreeMap<&str, usize> = BTreeMap::new();
    for (depth, row) in
        layers.iter().enumerate().flat_map(|(depth, layer)| layer.modules.iter().map(move |row| (depth, row)))
    {
        if heights.insert(row.name, depth).is_some() {
            problems.push(format!("The table has two rows for {}.", row.name));
        }
    }
    let mut graph = Graph::new();
    for row in layers.iter().flat_map(|layer| layer.modules) {
        for used in row.may_use.iter().chain(row.tests_may_use) {
            if !heights.contains_key(used) {
                problems.push(format!("The row of {} lists {used}, which has no row.", row.name));
            }
        }
        for used in row.may_use {
            graph::connect(&mut graph, row.name, used);
            if heights.get(used) < heights.get(row.name) && heights.contains_key(used) {
                problems.push(format!("The row of {} lists {used}, which is in a layer above it.", row.name));
            }
        }
        for used in row.tests_may_use.iter().filter(|used| row.may_use.contains(used)) {
            problems.push(format!("The row of {} lists {used} twice; `may_use` is enough.", row.name));
        }
    }
    for circle in graph::circles(&graph) {
        problems.push(format!("The table has a cycle: {} use each other.", listed(circle.iter().map(String::as_str))));
    }
    problems
}

/// Modules without a row, and rows without a module.
fn unmatched_rows(rows: &BTreeMap<&str, &Row>, tree: &Tree) -> Vec<String> {
    let tops = tree.tops();
    let without_row = tops.iter().filter(|top| !rows.contains_key(**top));
    let without_row = without_row.map(|top| format!("The module {top} has no row in the table. Add one."));
    let without_module = rows.keys().filter(|name| !tops.contains(**name));
    without_row
        .chain(
            without_module.map(|name| format!("The table has a row for {name}, but src/ does not have that module.")),
        )
        .collect()
}

/// Permissions that no use needs.
fn stale(row: &Row, uses: &Uses) -> Vec<String> {
    let [plain, tests] = uses.get(row.name).cloned().unwrap_or_default();
    let unused = row.may_use.iter().filter(|used| !plain.contains(*used as &str)).map(|used| {
        let only_tests = tests.contains(*used);
        let instead =
            if only_tests { "Only its tests do: move it to `tests_may_use`." } else { "Delete it from the row." };
        format!("{} may use {used}, but does not. {instead}", row.name)
    });
    let of_tests = row.tests_may_use.iter().filter(|used| !tests.contains(*used as &str));
    let of_tests = of_tests
        .map(|used| format!("tests of {} may use {used}, but do not need to. Delete it from the row.", row.name));
    unused.chain(of_tests).collect()
}

/// Cycles of modules that are not accepted, and accepted ones that have become smaller or are gone.
fn circles(accepted: &[Circle], tree: &Tree, resolver: &Resolver<'_>) -> Vec<String> {
    let edges = edges(tree, resolver);
    let mut graph = Graph::new();
    edges.keys().for_each(|(from, to)| graph::connect(&mut graph, from, to));
    let found = graph::circles(&graph);
    let mut problems = Vec::new();
    for circle in &found {
        let is_accepted = |accepted: &Circle| circle.iter().all(|module| accepted.modules.contains(&module.as_str()));
        if accepted.iter().any(is_accepted) {
            continue;
        }
        let mut text = format!("{} use each other in a cycle:", listed(circle.iter().map(String::as_str)));
        for (_, files) in edges.iter().filter(|((from, to), _)| circle.contains(from) && circle.contains(to)) {
            for ((from, to), names) in files {
                let more = if names.len() > NAMES_SHOWN { ", …" } else { "" };
                let names = listed(names.iter().map(String::as_str).take(NAMES_SHOWN));
                text.push_str(&format!("\n    {from} → {to}: {names}{more}"));
            }
        }
        problems.push(text);
    }
    for module in accepted.iter().flat_map(|circle| circle.modules) {
        if !found.iter().any(|circle| circle.contains(*module)) {
            problems
                .push(format!("The table accepts a cycle with {module}, but {module} is not in a cycle. Delete it."));
        }
    }
    problems
}

/// The files at both ends of an edge, and the paths that make the edge.
type Files<'t> = BTreeMap<(&'t str, &'t str), BTreeSet<String>>;

/// Which module uses which of its siblings. If a file of `a::b::c` names a definition in a file of `a::d::e`, there is
/// an edge from `a::b` to `a::d`.
///
/// A module and its inner modules may use each other freely. The table covers top-level modules. Test code does not
/// count: it may use modules that use the module under test.
fn edges<'t>(tree: &'t Tree, resolver: &Resolver<'t>) -> BTreeMap<(String, String), Files<'t>> {
    let mut paths: BTreeMap<&str, &[String]> = BTreeMap::new();
    for module in &tree.modules {
        // The module of a file comes before its inline modules.
        paths.entry(&module.file).or_insert(&module.path);
    }
    let mut edges: BTreeMap<(String, String), Files<'_>> = BTreeMap::new();
    for reference in tree.references.iter().filter(|reference| !reference.test) {
        let file = tree.modules[reference.module].file.as_str();
        let names = reference.path.iter().skip_while(|name| ["crate", "self", "super"].contains(&name.as_str()));
        let name = names.map(String::as_str).collect::<Vec<_>>().join("::");
        for to in resolver.files(reference) {
            if let Some(siblings) = siblings(paths[file], paths[to]) {
                edges.entry(siblings).or_default().entry((file, to)).or_default().insert(name.clone());
            }
        }
    }
    edges
}

/// The two sibling modules that contain two given modules. `None` for top-level modules, or if one contains the other.
fn siblings(one: &[String], other: &[String]) -> Option<(String, String)> {
    let shared = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    let sibling = |path: &[String]| Some(path.get(..=shared)?.join("::"));
    Some((sibling(one)?, sibling(other)?)).filter(|_| shared > 0)
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
