//! Processor time: the cost of a call, independent of other load on the machine.

use std::time::Duration;

use crate::Outcome;

/// The kernel's unit for times in /proc, which is the same on every Linux that Rust supports.
const TICKS_PER_SECOND: f64 = 100.0;

/// The processor time of a process so far, in user and kernel mode.
pub(crate) fn used_by(process: u32) -> Outcome<Duration> {
    #[expect(clippy::disallowed_methods, reason = "a line of the kernel's")]
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in parentheses, may hold spaces. Fields 14 and 15 of all, 12 and 13 after it.
    let (_, fields) = stat.rsplit_once(") ").ok_or("no name in /proc/PID/stat")?;
    let mut ticks = 0.0;
    for field in fields.split_whitespace().skip(11).take(2) {
        ticks += field.parse::<f64>()?;
    }
    Ok(Duration::from_secs_f64(ticks / TICKS_PER_SECOND))
}
