//! The project's own client. Also makes and deletes the topics of all runs.

use std::time::Duration;

use clients_common::{Meter, Order, VALUE};
use milena_kafka::admin::{Admin, NewTopic};
use milena_kafka::config::{AdminConfig, ConsumerConfig, ProducerConfig, Properties};
use milena_kafka::consumer::{Consumer, Polled, Subscription};
use milena_kafka::producer::{Append, Completions, Producer, ProducerRecord};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// Records that one poll of a source task gives.
const POLL: u64 = 2_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result {
    let order = Order::from_args()?;
    match order.action.as_str() {
        "create" => create(&order).await,
        "delete" => delete(&order).await,
        "consume" => consume(&order).await,
        "produce" => produce(&order).await,
        other => Err(other.into()),
    }
}

fn properties(order: &Order, pairs: &[(&str, &str)]) -> Properties {
    let base = [("bootstrap.servers", order.bootstrap.as_str())];
    base.iter().chain(pairs).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

async fn create(order: &Order) -> Result {
    let admin = Admin::new(AdminConfig::from_properties(&properties(order, &[]))?)?;
    let mut topic = NewTopic::new(order.topic.as_str(), order.partitions, 1);
    // What a run has written is gone before the next has written as much.
    topic.configs.push(("file.delete.delay.ms".to_owned(), "0".to_owned()));
    for (_, created) in admin.create_topics(vec![topic]).await? {
        created?;
    }
    Ok(())
}

async fn delete(order: &Order) -> Result {
    let admin = Admin::new(AdminConfig::from_properties(&properties(order, &[]))?)?;
    Ok(admin.delete_topic(&order.topic).await?)
}

async fn consume(order: &Order) -> Result {
    let group = order.group();
    let pairs = [("group.id", group.as_str()), ("auto.offset.reset", "earliest"), ("enable.auto.commit", "false")];
    let mut consumer = Consumer::new(ConsumerConfig::from_properties(&properties(order, &pairs))?)?;
    consumer.subscribe(Subscription::Topics(vec![order.topic.clone()]));
    let (mut meter, mut bytes) = (Meter::new(order), 0u64);
    loop {
        let Polled::Records(batches) = consumer.poll(Duration::from_secs(10)).await? else { continue };
        let mut count = 0;
        for batch in &batches {
            for record in batch.records() {
                count += 1;
                bytes += record.value.map_or(0, <[u8]>::len) as u64;
            }
        }
        if meter.add(count) {
            break;
        }
    }
    meter.report(bytes);
    Ok(())
}

async fn produce(order: &Order) -> Result {
    let (idempotence, in_flight) = if order.idempotent() { ("true", "5") } else { ("false", "1") };
    let pairs = [
        ("acks", "all"),
        ("enable.idempotence", idempotence),
        ("max.in.flight.requests.per.connection", in_flight),
        ("delivery.timeout.ms", "2147483647"),
    ];
    let (producer, mut completions) = Producer::new(ProducerConfig::from_properties(&properties(order, &pairs))?)?;
    producer.ensure_topic(&order.topic).await?;
    let mut meter = Meter::new(order);
    send(&producer, &mut completions, &order.topic, order.warm_up).await?;
    meter.add(order.warm_up);
    send(&producer, &mut completions, &order.topic, order.records).await?;
    meter.add(order.records);
    meter.report(0);
    producer.close(Duration::from_secs(10)).await?;
    Ok(())
}

/// Sends records poll by poll, and waits until all are acknowledged.
async fn send(producer: &Producer, completions: &mut Completions, topic: &str, records: u64) -> Result {
    let value = [b'x'; VALUE];
    let (mut next, mut acknowledged) = (0, 0);
    while next < records {
        {
            let mut appender = producer.begin().await?;
            for _ in 0..POLL.min(records - next) {
                let record = ProducerRecord {
                    topic,
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
    Ok(())
}
