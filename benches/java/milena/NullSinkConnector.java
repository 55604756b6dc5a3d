package milena;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.sink.SinkConnector;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;

/** Counts records and nothing else: the Java side of the null sink workloads. */
public class NullSinkConnector extends SinkConnector {
    @Override public String version() { return "bench"; }
    @Override public void start(Map<String, String> props) { }
    @Override public Class<? extends Task> taskClass() { return NullSinkTask.class; }
    @Override public List<Map<String, String>> taskConfigs(int maxTasks) {
        List<Map<String, String>> configs = new ArrayList<>();
        for (int i = 0; i < maxTasks; i++) configs.add(Map.of());
        return configs;
    }
    @Override public void stop() { }
    @Override public ConfigDef config() { return new ConfigDef(); }

    /** The task. */
    public static class NullSinkTask extends SinkTask {
        private long count;
        @Override public String version() { return "bench"; }
        @Override public void start(Map<String, String> props) { }
        @Override public void put(Collection<SinkRecord> records) { count += records.size(); }
        @Override public void stop() { }
    }
}
