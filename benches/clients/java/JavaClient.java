import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Kafka's own Java client: ACTION BOOTSTRAP TOPIC PARTITIONS WARM_UP RECORDS STYLE, as the other programs. */
public class JavaClient {
    static final OperatingSystemMXBean SYSTEM = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    static long warmUp, records, seen, seenBefore;
    static long wall = -1, cpu;
    static volatile Exception failed;

    public static void main(String[] args) throws Exception {
        warmUp = Long.parseLong(args[4]);
        records = Long.parseLong(args[5]);
        Properties properties = new Properties();
        properties.putAll(Map.of("bootstrap.servers", args[1], "enable.metrics.push", "false"));
        if (args[0].equals("consume")) consume(properties, args[2]);
        else produce(properties, args[2], args[6].equals("idempotent"));
    }

    static void consume(Properties properties, String topic) {
        properties.putAll(Map.of("group.id", topic + "-java-" + ProcessHandle.current().pid(), "auto.offset.reset", "earliest", "enable.auto.commit", "false"));
        long bytes = 0;
        try (var consumer = new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(List.of(topic));
            while (true) {
                ConsumerRecords<byte[], byte[]> polled = consumer.poll(Duration.ofSeconds(10));
                for (ConsumerRecord<byte[], byte[]> record : polled) bytes += record.value().length;
                if (add(polled.count())) break;
            }
            report(bytes);
        }
    }

    static void produce(Properties properties, String topic, boolean idempotent) throws Exception {
        properties.putAll(Map.of("acks", "all", "enable.idempotence", Boolean.toString(idempotent), "max.in.flight.requests.per.connection", idempotent ? "5" : "1",
            "delivery.timeout.ms", Integer.toString(Integer.MAX_VALUE)));
        try (var producer = new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer())) {
            send(producer, topic, warmUp);
            send(producer, topic, records);
            report(0);
        }
    }

    static void send(KafkaProducer<byte[], byte[]> producer, String topic, long count) throws Exception {
        byte[] value = new byte[100];
        Arrays.fill(value, (byte) 'x');
        for (long i = 0; i < count; i++) {
            producer.send(new ProducerRecord<>(topic, value), (metadata, error) -> { if (error != null) failed = error; });
        }
        producer.flush();
        if (failed != null) throw failed;
        add(count);
    }

    static boolean add(long count) {
        seen += count;
        if (wall < 0 && seen >= warmUp) {
            seenBefore = seen;
            wall = System.nanoTime();
            cpu = SYSTEM.getProcessCpuTime();
        }
        return seen >= warmUp + records;
    }

    static void report(long witness) {
        long cpuNow = SYSTEM.getProcessCpuTime(), wallNow = System.nanoTime();
        System.out.printf(java.util.Locale.ROOT, "measured %d %.6f %.6f%n", seen - seenBefore, (wallNow - wall) / 1e9, (cpuNow - cpu) / 1e9);
        System.err.println("witness " + witness);
    }
}
