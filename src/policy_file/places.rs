//! Finds the position of a field in a file.

use super::{
    problem::Position,
    yaml::{Entry, Mapping, Node, Value},
};
use crate::wire::field_path;

/// Position of the field `path`, or of the nearest field around it that the file has.
pub(super) fn locate(root: &Node, path: &str) -> Position {
    let dotted = if path.is_empty() || path.starts_with('[') { path.to_owned() } else { format!(".{path}") };
    let (mut node, mut rest) = (root, dotted.as_str());
    while let Some((inner, behind)) = step(node, rest) {
        (node, rest) = (inner, behind);
    }
    node.at
}

/// The node that the first part of `path` names, and the rest of it.
fn step<'a, 'b>(node: &'a Node, path: &'b str) -> Option<(&'a Node, &'b str)> {
    match &node.value {
        Value::Mapping(Mapping { entries, .. }) => {
            entries.iter().find_map(|entry| Some((&entry.node, after_key(entry, path)?)))
        }
        Value::Sequence(items) => {
            let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
            Some((items.get(index.parse::<usize>().ok()?)?, rest))
        }
        Value::Scalar(_) | Value::Refused(_) => None,
    }
}

fn after_key<'a>(entry: &Entry, path: &'a str) -> Option<&'a str> {
    let whole = |rest: &&str| rest.is_empty() || rest.starts_with(['.', '[']);
    [field_path::push_key, field_path::push_quoted].into_iter().find_map(|push| {
        let mut name = String::new();
        push(&mut name, &entry.key);
        path.strip_prefix(name.as_str()).filter(whole)
    })
}
