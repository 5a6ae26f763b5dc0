//! Variables that are not settings: of clients, of Kubernetes, and misspelled ones.

use super::super::{
    service_variables, sources,
    table::{Setting, TABLE},
};
use super::*;

#[test]
fn variables_of_clients_and_of_others_are_ignored() {
    let others = [
        ("SIGNOFF_TOKEN", "t"),
        ("SIGNOFF_ADDRESS", "http://a"),
        ("SIGNOFF_CA", "ca"),
        ("SIGNOFF_CERTIFICATE", "c"),
        ("SIGNOFF_KEY", "k"),
        ("SIGNOFF_INSECURE", "1"),
        ("SIGNOFF_ARGUMENTS", "{}"),
        ("SIGNOFF_APPROVAL_ID", "a"),
        ("signoff_x", "1"),
        ("SIGNOFFX", "1"),
        ("PATH", ""),
    ];
    assert_eq!(load(&dev(&[]), env(&others)).unwrap(), dev_defaults());
    let errors = message(load(&dev(&[]), env(&[("SIGNOFF_TOKEN_FILE_X", "t"), ("SIGNOFF_TOKNE", "t")])));
    assert_eq!(
        errors,
        "environment SIGNOFF_TOKEN_FILE_X: unknown variable\n\
         environment SIGNOFF_TOKNE: unknown variable; did you mean SIGNOFF_TOKEN?"
    );
}

#[test]
fn variables_of_kubernetes_services_are_ignored_and_typing_errors_found() {
    let service = [
        ("SIGNOFF_SERVICE_HOST", "10.0.0.11"),
        ("SIGNOFF_SERVICE_PORT", "7766"),
        ("SIGNOFF_SERVICE_PORT_GRPC", "7766"),
        ("SIGNOFF_PORT", "tcp://10.0.0.11:7766"),
        ("SIGNOFF_PORT_7766_TCP", "tcp://10.0.0.11:7766"),
        ("SIGNOFF_PORT_7766_TCP_PROTO", "tcp"),
        ("SIGNOFF_PORT_7766_TCP_PORT", "7766"),
        ("SIGNOFF_PORT_7766_TCP_ADDR", "10.0.0.11"),
        ("SIGNOFF_WEB_SERVICE_HOST", "10.0.0.12"),
        ("SIGNOFF_WEB_PORT", "tcp://10.0.0.12:80"),
    ];
    assert_eq!(load(&dev(&[]), env(&service)).unwrap(), dev_defaults());
    let errors = message(load(&dev(&[]), env(&[("SIGNOFF_PORT", "7766"), ("SIGNOFF_LISTN", "10.0.0.11")])));
    assert_eq!(
        errors,
        "environment SIGNOFF_LISTN: unknown variable; did you mean SIGNOFF_LISTEN?\n\
         environment SIGNOFF_PORT: unknown variable; did you mean SIGNOFF_LISTEN?"
    );
}

#[test]
fn no_setting_has_a_name_that_kubernetes_makes() {
    let names = TABLE.iter().map(Setting::variable).chain(sources::CLIENT_VARIABLES.map(str::to_owned));
    let taken: Vec<_> = names.filter(|name| service_variables::shapes(name).next().is_some()).collect();
    assert!(taken.is_empty(), "Kubernetes sets these for a Service of that name: {taken:?}");
}
