//! Reads a topic from its beginning as fast as it can: `consume_bench TOPIC [RECORDS] [BOOTSTRAP] [KEY=VALUE…]`.
//!
//! Prints records per second and CPU-seconds per million records.

use std::time::{Duration, Instant};

use milena_kafka::config::{ConsumerConfig, Properties};
use milena_kafka::consumer::{Consumer, Polled, Subscription};

#[path = "support/cpu.rs"]
mod cpu;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let topic = args.next().ok_or("usage: consume_bench TOPIC [RECORDS] [BOOTSTRAP] [KEY=VALUE…]")?;
    let records: u64 = args.next().map_or(Ok(5_000_000), |text| text.parse())?;
    let bootstrap = args.next().unwrap_or_else(|| "127.0.0.1:9092".to_owned());
    let group = format!("consume-bench-{}", std::process::id());
    let mut properties = Properties::from_iter(
        [
            ("bootstrap.servers", bootstrap.as_str()),
            ("group.id", group.as_str()),
            ("auto.offset.reset", "earliest"),
            ("enable.auto.commit", "false"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned())),
    );
    for (key, value) in args.filter_map(|arg| arg.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()))) {
        properties.insert(key, value);
    }
    let mut consumer = Consumer::new(ConsumerConfig::from_properties(&properties)?)?;
    consumer.subscribe(Subscription::Topics(vec![topic]));
    let (mut start, mut cpu) = (Instant::now(), cpu::seconds());
    let (mut read, mut bytes, mut polls) = (0u64, 0u64, 0u64);
    while read < records {
        match consumer.poll(Duration::from_secs(10)).await? {
            Polled::Assigned(_) => (start, cpu) = (Instant::now(), cpu::seconds()),
            Polled::Records(batches) => {
                polls += 1;
                for batch in &batches {
                    for record in batch.records() {
                        read += 1;
                        bytes += record.value.map_or(0, <[u8]>::len) as u64;
                    }
                }
            }
            Polled::Empty => {
                println!("no more records after {read}");
                break;
            }
            _ => {}
        }
    }
    cpu::report("consumed", read, start.elapsed(), cpu::seconds() - cpu);
    println!("{polls} polls, {bytes} bytes of values");
    consumer.close(Duration::from_secs(10)).await;
    Ok(())
}
