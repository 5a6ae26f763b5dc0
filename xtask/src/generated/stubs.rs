//! The stubs of clients whose ecosystem expects them to be committed.

use std::fs;
use std::path::Path;

use super::Output;
use crate::clients::CLIENTS;
use crate::failure::Failure;

/// Where the clients generate into, before anything is compared.
const SCRATCH: &str = "target/stubs";

/// What the clients' own generators make of `proto/`.
pub(super) fn outputs(root: &Path) -> Result<Vec<Output>, Failure> {
    let mut outputs = Vec::new();
    for client in CLIENTS.iter().filter(|client| client.commits_stubs) {
        let scratch = root.join(SCRATCH).join(client.name);
        let failed = |error| Failure::File(scratch.clone(), error);
        if scratch.exists() {
            fs::remove_dir_all(&scratch).map_err(failed)?;
        }
        fs::create_dir_all(&scratch).map_err(failed)?;
        client.set_up()?;
        client.generate(&fs::canonicalize(&scratch).map_err(failed)?.to_string_lossy())?;
        let home = Path::new("clients").join(client.name);
        let before = outputs.len();
        collect(&scratch, &home, &mut outputs)?;
        if outputs.len() == before {
            return Err(Failure::Output(format!("{}/scripts/generate", home.display()), "wrote nothing"));
        }
    }
    Ok(outputs)
}

/// Adds every file in `from`, as one of `to`.
pub(super) fn collect(from: &Path, to: &Path, outputs: &mut Vec<Output>) -> Result<(), Failure> {
    let failed = |error| Failure::File(from.to_owned(), error);
    for entry in fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (path, name) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            collect(&path, &name, outputs)?;
        } else {
            let contents = fs::read_to_string(&path).map_err(|error| Failure::File(path, error))?;
            outputs.push(Output { path: name, contents });
        }
    }
    Ok(())
}
