//! Reading files that are named by an operator and looked at again and again.

use std::path::Path;

/// What a file holds.
///
/// # Errors
/// When it cannot be read, is no file (reading a pipe might never end), or has more than `max` bytes.
pub(crate) async fn read(path: &Path, max: usize) -> Result<Vec<u8>, String> {
    let failed = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
    let found = tokio::fs::metadata(path).await.map_err(|error| failed(&error))?;
    if !found.is_file() {
        return Err(failed(&"is no file"));
    }
    if found.len() > max as u64 {
        return Err(failed(&format_args!("has {} bytes; at most {max} are allowed", found.len())));
    }
    tokio::fs::read(path).await.map_err(|error| failed(&error))
}
