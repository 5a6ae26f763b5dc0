//! Suggestions for misspelled names.

/// Maximum edit distance of a suggestion.
const DISTANCE_MAX: usize = 3;

/// The known name that is most similar to `name`, if it is similar enough. The last part of a dotted key matches the
/// key.
pub(crate) fn closest(name: &str, known: impl IntoIterator<Item = String>) -> Option<String> {
    let distance = |key: &str| match key.rsplit_once('.') {
        Some((_, leaf)) if leaf == name => 0,
        // The distance is at least the difference in length, and comparing long names is slow.
        _ if name.chars().count().abs_diff(key.chars().count()) > DISTANCE_MAX => usize::MAX,
        _ => strsim::damerau_levenshtein(name, key),
    };
    known
        .into_iter()
        .map(|key| (distance(&key), key))
        .filter(|(distance, _)| *distance <= DISTANCE_MAX && distance * 2 < name.chars().count())
        .min()
        .map(|(_, key)| key)
}
