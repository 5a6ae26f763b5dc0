//! A terminal: a pseudo-terminal with a program on it, its output, and keys to press.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    path::Path,
    process::ExitStatus,
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use rustix::{
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, tcgetattr},
};
use tokio::{
    process::{Child, Command},
    sync::Notify,
};

use crate::server::soon;

/// A program on a terminal. Killed when dropped.
pub(super) struct Terminal {
    keys: File,
    /// The program's end. As long as it is open, the terminal keeps its modes.
    end: File,
    child: Child,
    output: Arc<Output>,
    reader: JoinHandle<()>,
}

#[derive(Default)]
struct Output {
    text: Mutex<Vec<u8>>,
    grew: Notify,
}

impl Terminal {
    pub(super) fn spawn(mut command: Command) -> Self {
        let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keys).unwrap();
        unlockpt(&keys).unwrap();
        let name = ptsname(&keys, Vec::new()).unwrap();
        let path = Path::new(name.to_str().unwrap());
        let end = File::options().read(true).write(true).open(path).unwrap();
        let same = || end.try_clone().unwrap();
        command.stdin(same()).stdout(same()).stderr(same());
        let child = command.kill_on_drop(true).spawn().unwrap();
        // The command holds the program's end, too.
        drop(command);
        let (keys, output) = (File::from(keys), Arc::new(Output::default()));
        let (mut screen, written) = (keys.try_clone().unwrap(), Arc::clone(&output));
        let reader = std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            // Fails once nobody has the other end open.
            while let Ok(length @ 1..) = screen.read(&mut chunk) {
                written.text.lock().unwrap().extend(&chunk[..length]);
                written.grew.notify_one();
            }
        });
        Self { keys, end, child, output, reader }
    }

    /// What was printed so far, with plain line ends.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.output.text.lock().unwrap()).replace("\r\n", "\n")
    }

    /// Waits until this was printed, and returns all that was.
    pub(super) async fn shows(&self, text: &str) -> String {
        soon(text, async {
            while !self.text().contains(text) {
                self.output.grew.notified().await;
            }
        })
        .await;
        self.text()
    }

    pub(super) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    pub(super) fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Its exit status and all that it printed, once it has ended and left the terminal as it was.
    pub(super) async fn ended(mut self) -> (ExitStatus, String) {
        let status = soon("the program ends", self.child.wait()).await.unwrap();
        let modes = tcgetattr(&self.end).unwrap().local_modes;
        assert!(modes.contains(LocalModes::ICANON | LocalModes::ECHO), "{modes:?}");
        drop(self.end);
        self.reader.join().unwrap();
        let text = String::from_utf8(self.output.text.lock().unwrap().clone()).unwrap();
        (status, text.replace("\r\n", "\n"))
    }
}
