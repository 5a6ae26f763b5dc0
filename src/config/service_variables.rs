//! Variables that Kubernetes sets in every pod for the Services of its namespace.
//!
//! A Service named `signoff` sets `SIGNOFF_SERVICE_HOST`, `SIGNOFF_PORT=tcp://…` and more; `signoff-web` sets
//! `SIGNOFF_WEB_SERVICE_HOST`. They are not settings, and a test of the table ensures that no setting has such a name.

use std::net::IpAddr;

const PROTOCOLS: [&str; 3] = ["tcp", "udp", "sctp"];

/// Whether Kubernetes set a variable. The value counts too: a person wrote `SIGNOFF_PORT=7766`, and expects an effect.
pub(super) fn is_service_variable(name: &str, value: &str) -> bool {
    shapes(name).any(|shape| match shape {
        Shape::Address => value.parse::<IpAddr>().is_ok(),
        Shape::Port => value.parse::<u16>().is_ok(),
        Shape::Url => value.split_once("://").is_some_and(|(protocol, _)| PROTOCOLS.contains(&protocol)),
        Shape::Protocol => PROTOCOLS.contains(&value),
    })
}

/// The form of such a variable's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `…_SERVICE_HOST`, `…_PORT_7766_TCP_ADDR`.
    Address,
    /// `…_SERVICE_PORT`, `…_SERVICE_PORT_GRPC`, `…_PORT_7766_TCP_PORT`.
    Port,
    /// `…_PORT`, `…_PORT_7766_TCP`.
    Url,
    /// `…_PORT_7766_TCP_PROTO`.
    Protocol,
}

/// The forms that Kubernetes may set a variable of this name to; none if it never makes such a name. There can be
/// several: `SIGNOFF_SERVICE_PORT` is the port of the Service `signoff`, and the URL of the Service `signoff-service`.
pub(super) fn shapes(name: &str) -> impl Iterator<Item = Shape> {
    let ours = name.starts_with("SIGNOFF_");
    let host = name.ends_with("_SERVICE_HOST").then_some(Shape::Address);
    let port = (name.ends_with("_SERVICE_PORT") || name.contains("_SERVICE_PORT_")).then_some(Shape::Port);
    let url = name.ends_with("_PORT").then_some(Shape::Url);
    let one_port = name.rsplit_once("_PORT_").and_then(|(_, port)| of_one_port(port));
    [host, port, url, one_port].into_iter().flatten().filter(move |_| ours)
}

/// The form for `7766_TCP…` after `…_PORT_`.
fn of_one_port(port: &str) -> Option<Shape> {
    let mut parts = port.splitn(3, '_');
    parts.next()?.parse::<u16>().ok()?;
    let protocol = parts.next()?.to_ascii_lowercase();
    PROTOCOLS.contains(&protocol.as_str()).then_some(())?;
    match parts.next() {
        None => Some(Shape::Url),
        Some("ADDR") => Some(Shape::Address),
        Some("PORT") => Some(Shape::Port),
        Some("PROTO") => Some(Shape::Protocol),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a kubelet sets them for the Services `signoff`, `signoff-web`, `signoff-listen`, `signoff-service`,
    /// `signoff-port` and `signoff-port-forward`; the last is IPv6.
    const SET: [(&str, &str); 27] = [
        ("SIGNOFF_SERVICE_HOST", "10.0.0.11"),
        ("SIGNOFF_SERVICE_PORT", "7766"),
        ("SIGNOFF_SERVICE_PORT_GRPC", "7766"),
        ("SIGNOFF_SERVICE_PORT_HTTP_METRICS", "9090"),
        ("SIGNOFF_PORT", "tcp://10.0.0.11:7766"),
        ("SIGNOFF_PORT_7766_TCP", "tcp://10.0.0.11:7766"),
        ("SIGNOFF_PORT_7766_TCP_PROTO", "tcp"),
        ("SIGNOFF_PORT_7766_TCP_PORT", "7766"),
        ("SIGNOFF_PORT_7766_TCP_ADDR", "10.0.0.11"),
        ("SIGNOFF_WEB_SERVICE_HOST", "10.0.0.12"),
        ("SIGNOFF_WEB_SERVICE_PORT", "80"),
        ("SIGNOFF_WEB_PORT", "udp://10.0.0.12:80"),
        ("SIGNOFF_WEB_PORT_80_UDP", "udp://10.0.0.12:80"),
        ("SIGNOFF_WEB_PORT_80_UDP_PROTO", "udp"),
        ("SIGNOFF_WEB_PORT_80_SCTP_PROTO", "sctp"),
        ("SIGNOFF_LISTEN_SERVICE_HOST", "10.0.0.13"),
        ("SIGNOFF_SERVICE_SERVICE_HOST", "10.0.0.14"),
        ("SIGNOFF_SERVICE_SERVICE_PORT", "80"),
        ("SIGNOFF_SERVICE_PORT", "tcp://10.0.0.14:80"),
        ("SIGNOFF_SERVICE_PORT_80_TCP", "tcp://10.0.0.14:80"),
        ("SIGNOFF_SERVICE_PORT_80_TCP_PROTO", "tcp"),
        ("SIGNOFF_PORT_PORT", "tcp://10.0.0.15:80"),
        ("SIGNOFF_PORT_PORT_80_TCP_ADDR", "10.0.0.15"),
        ("SIGNOFF_PORT_FORWARD_SERVICE_HOST", "fd00::1"),
        ("SIGNOFF_PORT_FORWARD_PORT", "tcp://[fd00::1]:1"),
        ("SIGNOFF_PORT_FORWARD_PORT_1_TCP", "tcp://[fd00::1]:1"),
        ("SIGNOFF_PORT_FORWARD_PORT_1_TCP_ADDR", "fd00::1"),
    ];

    #[test]
    fn variables_of_kubernetes_are_detected() {
        for (name, value) in SET {
            assert!(is_service_variable(name, value), "{name}={value}");
        }
    }

    #[test]
    fn variables_of_people_are_not() {
        for (name, value) in [
            ("SIGNOFF_PORT", "7766"),
            ("SIGNOFF_PORT", "http://10.0.0.11:7766"),
            ("SIGNOFF_PORTS", "tcp://10.0.0.11:7766"),
            ("SIGNOFF_LISTEN_PORT", "7766"),
            ("SIGNOFF_SERVICE_HOST", "signoff.example.com"),
            ("SIGNOFF_SERVICE_PORT", "high"),
            ("SIGNOFF_PORT_7766", "tcp://10.0.0.11:7766"),
            ("SIGNOFF_PORT_7766_TCP_NAME", "tcp"),
            ("SIGNOFF_PORT_7766_TCP_PORT_X", "7766"),
            ("SIGNOFF_PORT_X_TCP", "tcp://10.0.0.11:7766"),
            ("SIGNOFF_PORT_7766_HTTP", "tcp://10.0.0.11:7766"),
            ("SIGNOFF_LISTN", "10.0.0.11"),
            ("OTHER_SERVICE_HOST", "10.0.0.11"),
            ("SIGNOFF_", ""),
        ] {
            assert!(!is_service_variable(name, value), "{name}={value}");
        }
    }
}
