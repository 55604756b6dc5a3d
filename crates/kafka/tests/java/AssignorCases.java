import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Assignment;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.GroupSubscription;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Subscription;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.consumer.RoundRobinAssignor;
import org.apache.kafka.clients.consumer.StickyAssignor;
import org.apache.kafka.common.Cluster;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;

/** Prints what Kafka's own assignors decide in random groups over several generations: AssignorCases SEED GROUPS FILE. */
public class AssignorCases {
    static class Member {
        String id;
        String instance;
        String rack;
        TreeSet<String> topics = new TreeSet<>();
        List<TopicPartition> owned = new ArrayList<>();
        int generation = -1;
        ConsumerPartitionAssignor memory;
    }

    static ConsumerPartitionAssignor assignor(String name) {
        switch (name) {
            case "range": return new RangeAssignor();
            case "roundrobin": return new RoundRobinAssignor();
            case "sticky": return new StickyAssignor();
            default: return new CooperativeStickyAssignor();
        }
    }

    static String text(List<TopicPartition> partitions) {
        return partitions.stream().map(p -> p.topic() + ":" + p.partition()).sorted().collect(Collectors.joining(","));
    }

    static String hex(ByteBuffer data) {
        if (data == null) return "-";
        StringBuilder out = new StringBuilder("x");
        ByteBuffer copy = data.duplicate();
        while (copy.hasRemaining()) out.append(String.format("%02x", copy.get()));
        return out.toString();
    }

    public static void main(String[] args) throws IOException {
        Random random = new Random(Long.parseLong(args[0]));
        int groups = Integer.parseInt(args[1]);
        String[] names = {"range", "roundrobin", "sticky", "cooperative-sticky"};
        StringBuilder out = new StringBuilder();
        for (int group = 0; group < groups; group++) {
            String name = names[group % names.length];
            boolean alike = random.nextBoolean();
            int racks = random.nextInt(3) == 0 ? 2 + random.nextInt(2) : 0;
            int nodes = 1 + random.nextInt(4);
            Map<String, Integer> counts = new TreeMap<>();
            int topics = 1 + random.nextInt(4);
            for (int t = 0; t < topics; t++) counts.put("t" + t, random.nextInt(random.nextInt(6) == 0 ? 20 : 7));
            Map<TopicPartition, Node[]> replicas = new HashMap<>();
            Node[] all = new Node[nodes];
            for (int n = 0; n < nodes; n++) all[n] = new Node(n, "h", 9092, racks == 0 ? null : "r" + (n % racks));
            int factor = 1 + random.nextInt(nodes);
            List<Member> members = new ArrayList<>();
            int born = 0;
            int rounds = 1 + random.nextInt(5);
            for (int round = 0; round < rounds; round++) {
                // The group changes: members come and go, subscriptions change, topics grow, somebody misses a generation.
                if (round > 0 && random.nextInt(3) == 0 && members.size() > 1) members.remove(random.nextInt(members.size()));
                if (round > 0 && random.nextInt(3) == 0)
                    for (String topic : counts.keySet()) if (random.nextInt(3) == 0) counts.merge(topic, 1 + random.nextInt(3), Integer::sum);
                int come = round == 0 ? 1 + random.nextInt(random.nextInt(8) == 0 ? 15 : 5) : random.nextInt(3);
                for (int c = 0; c < come; c++) {
                    Member member = new Member();
                    member.id = "consumer-" + (char) ('a' + random.nextInt(26)) + random.nextInt(1000) + "-" + born;
                    if (random.nextInt(6) == 0) member.instance = "i" + (char) ('a' + random.nextInt(26)) + born;
                    if (racks > 0 && random.nextInt(5) > 0) member.rack = "r" + random.nextInt(racks + 1);
                    for (String topic : counts.keySet()) if (alike || random.nextInt(3) > 0) member.topics.add(topic);
                    if (member.topics.isEmpty()) member.topics.add("t0");
                    member.memory = assignor(name);
                    members.add(random.nextInt(members.size() + 1), member);
                    born++;
                }
                if (!alike && round > 0 && random.nextInt(4) == 0) {
                    Member member = members.get(random.nextInt(members.size()));
                    String topic = "t" + random.nextInt(topics);
                    if (!member.topics.remove(topic) || member.topics.isEmpty()) member.topics.add(topic);
                }
                List<PartitionInfo> infos = new ArrayList<>();
                for (Map.Entry<String, Integer> topic : counts.entrySet())
                    for (int p = 0; p < topic.getValue(); p++) {
                        Node[] on = replicas.computeIfAbsent(new TopicPartition(topic.getKey(), p), key -> {
                            List<Node> shuffled = new ArrayList<>(List.of(all));
                            Collections.shuffle(shuffled, random);
                            return shuffled.subList(0, factor).toArray(new Node[0]);
                        });
                        infos.add(new PartitionInfo(topic.getKey(), p, on[0], on, on));
                    }
                Cluster cluster = new Cluster("c", List.of(all), infos, Set.of(), Set.of());
                out.append("case ").append(name).append('\n');
                for (Map.Entry<String, Integer> topic : counts.entrySet()) {
                    out.append("topic ").append(topic.getKey()).append(' ').append(topic.getValue()).append(' ');
                    List<String> each = new ArrayList<>();
                    for (int p = 0; p < topic.getValue(); p++) {
                        TreeSet<String> in = new TreeSet<>();
                        for (Node node : replicas.get(new TopicPartition(topic.getKey(), p))) if (node.hasRack()) in.add(node.rack());
                        each.add(String.join(",", in));
                    }
                    out.append(racks == 0 ? "-" : String.join(";", each)).append('\n');
                }
                Map<String, Subscription> subscriptions = new HashMap<>();
                for (Member member : members) {
                    ByteBuffer data = member.memory.subscriptionUserData(new TreeSet<>(member.topics));
                    boolean eager = !name.equals("cooperative-sticky");
                    List<TopicPartition> owned = eager ? List.of() : member.owned;
                    Subscription subscription = new Subscription(new ArrayList<>(member.topics), data, owned, member.generation, Optional.ofNullable(member.rack));
                    subscription.setGroupInstanceId(Optional.ofNullable(member.instance));
                    subscriptions.put(member.id, subscription);
                    out.append("member ").append(member.id).append(' ').append(member.instance == null ? "-" : member.instance)
                        .append(' ').append(member.generation).append(' ').append(member.rack == null ? "-" : member.rack)
                        .append(' ').append(String.join(",", member.topics)).append(' ').append(owned.isEmpty() ? "-" : text(owned))
                        .append(' ').append(hex(data)).append('\n');
                }
                Map<String, Assignment> assigned = assignor(name).assign(cluster, new GroupSubscription(subscriptions)).groupAssignment();
                int generation = round + 1;
                for (Member member : members) {
                    List<TopicPartition> share = assigned.get(member.id).partitions();
                    out.append("share ").append(member.id).append(' ').append(share.isEmpty() ? "-" : text(share)).append('\n');
                    if (random.nextInt(10) == 0) continue; // It never hears of it.
                    member.owned = new ArrayList<>(share);
                    member.generation = generation;
                    member.memory.onAssignment(new Assignment(new ArrayList<>(share)), new ConsumerGroupMetadata("g", generation, member.id, Optional.empty()));
                }
                out.append("end\n");
            }
        }
        Files.writeString(Path.of(args[2]), out);
    }
}
