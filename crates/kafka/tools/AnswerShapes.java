import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import org.apache.kafka.common.message.ConsumerProtocolAssignment;
import org.apache.kafka.common.message.ConsumerProtocolSubscription;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.types.*;

/**
 * Writes src/net/answer_shapes.rs: what the answers of a broker look like on the wire, by request and version, taken from Kafka's own schemas.
 *
 *   java -cp "$(reference/kafka classpath)" crates/kafka/tools/AnswerShapes.java > crates/kafka/src/net/answer_shapes.rs
 */
public class AnswerShapes {
    /** Requests that this client sends. */
    static final int[] KEYS = {0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 32, 33, 36, 37, 42, 43, 44, 45, 47,
        50, 51, 60, 61, 65, 66, 68, 69, 74, 75};

    public static void main(String[] args) {
        System.out.println("//! What answers look like on the wire: the lengths in them, and the bytes between. Written by `tools/AnswerShapes.java` from Kafka's");
        System.out.println("//! own schemas; do not edit.");
        System.out.println("//!");
        System.out.println("//! Counterpart: org.apache.kafka.common.message.ApiMessageType.");
        System.out.println();
        System.out.println("use super::untrusted::Part::{Array, Bytes, CompactArray, CompactBytes, CompactText, Fixed, Optional, Tags, Text};");
        System.out.println("use super::untrusted::Shape;");
        System.out.println();
        System.out.println("/// Answers, by key and version of the request.");
        System.out.println("pub(super) static ANSWERS: &[Shape] = &[");
        for (int key : KEYS) {
            ApiMessageType type = ApiMessageType.fromApiKey((short) key);
            write(key, type.name, type.responseSchemas());
        }
        System.out.println("];");
        System.out.println();
        System.out.println("/// What a member tells the leader of a `consumer` group, by version; behind the version itself.");
        System.out.println("pub(super) static SUBSCRIPTIONS: &[Shape] = &[");
        write(-1, "Subscription", ConsumerProtocolSubscription.SCHEMAS);
        System.out.println("];");
        System.out.println();
        System.out.println("/// What the leader of a `consumer` group tells a member, by version; behind the version itself.");
        System.out.println("pub(super) static ASSIGNMENTS: &[Shape] = &[");
        write(-1, "Assignment", ConsumerProtocolAssignment.SCHEMAS);
        System.out.println("];");
    }

    /** One line per run of versions that look the same. */
    static void write(int key, String name, Schema[] schemas) {
        for (int from = 0; from < schemas.length; ) {
            if (schemas[from] == null) { from++; continue; }
            String shape = shape(schemas[from]);
            int to = from;
            while (to + 1 < schemas.length && schemas[to + 1] != null && shape(schemas[to + 1]).equals(shape)) to++;
            System.out.printf("    Shape { key: %d, name: \"%s\", versions: (%d, %d), parts: %s },%n", key, name, from, to, shape);
            from = to + 1;
        }
    }

    static String shape(Schema schema) {
        List<Field> flat = new ArrayList<>();
        flatten(schema, flat);
        StringJoiner text = new StringJoiner(", ", "&[", "]");
        int fixed = 0;
        for (Field field : flat) {
            int size = fixedSize(field.type);
            if (size >= 0) { fixed += size; continue; }
            if (fixed > 0) text.add("Fixed(" + fixed + ")");
            fixed = 0;
            text.add(part(field.name, field.type));
        }
        if (fixed > 0) text.add("Fixed(" + fixed + ")");
        return text.toString();
    }

    /** A structure inside another looks like its fields. */
    static void flatten(Schema schema, List<Field> flat) {
        for (BoundField field : schema.fields()) {
            if (field.def.type instanceof Schema inner && !(inner instanceof NullableSchema)) flatten(inner, flat);
            else flat.add(field.def);
        }
    }

    static String part(String name, Type type) {
        String quoted = '"' + name + '"';
        if (type instanceof TaggedFields tagged) {
            StringJoiner text = new StringJoiner(", ", "Tags(&[", "])");
            for (Map.Entry<Integer, Field> entry : tagged.fields().entrySet()) {
                text.add("(" + entry.getKey() + ", " + only(entry.getValue().name, entry.getValue().type) + ")");
            }
            return text.toString();
        }
        if (type instanceof NullableSchema schema) return "Optional(" + quoted + ", " + shape(schema) + ")";
        if (type.isArray()) {
            Type element = type.arrayElementType().get();
            String kind = type instanceof CompactArrayOf ? "CompactArray" : "Array";
            return kind + "(" + quoted + ", " + least(element) + ", " + only(name, element) + ")";
        }
        return switch (type.toString()) {
            case "STRING", "NULLABLE_STRING" -> "Text(" + quoted + ")";
            case "COMPACT_STRING", "COMPACT_NULLABLE_STRING" -> "CompactText(" + quoted + ")";
            case "BYTES", "NULLABLE_BYTES", "RECORDS", "NULLABLE_RECORDS" -> "Bytes(" + quoted + ")";
            case "COMPACT_BYTES", "COMPACT_NULLABLE_BYTES", "COMPACT_RECORDS", "COMPACT_NULLABLE_RECORDS" -> "CompactBytes(" + quoted + ")";
            default -> throw new IllegalStateException(name + ": " + type);
        };
    }

    /** The parts of an element or of a tagged field. */
    static String only(String name, Type type) {
        if (type instanceof Schema schema && !(type instanceof NullableSchema)) return shape(schema);
        int size = fixedSize(type);
        return "&[" + (size >= 0 ? "Fixed(" + size + ")" : part(name, type)) + "]";
    }

    /** Bytes of a type that always has the same, or -1. */
    static int fixedSize(Type type) {
        return switch (type.toString()) {
            case "BOOLEAN", "INT8" -> 1;
            case "INT16", "UINT16" -> 2;
            case "INT32", "UINT32" -> 4;
            case "INT64", "FLOAT64" -> 8;
            case "UUID" -> 16;
            default -> -1;
        };
    }

    /** The fewest bytes a type can have. */
    static int least(Type type) {
        if (type instanceof NullableSchema) return 1;
        if (type instanceof Schema schema) {
            int sum = 0;
            for (BoundField field : schema.fields()) sum += least(field.def.type);
            return sum;
        }
        if (type instanceof TaggedFields || type instanceof CompactArrayOf || type.toString().startsWith("COMPACT_")) return 1;
        if (type.isArray()) return 4;
        int size = fixedSize(type);
        return size >= 0 ? size : type.toString().endsWith("STRING") ? 2 : 4;
    }
}
