//! What a misspelt name was meant to be.

/// The name closest to `name`, when it is close enough to be meant. A key's last part stands for the key.
pub(crate) fn closest(name: &str, known: impl IntoIterator<Item = String>) -> Option<String> {
    let distance = |key: &str| match key.rsplit_once('.') {
        Some((_, leaf)) if leaf == name => 0,
        _ => strsim::damerau_levenshtein(name, key),
    };
    known
        .into_iter()
        .map(|key| (distance(&key), key))
        .filter(|(distance, _)| *distance <= 3 && distance * 2 < name.chars().count())
        .min()
        .map(|(_, key)| key)
}
