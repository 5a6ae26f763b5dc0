//! Cycles in a graph.

use std::collections::{BTreeMap, BTreeSet};

/// Edges from each node.
pub(super) type Graph = BTreeMap<String, BTreeSet<String>>;

/// Adds an edge.
pub(super) fn connect(graph: &mut Graph, from: &str, to: &str) {
    graph.entry(from.to_owned()).or_default().insert(to.to_owned());
}

/// The strongly connected components that contain a cycle, in order.
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

/// All nodes that `node` reaches in one or more steps.
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
    fn cycles_are_complete_and_exclude_nodes_that_only_lead_to_them() {
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
    fn an_acyclic_graph_has_no_cycles() {
        assert!(circles(&graph(&[("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")])).is_empty());
    }
}
