//! Figures that the program has to keep; only release builds can.

use anyhow::{Result, ensure};
use milena_e2e::Bench;
use milena_testkit::worker::Kind;

#[tokio::test]
#[ignore = "a figure of release builds on a quiet machine: cargo xtask full"]
async fn an_idle_worker_starts_in_a_tenth_of_a_second_and_stays_small() -> Result<()> {
    let bench = Bench::new()?;
    let mut started = Vec::new();
    let mut resident = 0;
    for _ in 0..5 {
        let mut worker = bench.worker(Kind::Milena).spawn()?;
        worker.wait_until_rest_answers().await?;
        started.push(worker.age());
        worker.wait_until_ready().await?;
        resident = worker.resident_bytes()?;
    }
    started.sort();
    println!(
        "start until REST answers: {:?} (of five, the middle); resident when idle: {} kB",
        started[2],
        resident / 1000
    );
    // The test looks every 10 ms: what it measures is up to that much too long.
    ensure!(started[2].as_millis() < 110, "REST answered only after {:?}", started[2]);
    ensure!(resident < 25_000_000, "an idle worker uses {resident} bytes");
    Ok(())
}
