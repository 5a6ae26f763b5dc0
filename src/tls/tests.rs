use std::path::Path;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::*;
use crate::bounded_file;

/// A PEM certificate that is valid until this year, and its key.
fn pair(year: i32) -> (String, String) {
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_after = date_time_ymd(year, 1, 1);
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn files(directory: &Path) -> TlsFiles {
    TlsFiles {
        certificate: directory.join("tls.crt"),
        key: directory.join("tls.key"),
        client_ca: Some(directory.join("ca.crt")),
        require_client_certificate: true,
    }
}

fn write(directory: &Path, certificate: &str, key: &str, client_ca: &str) {
    for (name, content) in [("tls.crt", certificate), ("tls.key", key), ("ca.crt", client_ca)] {
        std::fs::write(directory.join(name), content).unwrap();
    }
}

#[tokio::test]
async fn invalid_files_are_rejected_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let ((certificate, key), (other, _)) = (pair(2040), pair(2041));
    let half = &certificate[..certificate.len() / 2];
    let start = async || {
        let files = files(directory.path());
        LiveTls::start(files.clone(), &files.contents().await.map_err(TlsError::Unreadable)?)
    };
    let refused = async |certificate: &str, key: &str, client_ca: &str| {
        write(directory.path(), certificate, key, client_ca);
        start().await.expect_err("it is rejected").to_string()
    };
    assert!(refused("", &key, &other).await.ends_with("tls.crt: contains no PEM certificate"));
    assert!(refused(half, &key, &other).await.ends_with("tls.crt: contains a PEM block without its END line"));
    let letters = certificate.replace("BEGIN CERTIFICATE-----\n", "BEGIN CERTIFICATE-----\n?");
    assert!(refused(&letters, &key, &other).await.ends_with("tls.crt: contains a PEM block that is not valid base64"));
    let empty = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    assert!(refused(empty, &key, &other).await.contains("tls.crt: malformed certificate"));
    assert!(refused(&certificate, &key, empty).await.ends_with("ca.crt: malformed certificate"));
    assert!(refused(&certificate, &certificate, &other).await.ends_with("tls.key: contains no PEM private key"));
    assert!(refused(&other, &key, &other).await.contains("tls.key does not match the certificate in "));
    assert!(refused(&certificate, &key, &key).await.ends_with("ca.crt: contains no PEM certificate"));
    std::fs::remove_file(directory.path().join("tls.key")).unwrap();
    let missing = start().await.err().unwrap().to_string();
    assert!(missing.contains("tls.key: No such file"), "{missing}");
    for endless in bounded_file::samples::endless(directory.path()) {
        std::fs::rename(&endless, directory.path().join("tls.key")).unwrap();
        let told = start().await.err().unwrap().to_string();
        assert!(told.ends_with("tls.key: is not a regular file"), "{told}");
        std::fs::rename(directory.path().join("tls.key"), endless).unwrap();
    }
}

#[tokio::test]
async fn the_last_valid_content_stays() {
    let directory = tempfile::tempdir().unwrap();
    let ((first, first_key), (second, second_key)) = (pair(2040), pair(2041));
    write(directory.path(), &first, &first_key, &first);
    let files = files(directory.path());
    let contents = files.contents().await.unwrap();
    let tls = LiveTls::start(files, &contents).unwrap();
    let (config, status) = (tls.config(), tls.status());
    let year = || status.borrow().not_after.format("%Y").to_string();
    assert_eq!((year(), status.borrow().fault.is_some()), ("2040".to_owned(), false));

    for fault in [Err("gone".to_owned()), Ok(TlsContents { key: second_key.clone().into(), ..contents.clone() })] {
        tls.take(fault);
        assert!(Arc::ptr_eq(&config, &tls.config()), "new connections use the last valid files");
        assert_eq!((year(), status.borrow().fault.is_some()), ("2040".to_owned(), true));
    }
    let replaced = TlsContents { certificate: second.into(), key: second_key.into(), ..contents };
    tls.take(Ok(replaced));
    assert!(!Arc::ptr_eq(&config, &tls.config()));
    assert_eq!((year(), status.borrow().fault.is_some()), ("2041".to_owned(), false));
}
