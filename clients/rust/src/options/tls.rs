use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

use http::Uri;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::{ConnectError, Options};

/// The trusted authorities and the client certificate; `None` for an address without TLS.
pub(super) fn config(options: &Options, address: &Uri) -> Result<Option<ClientTlsConfig>, ConnectError> {
    if options.certificate.is_some() != options.key.is_some() {
        return Err(ConnectError::HalfIdentity);
    }
    if address.scheme_str() != Some("https") {
        return Ok(None);
    }
    let mut tls = match &options.ca {
        Some(path) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(path)?)),
        None => ClientTlsConfig::new().with_native_roots(),
    };
    if let (Some(certificate), Some(key)) = (&options.certificate, &options.key) {
        tls = tls.identity(Identity::from_pem(read(certificate)?, read(key)?));
    }
    Ok(Some(tls))
}

/// Largest file, in bytes: room for hundreds of authorities, and as much as the server takes.
const FILE_MAX: usize = 1 << 20;

fn read(path: &Path) -> Result<Vec<u8>, ConnectError> {
    bounded(path).map_err(|error| ConnectError::File { path: path.to_owned(), error })
}

/// Reads no more than is allowed, whatever length the file system gives, and only regular files.
fn bounded(path: &Path) -> io::Result<Vec<u8>> {
    // Opening a pipe without a writer would block forever. To open it without waiting takes a flag that the standard
    // library does not name. A look before is enough: it is there for a mistaken path, and whoever can replace the file
    // between the two calls can replace what it holds too.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "is not a regular file"));
    }
    let mut content = Vec::new();
    File::open(path)?.take(FILE_MAX as u64 + 1).read_to_end(&mut content)?;
    if content.len() > FILE_MAX {
        let message = format!("is larger than the limit of {FILE_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(path: impl AsRef<Path>) -> String {
        let ConnectError::File { error, .. } = read(path.as_ref()).unwrap_err() else { panic!() };
        error.to_string()
    }

    #[test]
    fn a_large_file_is_an_error() {
        // The tests themselves are larger.
        assert_eq!(complaint(std::env::current_exe().unwrap()), "is larger than the limit of 1048576 bytes");
    }

    #[cfg(unix)]
    #[test]
    fn what_has_no_end_is_an_error() {
        use std::os::fd::AsRawFd as _;
        let (reader, _silent) = io::pipe().unwrap();
        for path in ["/dev/zero", "/", &format!("/dev/fd/{}", reader.as_raw_fd())] {
            assert_eq!(complaint(path), "is not a regular file", "{path}");
        }
    }
}
