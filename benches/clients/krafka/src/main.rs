//! krafka.

use std::time::Duration;

use clients_common::{Meter, Order, VALUE};
use krafka::Kafka;
use krafka::consumer::AutoOffsetReset;
use krafka::producer::{Acks, Producer, Record};

type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result {
    let order = Order::from_args()?;
    match order.action.as_str() {
        "consume" => consume(&order).await,
        "produce" => produce(&order).await,
        other => Err(other.into()),
    }
}

async fn consume(order: &Order) -> Result {
    let kafka = Kafka::builder(order.bootstrap.as_str()).connect().await?;
    let consumer = kafka
        .consumer(order.group())
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .enable_auto_commit(false)
        .build()
        .await?;
    consumer.subscribe([order.topic.as_str()]).await?;
    let (mut meter, mut bytes) = (Meter::new(order), 0u64);
    loop {
        let records = consumer.poll(Duration::from_secs(10)).await?;
        for record in &records {
            bytes += record.value.as_ref().map_or(0, |value| value.len()) as u64;
        }
        if meter.add(records.len() as u64) {
            break;
        }
    }
    meter.report(bytes);
    Ok(())
}

async fn produce(order: &Order) -> Result {
    let mut builder = Kafka::builder(order.bootstrap.as_str());
    if !order.idempotent() {
        builder = builder.max_in_flight_requests(1);
    }
    let kafka = builder.connect().await?;
    let producer = kafka
        .producer()
        .acks(Acks::All)
        .idempotent(order.idempotent())
        .batch_size(16_384)
        .linger(Duration::from_millis(5))
        .delivery_timeout(Duration::from_secs(600))
        .build()
        .await?;
    let mut meter = Meter::new(order);
    send(&producer, &order.topic, order.warm_up).await?;
    meter.add(order.warm_up);
    send(&producer, &order.topic, order.records).await?;
    meter.add(order.records);
    meter.report(0);
    Ok(())
}

/// Queues records and looks at the outcome of each, in their order.
async fn send(producer: &Producer, topic: &str, records: u64) -> Result {
    let value = bytes();
    let mut waiting = std::collections::VecDeque::new();
    for _ in 0..records {
        waiting.push_back(producer.enqueue(Record::new(topic, value)).await?);
        if waiting.len() >= 20_000 {
            for handle in waiting.drain(..10_000) {
                drop(handle.await?);
            }
        }
    }
    producer.flush().await?;
    for handle in waiting {
        drop(handle.await?);
    }
    Ok(())
}

/// Shared by all records: no copy for each.
fn bytes() -> &'static [u8] {
    &[b'x'; VALUE]
}
