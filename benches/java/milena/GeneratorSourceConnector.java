package milena;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.source.SourceConnector;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.source.SourceTask;

/** Sends equal texts in lists of batch.size: the Java side of the generator workload. */
public class GeneratorSourceConnector extends SourceConnector {
    private Map<String, String> props;
    @Override public String version() { return "bench"; }
    @Override public void start(Map<String, String> props) { this.props = props; }
    @Override public Class<? extends Task> taskClass() { return GeneratorSourceTask.class; }
    @Override public List<Map<String, String>> taskConfigs(int maxTasks) { return List.of(props); }
    @Override public void stop() { }
    @Override public ConfigDef config() { return new ConfigDef(); }

    /** The task. */
    public static class GeneratorSourceTask extends SourceTask {
        private static final Map<String, Object> PARTITION = Map.of("generator", "0");
        private String topic;
        private String value;
        private long messages;
        private int batchSize;
        private long sent;
        @Override public String version() { return "bench"; }
        @Override public void start(Map<String, String> props) {
            topic = props.get("topic");
            messages = Long.parseLong(props.getOrDefault("messages", "-1"));
            batchSize = Integer.parseInt(props.getOrDefault("batch.size", "1000"));
            value = "x".repeat(Integer.parseInt(props.getOrDefault("message.size", "100")));
        }
        @Override public List<SourceRecord> poll() throws InterruptedException {
            long left = messages < 0 ? batchSize : messages - sent;
            if (left <= 0) {
                Thread.sleep(100);
                return null;
            }
            int size = (int) Math.min(batchSize, left);
            List<SourceRecord> records = new ArrayList<>(size);
            for (int i = 0; i < size; i++) {
                records.add(new SourceRecord(PARTITION, Map.of("count", ++sent), topic, Schema.STRING_SCHEMA, value));
            }
            return records;
        }
        @Override public void stop() { }
    }
}
