//! Any bytes as a policy file, and as a file of cases: they are read or rejected, and a policy that was read can be
//! written.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use signoff::{
    policy_file::{FileForm, load, load_cases, read, write},
    proto::v1,
};

fuzz_target!(|bytes: &[u8]| {
    let path = Path::new("f");
    if let Ok(policy) = load(path, bytes) {
        let written = rewritten::<v1::Policy>(bytes);
        let again = load(path, written.as_bytes()).unwrap_or_else(|wrong| panic!("{wrong}\n{written}"));
        assert_eq!(policy.document(), again.document(), "{written}");
    }
    if let Ok(cases) = load_cases(path, bytes) {
        let written = rewritten::<v1::PolicyTestCases>(bytes);
        let again = load_cases(path, written.as_bytes()).unwrap_or_else(|wrong| panic!("{wrong}\n{written}"));
        assert_eq!(format!("{cases:?}"), format!("{again:?}"), "{written}");
    }
});

/// The text of the message in a valid file.
fn rewritten<M: FileForm + PartialEq>(bytes: &[u8]) -> String {
    let text = std::str::from_utf8(bytes).expect("it was read");
    let message = read::<M>(text).finish().expect("it was read");
    let written = write(&message);
    let again = read::<M>(&written).finish().unwrap_or_else(|problems| panic!("{problems}\n{written}"));
    assert!(message == again, "{written}\n{}", write(&again));
    written
}
