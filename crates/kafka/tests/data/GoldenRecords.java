// Writes record batches in every format and codec with Kafka 4.3.1 itself: `java -cp CLASSPATH GoldenRecords.java golden_records.txt`.
// Each line of the file: format, codec, timestamp type, the batch in hexadecimal. Every batch holds the records that `src/records/golden.rs` expects.
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.io.PrintWriter;
import java.util.HexFormat;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.*;
import org.apache.kafka.common.record.internal.*;
import org.apache.kafka.common.utils.ByteBufferOutputStream;

public class GoldenRecords {
    public static void main(String[] args) throws Exception {
        try (PrintWriter out = new PrintWriter(args[0])) {
            for (byte magic = 0; magic <= 2; magic++) {
                for (String codec : new String[] {"none", "gzip", "snappy", "lz4", "zstd"}) {
                    if (magic < 2 && codec.equals("zstd")) continue;
                    for (TimestampType type : new TimestampType[] {TimestampType.CREATE_TIME, TimestampType.LOG_APPEND_TIME}) {
                        if (magic == 0 && type == TimestampType.LOG_APPEND_TIME) continue;
                        out.println(magic + " " + codec + " " + type.name + " " + HexFormat.of().formatHex(batch(magic, codec, type)));
                    }
                }
            }
        }
    }

    static byte[] batch(byte magic, String codec, TimestampType type) {
        Compression compression = Compression.of(codec).build();
        TimestampType given = magic == 0 ? TimestampType.NO_TIMESTAMP_TYPE : type;
        long appended = type == TimestampType.LOG_APPEND_TIME ? 1700000009999L : -1L;
        MemoryRecordsBuilder builder = new MemoryRecordsBuilder(new ByteBufferOutputStream(256), magic, compression, given, 100L, appended,
            -1L, (short) -1, -1, false, false, magic < 2 ? -1 : 7, 1 << 20);
        for (int i = 0; i < 5; i++) {
            byte[] key = i == 1 ? null : ("key-" + i).getBytes(StandardCharsets.UTF_8);
            byte[] value = i == 3 ? null : ("value-" + i + "-").repeat(i == 4 ? 50 : 1).getBytes(StandardCharsets.UTF_8);
            Header[] headers = magic < 2 ? new Header[0] : new Header[] {new RecordHeader("h", new byte[] {(byte) i}), new RecordHeader("null", null)};
            long timestamp = magic == 0 ? -1L : 1700000000000L + i;
            builder.appendWithOffset(100L + i + (i == 4 ? 2 : 0), timestamp, key, value, headers);
        }
        ByteBuffer buffer = builder.build().buffer();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
    }
}
