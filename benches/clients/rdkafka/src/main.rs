//! librdkafka through rdkafka. Consuming is done in two ways: `poll`, one call per record, and `batch`, through the C function that fills an array.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

use clients_common::{Meter, Order, VALUE};
use rdkafka::bindings as c;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};

type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

fn main() -> Result {
    let order = Order::from_args()?;
    match (order.action.as_str(), order.style.as_str()) {
        ("consume", "batch") => consume_batches(&order),
        ("consume", _) => consume(&order),
        ("produce", _) => produce(&order),
        (other, _) => Err(other.into()),
    }
}

fn consumer(order: &Order) -> Result<BaseConsumer> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &order.bootstrap).set("group.id", order.group());
    config.set("auto.offset.reset", "earliest").set("enable.auto.commit", "false");
    Ok(config.create()?)
}

fn consume(order: &Order) -> Result {
    let consumer = consumer(order)?;
    consumer.subscribe(&[&order.topic])?;
    let (mut meter, mut bytes) = (Meter::new(order), 0u64);
    loop {
        let Some(message) = consumer.poll(Duration::from_secs(10)) else { continue };
        bytes += message?.payload().map_or(0, <[u8]>::len) as u64;
        if meter.add(1) {
            break;
        }
    }
    meter.report(bytes);
    Ok(())
}

fn consume_batches(order: &Order) -> Result {
    const MOST: usize = 5_000;
    let consumer = consumer(order)?;
    // Assigned by hand: what a rebalance has to do would come between the records here.
    let mut all = TopicPartitionList::new();
    for partition in 0..order.partitions {
        all.add_partition_offset(&order.topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&all)?;
    // SAFETY: the client outlives the queue, which nobody else has.
    let queue = unsafe { c::rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
    let mut messages: Vec<*mut c::rd_kafka_message_t> = vec![std::ptr::null_mut(); MOST];
    let (mut meter, mut bytes) = (Meter::new(order), 0u64);
    loop {
        // SAFETY: the array has room for so many.
        let count = unsafe { c::rd_kafka_consume_batch_queue(queue, 1_000, messages.as_mut_ptr(), MOST) };
        let count = usize::try_from(count)?;
        for message in &messages[..count] {
            // SAFETY: so many were filled in; each is given back once.
            unsafe {
                if (**message).err == c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                    bytes += (**message).len as u64;
                }
                c::rd_kafka_message_destroy(*message);
            }
        }
        if meter.add(count as u64) {
            break;
        }
    }
    meter.report(bytes);
    // SAFETY: got above, not used any more.
    unsafe { c::rd_kafka_queue_destroy(queue) };
    Ok(())
}

/// Counts outcomes.
#[derive(Clone, Default)]
struct Outcomes(Arc<AtomicU64>);

impl ClientContext for Outcomes {}

impl ProducerContext for Outcomes {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _opaque: ()) {
        if let Err((error, _)) = result {
            eprintln!("{error}");
            std::process::exit(1);
        }
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn produce(order: &Order) -> Result {
    let (idempotence, in_flight) = if order.idempotent() { ("true", "5") } else { ("false", "1") };
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &order.bootstrap).set("acks", "all");
    config.set("enable.idempotence", idempotence).set("max.in.flight.requests.per.connection", in_flight);
    config.set("batch.size", "16384").set("linger.ms", "5");
    let outcomes = Outcomes::default();
    let producer: BaseProducer<Outcomes> = config.create_with_context(outcomes.clone())?;
    let mut meter = Meter::new(order);
    send(&producer, &outcomes, order, order.warm_up)?;
    meter.add(order.warm_up);
    send(&producer, &outcomes, order, order.records)?;
    meter.add(order.records);
    meter.report(0);
    Ok(())
}

fn send(producer: &BaseProducer<Outcomes>, outcomes: &Outcomes, order: &Order, records: u64) -> Result {
    let value = [b'x'; VALUE];
    let end = outcomes.0.load(Ordering::Relaxed) + records;
    for number in 0..records {
        let mut record: BaseRecord<'_, (), [u8]> = BaseRecord::to(&order.topic).payload(&value);
        loop {
            match producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                    producer.poll(Duration::from_millis(10));
                    record = again;
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
        // As its own threaded producer does, but without another thread.
        if number % 1_000 == 0 {
            producer.poll(Duration::ZERO);
        }
    }
    producer.flush(Duration::from_secs(600))?;
    if outcomes.0.load(Ordering::Relaxed) != end {
        return Err("not every record has an outcome".into());
    }
    Ok(())
}
