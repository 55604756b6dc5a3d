//! Writes records as fast as it can: `produce_bench TOPIC [RECORDS] [SIZE] [BOOTSTRAP] [KEY=VALUE…]`.
//!
//! Prints records per second and CPU-seconds per million records.

use std::time::{Duration, Instant};

use milena_kafka::config::{ProducerConfig, Properties};
use milena_kafka::producer::{Append, Producer, ProducerRecord};

#[path = "support/cpu.rs"]
mod cpu;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let topic = args.next().ok_or("usage: produce_bench TOPIC [RECORDS] [SIZE] [BOOTSTRAP] [KEY=VALUE…]")?;
    let records: u64 = args.next().map_or(Ok(5_000_000), |text| text.parse())?;
    let size: usize = args.next().map_or(Ok(100), |text| text.parse())?;
    let bootstrap = args.next().unwrap_or_else(|| "127.0.0.1:9092".to_owned());
    let mut properties = Properties::from_iter(
        [
            ("bootstrap.servers", bootstrap.as_str()),
            ("acks", "all"),
            ("enable.idempotence", "false"),
            ("max.in.flight.requests.per.connection", "1"),
            ("delivery.timeout.ms", "2147483647"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned())),
    );
    for (key, value) in args.filter_map(|arg| arg.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()))) {
        properties.insert(key, value);
    }
    let (producer, mut completions) = Producer::new(ProducerConfig::from_properties(&properties)?)?;
    producer.ensure_topic(&topic).await?;
    let value = vec![b'x'; size];
    let (start, cpu) = (Instant::now(), cpu::seconds());
    let (mut next, mut acknowledged) = (0, 0);
    while next < records {
        {
            let mut appender = producer.begin().await?;
            // As many as a task's poll brings.
            for _ in 0..2000.min(records - next) {
                let record = ProducerRecord {
                    topic: &topic,
                    partition: None,
                    timestamp: None,
                    key: None,
                    value: Some(&value),
                    headers: &[],
                };
                match appender.append(&record, next)? {
                    Append::Appended => next += 1,
                    Append::Full => break,
                    Append::UnknownTopic => return Err("the topic has gone".into()),
                }
            }
        }
        while let Some(completion) = completions.try_next() {
            completion.result?;
            acknowledged += completion.tags.len() as u64;
        }
        tokio::task::yield_now().await;
    }
    producer.flush().await?;
    while acknowledged < records {
        let completion = completions.next().await.ok_or("the producer has ended")?;
        completion.result?;
        acknowledged += completion.tags.len() as u64;
    }
    cpu::report("produced", records, start.elapsed(), cpu::seconds() - cpu);
    producer.close(Duration::from_secs(10)).await?;
    Ok(())
}
