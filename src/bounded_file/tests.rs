use std::{fs, io::Write as _, thread};

use super::{samples::endless, *};

fn message<T: std::fmt::Debug>(result: io::Result<T>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn a_file_may_have_the_maximum_size() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    for (length, allowed) in [(0, true), (9, true), (10, true), (11, false), (1_000, false)] {
        fs::write(&path, vec![b'x'; length]).unwrap();
        for read in [read, read_input] {
            match read(&path, 10) {
                Ok(content) => assert!(allowed && content.len() == length),
                Err(error) => {
                    assert!(!allowed);
                    assert_eq!(error.kind(), ErrorKind::FileTooLarge);
                    assert_eq!(error.to_string(), format!("has {length} bytes; at most 10 are allowed"));
                }
            }
        }
        assert_eq!(read_stream(File::open(&path).unwrap(), 10).is_ok(), allowed);
    }
    assert_eq!(read(&directory.path().join("no"), 10).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(read_input(&directory.path().join("no"), 10).unwrap_err().kind(), ErrorKind::NotFound);
}

/// `/proc` reports length 0.
#[test]
fn the_length_that_a_file_system_reports_does_not_count() {
    let path = Path::new("/proc/self/cmdline");
    if path.exists() {
        assert!(!read(path, 1 << 20).unwrap().is_empty());
        assert_eq!(message(read(path, 1)), "has 2 bytes; at most 1 are allowed");
    }
}

#[test]
fn endless_files_are_errors() {
    let directory = tempfile::tempdir().unwrap();
    let [zero, pipe, inner] = endless(directory.path());
    for path in [&zero, &pipe, &inner] {
        assert_eq!(message(read(path, 1 << 20)), "is not a regular file");
    }
    let more = "is larger than the limit of 1048576 bytes";
    assert_eq!(message(read_input(&zero, 1 << 20)), more);
    assert_eq!(message(read_stream(File::open(&zero).unwrap(), 1 << 20)), more);
    assert_eq!(message(read_input(&pipe, 1 << 20)), "is a pipe without a writer");
    assert_eq!(read_input(&inner, 1 << 20).unwrap_err().kind(), ErrorKind::IsADirectory);
}

#[test]
fn a_pipe_may_be_opened_before_its_writer() {
    for written in ["abc", ""] {
        let directory = tempfile::tempdir().unwrap();
        let [_, pipe, _] = endless(directory.path());
        let reading = thread::spawn({
            let pipe = pipe.clone();
            move || read_input(&pipe, 10)
        });
        // Opening for writing without blocking fails until there is a reader.
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let mut writer = loop {
            match File::options().write(true).custom_flags(flags).open(&pipe) {
                Ok(writer) => break writer,
                Err(_) => {
                    assert!(!reading.is_finished(), "the reader waits for a writer");
                    thread::yield_now();
                }
            }
        };
        writer.write_all(written.as_bytes()).unwrap();
        drop(writer);
        assert_eq!(reading.join().unwrap().unwrap(), written.as_bytes());
    }
}

#[test]
fn a_pipe_whose_writer_is_slow_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let [_, pipe, _] = endless(directory.path());
    // Opening for reading and writing does not block. Nothing is written before the wait for a writer ends.
    let mut writer = File::options().read(true).write(true).open(&pipe).unwrap();
    let mut input = open_input(&pipe).unwrap();
    let reading = thread::spawn(move || {
        let mut seen = [0; 3];
        input.read_exact(&mut seen).map(|()| seen)
    });
    writer.write_all(b"abc").unwrap();
    assert_eq!(&reading.join().unwrap().unwrap(), b"abc");
}

#[tokio::test]
async fn errors_name_the_file() {
    let error = read_named(Path::new("/dev/zero"), 10).await.unwrap_err();
    assert_eq!(error, "/dev/zero: is not a regular file");
}
