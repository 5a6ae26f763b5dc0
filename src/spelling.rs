//! What a misspelt name was meant to be.

/// Most letters that may be wrong.
const DISTANCE_MAX: usize = 3;

/// The name closest to `name`, when it is close enough to be meant. A key's last part stands for the key.
pub(crate) fn closest(name: &str, known: impl IntoIterator<Item = String>) -> Option<String> {
    let distance = |key: &str| match key.rsplit_once('.') {
        Some((_, leaf)) if leaf == name => 0,
        // It would be further away than that, and long names cost much to compare.
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
