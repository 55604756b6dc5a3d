use super::*;
use crate::Error;

fn properties(pairs: &[(&str, &str)]) -> Properties {
    let base = [("bootstrap.servers", "localhost:9092")];
    base.iter().chain(pairs).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// The key that is refused.
fn refused<T>(result: crate::Result<T>) -> String {
    match result {
        Err(Error::Config { key, .. }) => key,
        Err(error) => panic!("{error:?}"),
        Ok(_) => String::new(),
    }
}

#[test]
fn settings_of_connect_are_taken_as_they_are() {
    let producer = ProducerConfig::from_properties(&properties(&[
        ("key.serializer", "org.apache.kafka.common.serialization.ByteArraySerializer"),
        ("value.serializer", "org.apache.kafka.common.serialization.ByteArraySerializer"),
        ("max.block.ms", "9223372036854775807"),
        ("enable.idempotence", "false"),
        ("acks", "all"),
        ("max.in.flight.requests.per.connection", "1"),
        ("delivery.timeout.ms", "2147483647"),
        ("metrics.context.connect.kafka.cluster.id", "x"),
    ]))
    .unwrap();
    assert_eq!((producer.max_in_flight, producer.idempotence, producer.batch_size), (1, false, 16384));
    let consumer = ConsumerConfig::from_properties(&properties(&[
        ("group.id", "connect-x"),
        ("enable.auto.commit", "false"),
        ("auto.offset.reset", "earliest"),
        ("key.deserializer", "org.apache.kafka.common.serialization.ByteArrayDeserializer"),
    ]))
    .unwrap();
    assert_eq!((consumer.reset, consumer.max_poll_records, consumer.auto_commit), (OffsetReset::Earliest, 500, None));
    AdminConfig::from_properties(&properties(&[("retries", "3")])).unwrap();
}

#[test]
fn what_cannot_be_used_is_refused_by_name() {
    for (key, value) in [
        ("bootstrap.servers", "localhost"),
        ("bootstrap.servers", " "),
        ("acks", "2"),
        ("batch.size", "-1"),
        ("batch.size", "many"),
        ("compression.type", "brotli"),
        ("compression.gzip.level", "0"),
        ("delivery.timeout.ms", "1"),
        ("interceptor.classes", "com.example.Interceptor"),
        ("key.serializer", "org.apache.kafka.common.serialization.StringSerializer"),
        ("max.in.flight.requests.per.connection", "6"),
        ("partitioner.class", "com.example.Partitioner"),
        ("security.protocol", "none"),
        ("transactional.id", ""),
        ("transaction.two.phase.commit.enable", "true"),
    ] {
        assert_eq!(refused(ProducerConfig::from_properties(&properties(&[(key, value)]))), key, "{value}");
    }
    for (key, value) in [
        ("auto.offset.reset", "by_duration:1h"),
        ("auto.offset.reset", "never"),
        ("group.id", ""),
        ("group.protocol", "consumer"),
        ("group.instance.id", "a space"),
        ("partition.assignment.strategy", "com.example.Assignor"),
        ("partition.assignment.strategy", "RangeAssignor,org.apache.kafka.clients.consumer.RangeAssignor"),
    ] {
        assert_eq!(refused(ConsumerConfig::from_properties(&properties(&[(key, value)]))), key, "{value}");
    }
    assert_eq!(refused(AdminConfig::from_properties(&Properties::new())), "bootstrap.servers");
}

#[test]
fn idempotence_gives_way_unless_it_was_asked_for() {
    let with =
        |pairs: &[(&str, &str)]| ProducerConfig::from_properties(&properties(pairs)).map(|config| config.idempotence);
    assert!(with(&[]).unwrap());
    assert!(!with(&[("acks", "1")]).unwrap());
    assert_eq!(refused(with(&[("acks", "1"), ("enable.idempotence", "true")])), "acks");
}

#[test]
fn durations_are_read_as_java_reads_them() {
    let reset = |text: &str| {
        let value = format!("by_duration:{text}");
        ConsumerConfig::from_properties(&properties(&[("auto.offset.reset", &value)])).ok().map(|config| config.reset)
    };
    let seconds = |n| Some(OffsetReset::ByDuration(std::time::Duration::from_secs(n)));
    assert_eq!(reset("PT1H"), seconds(3600));
    assert_eq!(reset("P2DT3H4M5S"), seconds(2 * 86400 + 3 * 3600 + 4 * 60 + 5));
    for wrong in ["", "P", "PT", "1H", "PT1M1H", "PT-1H", "PT5"] {
        assert_eq!(reset(wrong), None, "{wrong}");
    }
}

#[test]
fn passwords_are_not_in_errors() {
    let given = properties(&[("ssl.key.password", "secret"), ("bootstrap.servers", "bad")]);
    let error = ProducerConfig::from_properties(&given).unwrap_err();
    assert!(!error.to_string().contains("secret"));
}

#[test]
fn security_that_cannot_be_had_is_refused_by_name() {
    const JAAS: &str =
        "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"u\" password=\"hidden\";";
    let tls = |pairs: &[(&str, &str)]| {
        let all: Vec<_> = [("security.protocol", "SSL")].iter().chain(pairs).copied().collect();
        AdminConfig::from_properties(&properties(&all))
    };
    for (key, value) in [
        ("ssl.provider", "BC"),
        ("ssl.engine.factory.class", "com.example.Factory"),
        ("ssl.keymanager.algorithm", "IbmX509"),
        ("ssl.endpoint.identification.algorithm", "LDAPS"),
        ("ssl.protocol", "SSLv3"),
        ("ssl.enabled.protocols", "TLSv1.1"),
        ("ssl.cipher.suites", "TLS_RSA_WITH_AES_128_CBC_SHA"),
        ("ssl.keystore.type", "BCFKS"),
        ("ssl.keystore.location", "/nowhere.jks"),
        ("ssl.keystore.password", "hidden"),
        ("ssl.keystore.key", "hidden"),
        ("ssl.truststore.password", "hidden"),
        ("ssl.truststore.location", "/nowhere.jks"),
    ] {
        let result = tls(&[(key, value)]);
        assert!(!format!("{result:?}").contains("hidden\""), "{key}");
        assert_eq!(refused(result), key, "{value}");
    }
    let sasl = |pairs: &[(&str, &str)]| {
        let all: Vec<_> = [("security.protocol", "sasl_plaintext")].iter().chain(pairs).copied().collect();
        AdminConfig::from_properties(&properties(&all))
    };
    assert_eq!(refused(sasl(&[])), "sasl.mechanism");
    assert_eq!(refused(sasl(&[("sasl.mechanism", "OAUTHBEARER")])), "sasl.mechanism");
    assert_eq!(refused(sasl(&[("sasl.mechanism", "PLAIN")])), "sasl.jaas.config");
    for wrong in [
        "com.example.Module required username=\"u\" password=\"hidden\";",
        "org.apache.kafka.common.security.plain.PlainLoginModule required password=\"hidden\";",
        "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"u\" password=\"hidden\"",
    ] {
        let result = sasl(&[("sasl.mechanism", "PLAIN"), ("sasl.jaas.config", wrong)]);
        assert!(!format!("{result:?}").contains("\"hidden"), "{result:?}");
        assert_eq!(refused(result), "sasl.jaas.config", "{wrong}");
    }
    let taken = sasl(&[("sasl.mechanism", "SCRAM-SHA-512"), ("sasl.jaas.config", JAAS)]).unwrap();
    assert!(!format!("{taken:?}").contains("hidden"), "{taken:?}");
    assert_eq!(refused(sasl(&[("sasl.login.class", "com.example.Login")])), "sasl.login.class");
}
