//! The disk's own speed: appending the same bytes to a file and syncing it, from one thread.

use std::{
    fs::File,
    io::Write as _,
    time::{Duration, Instant},
};

use crate::{Outcome, scratch::Scratch};

/// Records per second when each sync serves `per_sync` of them: one per caller, as all callers wait for the sync.
pub(crate) fn records_per_second(record: &[u8], per_sync: usize, seconds: f64) -> Outcome<f64> {
    let scratch = Scratch::new()?;
    let mut file = File::create_new(scratch.path().join("raw"))?;
    let group = record.repeat(per_sync);
    let (start, length) = (Instant::now(), Duration::from_secs_f64(seconds));
    let mut syncs = 0_u32;
    while start.elapsed() < length {
        file.write_all(&group)?;
        file.sync_data()?;
        syncs += 1;
    }
    #[expect(clippy::cast_precision_loss, reason = "a few hundred callers")]
    let records = f64::from(syncs) * per_sync as f64;
    Ok(records / start.elapsed().as_secs_f64())
}
