import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * A member of a group that says on stdout what it reads ("read PARTITION OFFSET"), gets and gives up, and commits what it has said; it
 * leaves in good order when its stdin ends: MixedMember BOOTSTRAP GROUP TOPIC STRATEGY, which may also be "consumer".
 */
public class MixedMember {
    static void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    public static void main(String[] args) throws Exception {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", args[0]);
        properties.put("group.id", args[1]);
        if (args[3].equals("consumer")) {
            // The broker chooses, and says how often it wants to hear of its members (KIP-848).
            properties.put("group.protocol", "consumer");
        } else {
            properties.put("partition.assignment.strategy", args[3]);
            properties.put("session.timeout.ms", "6000");
            properties.put("heartbeat.interval.ms", "200");
        }
        properties.put("enable.auto.commit", "false");
        properties.put("auto.offset.reset", "earliest");
        properties.put("key.deserializer", ByteArrayDeserializer.class.getName());
        properties.put("value.deserializer", ByteArrayDeserializer.class.getName());
        KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(properties);
        Map<TopicPartition, OffsetAndMetadata> done = new HashMap<>();
        Thread main = Thread.currentThread();
        Thread stdin = new Thread(() -> {
            try {
                while (new BufferedReader(new InputStreamReader(System.in)).readLine() != null) { }
            } catch (Exception e) {
                // The same as its end.
            }
            consumer.wakeup();
        });
        stdin.setDaemon(true);
        stdin.start();
        consumer.subscribe(List.of(args[2]), new ConsumerRebalanceListener() {
            @Override
            public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
                say("assigned " + partitions.size());
            }

            @Override
            public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
                Map<TopicPartition, OffsetAndMetadata> theirs = new HashMap<>(done);
                theirs.keySet().retainAll(partitions);
                if (!theirs.isEmpty()) consumer.commitSync(theirs);
                done.keySet().removeAll(partitions);
                say("revoked " + partitions.size());
            }

            @Override
            public void onPartitionsLost(Collection<TopicPartition> partitions) {
                done.keySet().removeAll(partitions);
                say("lost " + partitions.size());
            }
        });
        try {
            while (true) {
                ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(100));
                for (ConsumerRecord<byte[], byte[]> record : records) {
                    say("read " + record.partition() + " " + record.offset());
                    done.put(new TopicPartition(record.topic(), record.partition()), new OffsetAndMetadata(record.offset() + 1));
                }
                if (!records.isEmpty()) {
                    try {
                        consumer.commitSync(done);
                    } catch (RebalanceInProgressException e) {
                        // Again with the next ones, or when they are given up.
                    }
                }
            }
        } catch (WakeupException e) {
            consumer.close();
            say("closed");
        }
    }
}
