//! What all commands that run need: two Tokio runtimes, and an end that waits for nothing.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use milena_runtime::tasks::Spawner;
use tokio::runtime::{Builder, Runtime};

/// The runtimes of a process: one for control, one for data.
pub struct Runtimes {
    control: Runtime,
    data: Runtime,
}

impl Runtimes {
    /// Starts them; the data runtime has a thread per core.
    pub fn new() -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let build = |name: &str, threads: usize| {
            Builder::new_multi_thread().worker_threads(threads).thread_name(name).enable_all().build()
        };
        let control = build("control", cores.min(2)).context("could not start threads")?;
        let data = build("data", cores).context("could not start threads")?;
        Ok(Runtimes { control, data })
    }

    /// Where work is started.
    pub fn spawner(&self) -> Spawner {
        Spawner::new(self.control.handle().clone(), self.data.handle().clone())
    }

    /// Runs `work` to its end on the control runtime, then ends both without waiting for plug-ins that block.
    pub fn run(self, work: impl Future<Output = ExitCode>) -> ExitCode {
        let code = self.control.block_on(work);
        self.data.shutdown_timeout(Duration::from_millis(100));
        self.control.shutdown_timeout(Duration::from_millis(100));
        code
    }
}
