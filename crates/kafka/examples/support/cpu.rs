//! CPU time of this process, from /proc.

use std::time::Duration;

/// User and system time so far, in seconds.
pub fn seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    // Fields 14 and 15 of the line, in ticks of 10 ms.
    [11, 12].iter().filter_map(|at| fields.get(*at)?.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// One line of figures.
pub fn report(what: &str, records: u64, wall: Duration, cpu: f64) {
    let million = records as f64 / 1e6;
    println!(
        "{what} {records} records: {:.0} records/s, {:.3} CPU-s per million",
        records as f64 / wall.as_secs_f64(),
        cpu / million
    );
}
