//! What all programs share: their order, and how time is taken.

use std::time::{Duration, Instant};

/// What a program is to do.
#[derive(Debug)]
pub struct Order {
    /// `consume` or `produce`.
    pub action: String,
    pub bootstrap: String,
    pub topic: String,
    pub partitions: i32,
    /// Records before time is taken.
    pub warm_up: u64,
    /// Records while it is.
    pub records: u64,
    /// Of consuming: how the client is polled. Of producing: `connect` or `idempotent`.
    pub style: String,
}

/// Bytes of each value; there is no key.
pub const VALUE: usize = 100;

impl Order {
    /// From the command line: `ACTION BOOTSTRAP TOPIC PARTITIONS WARM_UP RECORDS STYLE`.
    pub fn from_args() -> Result<Self, String> {
        let args: Vec<String> = std::env::args().skip(1).collect();
        let [action, bootstrap, topic, partitions, warm_up, records, style] = &args[..] else {
            return Err("usage: ACTION BOOTSTRAP TOPIC PARTITIONS WARM_UP RECORDS STYLE".to_owned());
        };
        let number = |text: &String| text.parse::<u64>().map_err(|error| format!("{text}: {error}"));
        Ok(Self {
            action: action.clone(),
            bootstrap: bootstrap.clone(),
            topic: topic.clone(),
            partitions: i32::try_from(number(partitions)?).map_err(|error| error.to_string())?,
            warm_up: number(warm_up)?,
            records: number(records)?,
            style: style.clone(),
        })
    }

    /// Whether the producer is idempotent, with five requests in flight; otherwise it is Connect's: one, acks=all.
    pub fn idempotent(&self) -> bool {
        self.style == "idempotent"
    }

    /// A group of this run's own.
    pub fn group(&self) -> String {
        format!("{}-{}", self.topic, std::process::id())
    }
}

/// Counts records that have been read, and takes the time between the last one of the warm-up and the last one.
pub struct Meter {
    warm_up: u64,
    end: u64,
    seen: u64,
    /// Records seen, time, processor time.
    begun: Option<(u64, Instant, Duration)>,
}

impl Meter {
    pub fn new(order: &Order) -> Self {
        Self { warm_up: order.warm_up, end: order.warm_up + order.records, seen: 0, begun: None }
    }

    /// Counts; true when all are there.
    #[inline]
    pub fn add(&mut self, records: u64) -> bool {
        self.seen += records;
        if self.begun.is_none() && self.seen >= self.warm_up {
            self.begun = Some((self.seen, Instant::now(), cpu_time()));
        }
        self.seen >= self.end
    }

    /// Prints `records seconds cpu-seconds`, as the runner reads them. `witness` keeps the records' reading from being optimized away.
    pub fn report(&self, witness: u64) {
        let Some((before, wall, cpu)) = self.begun else { return };
        let cpu = cpu_time() - cpu;
        println!("measured {} {:.6} {:.6}", self.seen - before, wall.elapsed().as_secs_f64(), cpu.as_secs_f64());
        eprintln!("witness {witness}");
    }
}

/// User and system time of all threads of this process.
pub fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
