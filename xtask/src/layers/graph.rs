//! Circles in a graph.

use std::collections::{BTreeMap, BTreeSet};

/// Edges: what each node leads to.
pub(super) type Graph = BTreeMap<String, BTreeSet<String>>;

/// Adds an edge.
pub(super) fn connect(graph: &mut Graph, from: &str, to: &str) {
    graph.entry(from.to_owned()).or_default().insert(to.to_owned());
}

/// The largest sets of nodes of which each leads to every other (and to itself), in order.
pub(super) fn circles(graph: &Graph) -> Vec<BTreeSet<String>> {
    let reached: BTreeMap<&String, BTreeSet<&String>> = graph.keys().map(|node| (node, reach(graph, node))).collect();
    let mut circles: Vec<BTreeSet<String>> = Vec::new();
    for (node, others) in &reached {
        if others.contains(node) && !circles.iter().any(|circle| circle.contains(*node)) {
            let back = |other: &&&String| reached.get(**other).is_some_and(|theirs| theirs.contains(node));
            circles.push(others.iter().filter(back).map(|other| (*other).clone()).collect());
        }
    }
    circles
}

/// Everything that `node` leads to in one step or more.
fn reach<'g>(graph: &'g Graph, node: &'g String) -> BTreeSet<&'g String> {
    let mut found = BTreeSet::new();
    let mut left = vec![node];
    while let Some(node) = left.pop() {
        left.extend(graph.get(node).into_iter().flatten().filter(|next| found.insert(*next)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &str)]) -> Graph {
        let mut graph = Graph::new();
        edges.iter().for_each(|(from, to)| connect(&mut graph, from, to));
        graph
    }

    #[test]
    fn circles_are_found_whole_and_what_only_leads_to_them_is_not() {
        let found = circles(&graph(&[
            ("start", "a"),
            ("a", "b"),
            ("b", "c"),
            ("c", "a"),
            ("b", "a"),
            ("c", "end"),
            ("x", "y"),
            ("y", "x"),
            ("own", "own"),
        ]));
        let expected: Vec<BTreeSet<String>> = [vec!["a", "b", "c"], vec!["own"], vec!["x", "y"]]
            .into_iter()
            .map(|circle| circle.into_iter().map(str::to_owned).collect())
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_graph_without_a_way_back_has_none() {
        assert!(circles(&graph(&[("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")])).is_empty());
    }
}
