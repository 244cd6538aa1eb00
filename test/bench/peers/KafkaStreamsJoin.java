import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.GlobalKTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.Stores;

/** BROKERS INPUT OUTPUT ROWS STATE: a stream joined to a GlobalKTable in memory, its rows kept as bytes. */
final class KafkaStreamsJoin {
  public static void main(String[] arguments) {
    String input = arguments[1];
    String output = arguments[2];
    String rows = arguments[3];
    Serde<String> text = Serdes.String();
    Serde<byte[]> bytes = Serdes.ByteArray();
    Serde<Splice> events = Serdes.serdeFrom((topic, splice) -> splice.event, (topic, event) -> Splice.read(event));

    StreamsBuilder builder = new StreamsBuilder();
    GlobalKTable<String, byte[]> table =
        builder.globalTable(
            rows,
            Consumed.with(text, bytes),
            Materialized.<String, byte[]>as(Stores.inMemoryKeyValueStore("rows"))
                .withKeySerde(text)
                .withValueSerde(bytes)
                .withLoggingDisabled());
    builder.stream(input, Consumed.with(bytes, events))
        .leftJoin(table, (key, splice) -> splice.key, Splice::with)
        .to(output, Produced.with(bytes, bytes));

    new KafkaStreams(builder.build(), settings(arguments[0], output, arguments[4])).start();
  }

  private static Properties settings(String brokers, String id, String state) {
    Map<String, Object> settings = new HashMap<>();
    settings.put("application.id", id);
    settings.put("bootstrap.servers", brokers);
    settings.put("state.dir", state);
    settings.put("num.stream.threads", 1);
    settings.put("statestore.cache.max.bytes", 0);
    settings.put("commit.interval.ms", 5_000);
    settings.put("buffered.records.per.partition", 8_000);
    Clients.consumer().forEach((name, value) -> settings.put("main.consumer." + name, value));
    settings.put("main.consumer.auto.offset.reset", "earliest");
    Clients.producer().forEach((name, value) -> settings.put("producer." + name, value));
    Properties properties = new Properties();
    properties.putAll(settings);
    return properties;
  }
}
