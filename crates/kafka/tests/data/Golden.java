import java.time.Duration;
import java.util.*;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.serialization.*;

/** Prints what the Java client of the class path knows, as the tab-separated lists beside this file. Arguments: errors | configs | cases FILE | metrics BOOTSTRAP TOPIC. */
public final class Golden {
    public static void main(String[] args) throws Exception {
        switch (args[0]) {
            case "errors" -> errors();
            case "configs" -> configs();
            case "cases" -> cases(args[1]);
            case "metrics" -> metrics(args[1], args[2]);
            default -> throw new IllegalArgumentException(args[0]);
        }
    }

    private static void errors() {
        System.out.println("# code\tname\texception\tretriable\trefresh metadata\tabort\tfresh start\tauthorization\tauthentication");
        for (Errors error : Errors.values()) {
            if (error == Errors.NONE) continue;
            ApiException e = error.exception();
            System.out.println(error.code() + "\t" + error.name() + "\t" + e.getClass().getName() + "\t" + (e instanceof RetriableException)
                + "\t" + (e instanceof InvalidMetadataException) + "\t" + (e instanceof TransactionAbortableException)
                + "\t" + (e instanceof ApplicationRecoverableException) + "\t" + (e instanceof AuthorizationException)
                + "\t" + (e instanceof AuthenticationException));
        }
    }

    private static void configs() throws Exception {
        System.out.println("# client\tname\ttype\tdefault\timportance\tvalidator");
        print("admin", AdminClientConfig.configDef());
        print("consumer", ConsumerConfig.configDef());
        print("producer", ProducerConfig.configDef());
    }

    private static void print(String client, ConfigDef def) {
        for (ConfigDef.ConfigKey key : def.configKeys().values()) {
            Object value = key.defaultValue;
            String text = value == ConfigDef.NO_DEFAULT_VALUE ? "(required)" : value == null ? "(null)"
                : ConfigDef.convertToString(value, key.type);
            String check = key.validator == null ? "" : key.validator.toString().replace("\n", " ");
            System.out.println(client + "\t" + key.name + "\t" + key.type + "\t" + text + "\t" + key.importance + "\t" + check);
        }
    }

    /** Reads "client TAB properties" and adds what a client made of these properties says. */
    private static void cases(String file) throws Exception {
        System.out.println("# client\tproperties, a semicolon between two\tanswer: the error's text, or ok");
        for (String line : java.nio.file.Files.readAllLines(java.nio.file.Path.of(file))) {
            if (line.startsWith("#")) continue;
            String[] fields = line.split("\t", -1);
            Properties p = new Properties();
            p.put("bootstrap.servers", "localhost:1");
            for (String pair : fields[1].split(";")) {
                int at = pair.indexOf('=');
                if (at > 0) p.put(pair.substring(0, at), pair.substring(at + 1));
            }
            System.out.println(fields[0] + "\t" + fields[1] + "\t" + answer(fields[0], p).replace("\n", " "));
        }
    }

    private static String answer(String client, Properties p) {
        try {
            switch (client) {
                case "admin" -> Admin.create(p).close(Duration.ZERO);
                case "consumer" -> new KafkaConsumer<>(p, new ByteArrayDeserializer(), new ByteArrayDeserializer()).close(CloseOptions.timeout(Duration.ZERO));
                default -> new KafkaProducer<>(p, new ByteArraySerializer(), new ByteArraySerializer()).close(Duration.ZERO);
            }
            return "ok";
        } catch (Exception e) {
            Throwable t = e;
            while (t.getCause() != null) t = t.getCause();
            return t.getMessage();
        }
    }

    private static void metrics(String bootstrap, String topic) throws Exception {
        System.out.println("# client\tgroup\tname\ttags\tvalue, where it is the same in every run");
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("client.id", "c");
        try (Admin admin = Admin.create(p)) {
            try {
                admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get();
            } catch (ExecutionException e) {
                if (!(e.getCause() instanceof TopicExistsException)) throw e;
            }
            print("admin", admin.metrics());
        }
        Properties pp = new Properties();
        pp.putAll(p);
        pp.put("transactional.id", topic + "-t");
        pp.put("enable.metrics.push", "false");
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(pp, new ByteArraySerializer(), new ByteArraySerializer())) {
            producer.initTransactions();
            producer.beginTransaction();
            for (int i = 0; i < 100; i++) producer.send(new ProducerRecord<>(topic, 0, null, new byte[50])).get();
            producer.commitTransaction();
            print("producer", producer.metrics());
        }
        Properties cp = new Properties();
        cp.putAll(p);
        cp.put("group.id", topic + "-g");
        cp.put("auto.offset.reset", "earliest");
        cp.put("enable.metrics.push", "false");
        cp.put("enable.auto.commit", "false");
        cp.put("isolation.level", "read_committed");
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(cp, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(List.of(topic));
            int count = 0;
            while (count < 100) count += consumer.poll(Duration.ofSeconds(1)).count();
            consumer.commitSync();
            consumer.poll(Duration.ofMillis(100));
            print("consumer", consumer.metrics());
        }
    }

    /** Counts and sizes of records, which do not depend on the clock. */
    private static final Set<String> EXACT = Set.of("batch-size-avg", "batch-size-max", "byte-total", "bytes-consumed-total", "compression-rate",
        "compression-rate-avg", "record-error-total", "record-retry-total", "record-send-total", "record-size-avg", "record-size-max",
        "records-consumed-total", "records-lag", "records-lead");

    private static void print(String client, Map<MetricName, ? extends Metric> metrics) {
        Set<String> rows = new TreeSet<>();
        for (Map.Entry<MetricName, ? extends Metric> entry : metrics.entrySet()) {
            MetricName name = entry.getKey();
            String tags = String.join(",", new TreeSet<>(name.tags().keySet()));
            String value = EXACT.contains(name.name()) ? String.valueOf(entry.getValue().metricValue()) : "";
            rows.add(client + "\t" + name.group() + "\t" + name.name() + "\t" + tags + "\t" + value);
        }
        rows.forEach(System.out::println);
    }
}
