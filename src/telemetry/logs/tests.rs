use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use super::*;

impl Guard {
    /// A guard of a given provider.
    pub(crate) fn of(provider: SdkTracerProvider) -> Self {
        Self { provider: Some(provider) }
    }
}

/// The logged lines.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Logs of this thread, while the guard lives.
pub(crate) fn capture(
    format: Format,
    filter: &str,
    provider: Option<&SdkTracerProvider>,
) -> (Lines, tracing::dispatcher::DefaultGuard) {
    let lines = Lines::default();
    let writer = lines.clone();
    let filter = EnvFilter::builder().parse(filter).unwrap();
    let dispatch = dispatch(format, filter, false, move || writer.clone(), provider);
    (lines, tracing::dispatcher::set_default(&dispatch))
}

#[test]
fn json_lines_carry_every_span() {
    let (lines, _guard) = capture(Format::Json, "info", None);
    let _outer = tracing::info_span!("rpc", request_id = "r-1").entered();
    let _inner = tracing::info_span!("commit").entered();
    tracing::info!(size = 3, "stored");
    tracing::debug!("not shown");
    let lines = lines.json();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["message"], "stored");
    assert_eq!(lines[0]["size"], 3);
    assert_eq!(lines[0]["level"], "INFO");
    assert_eq!(lines[0]["spans"][0]["request_id"], "r-1");
    assert_eq!(lines[0]["spans"][1]["name"], "commit");
}

#[test]
fn text_is_coloured_only_when_asked() {
    for colour in [false, true] {
        let lines = Lines::default();
        let writer = lines.clone();
        let filter = EnvFilter::new("info");
        let dispatch = dispatch(Format::Text, filter, colour, move || writer.clone(), None);
        tracing::dispatcher::with_default(&dispatch, || tracing::info!(size = 3, "stored"));
        let text = lines.text();
        assert!(text.contains("stored"), "{text}");
        assert_eq!(text.contains('\x1b'), colour, "{text:?}");
    }
}

#[test]
fn what_cannot_be_set_up_is_refused() {
    let options = |filter: &str, endpoint: Option<&str>| Options {
        format: Format::Text,
        filter: filter.to_owned(),
        otlp_endpoint: endpoint.map(str::to_owned),
    };
    assert!(matches!(init(&options("signoff=loud", None)), Err(Error::Filter(_))));
    assert!(matches!(init(&options("info", Some("http://127.0.0.1:4317"))), Err(Error::NoRuntime)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _in_runtime = runtime.enter();
    assert!(matches!(init(&options("info", Some("not a url"))), Err(Error::Exporter(_))));
}

#[tokio::test]
async fn without_an_endpoint_there_is_nothing_to_flush() {
    let guard = Guard { provider: None };
    assert!(!guard.exports_traces());
    guard.shutdown().await;
}

/// The source files and their contents.
#[expect(clippy::disallowed_methods, reason = "the repository's own files")]
fn sources(directory: &std::path::Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

/// A field `?value` is written in Rust's `Debug` format: braces, escapes, and every field that a type gets later.
#[test]
fn no_field_of_a_log_line_is_in_rusts_own_form() {
    let mut found = Vec::new();
    sources(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    let mut macros = 0;
    for (path, text) in found {
        for (at, _) in text.match_indices("tracing::") {
            let call = &text[at + "tracing::".len()..];
            let level = ["error!(", "warn!(", "info!(", "debug!("].iter().find(|level| call.starts_with(*level));
            let Some(level) = level else { continue };
            macros += 1;
            // Fields come before the message.
            let fields = call[level.len()..].split('"').next().unwrap();
            assert!(!fields.contains('?'), "{path}: {fields}");
        }
    }
    assert!(macros > 50, "{macros} were found");
}
