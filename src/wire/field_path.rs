//! Paths of fields in error messages: `agent.chain[2]`, `labels["team"]`, `arguments.items[3].price`.

use std::fmt::Write as _;

/// Maximum shown length of a key, in characters.
const KEY_SHOWN: usize = 64;

/// Appends `.key`, or `["key"]` if it is not an identifier. Shortens long keys, and escapes invisible characters.
pub(crate) fn push_key(path: &mut String, key: &str) {
    let identifier = !key.is_empty()
        && key.len() <= KEY_SHOWN
        && !key.starts_with(|c: char| c.is_ascii_digit())
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if identifier {
        path.push('.');
        path.push_str(key);
    } else {
        push_quoted(path, key);
    }
}

/// Appends `["key"]`.
pub(crate) fn push_quoted(path: &mut String, key: &str) {
    // Writing to a String cannot fail.
    let _ = match key.char_indices().nth(KEY_SHOWN) {
        Some((end, _)) => write!(path, "[{:?}…]", &key[..end]),
        None => write!(path, "[{key:?}]"),
    };
}

/// Appends `[index]`.
pub(crate) fn push_index(path: &mut String, index: usize) {
    let _ = write!(path, "[{index}]");
}

/// `field[index]`.
pub(crate) fn at(field: &str, index: usize) -> String {
    format!("{field}[{index}]")
}
