import java.io.BufferedReader;
import java.io.IOException;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;

/** BROKERS INPUT OUTPUT ROWS (a file: key, tab, row): one map over the stream, all rows in a HashMap that open() fills. */
public final class FlinkJoin {
  /** What goes from operator to operator; they are chained and use it again, so nothing is copied. */
  public static final class Event implements Serializable {
    public int partition;
    public byte[] key;
    public byte[] value;
  }

  static final class Read implements KafkaRecordDeserializationSchema<Event> {
    @Override
    public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Event> out) {
      Event event = new Event();
      event.partition = record.partition();
      event.key = record.key();
      event.value = record.value();
      out.collect(event);
    }

    @Override
    public TypeInformation<Event> getProducedType() {
      return TypeInformation.of(Event.class);
    }
  }

  static final class Join extends RichMapFunction<Event, Event> {
    private final String file;
    private transient Map<String, byte[]> rows;

    Join(String file) {
      this.file = file;
    }

    @Override
    public void open(OpenContext context) throws IOException {
      rows = new HashMap<>(1 << 21);
      try (BufferedReader reader = Files.newBufferedReader(Path.of(file))) {
        for (String line; (line = reader.readLine()) != null; ) {
          int tab = line.indexOf('\t');
          rows.put(line.substring(0, tab), line.substring(tab + 1).getBytes(StandardCharsets.UTF_8));
        }
      }
    }

    @Override
    public Event map(Event event) {
      Splice splice = Splice.read(event.value);
      event.value = splice.with(splice.key == null ? null : rows.get(splice.key));
      return event;
    }
  }

  static final class Write implements KafkaRecordSerializationSchema<Event> {
    private final String topic;

    Write(String topic) {
      this.topic = topic;
    }

    @Override
    public ProducerRecord<byte[], byte[]> serialize(Event event, KafkaSinkContext context, Long timestamp) {
      return new ProducerRecord<>(topic, event.partition, timestamp, event.key, event.value);
    }
  }

  public static void main(String[] arguments) throws Exception {
    Configuration configuration = new Configuration();
    configuration.setString("rest.bind-address", "127.0.0.1");
    configuration.setString("pipeline.object-reuse", "true");
    configuration.setString("taskmanager.memory.network.min", "16mb");
    configuration.setString("taskmanager.memory.network.max", "16mb");
    configuration.setString("taskmanager.memory.managed.size", "16mb");
    StreamExecutionEnvironment environment = StreamExecutionEnvironment.createLocalEnvironment(1, configuration);
    environment.enableCheckpointing(5_000);
    KafkaSource<Event> source =
        KafkaSource.<Event>builder()
            .setBootstrapServers(arguments[0])
            .setTopics(arguments[1])
            .setGroupId(arguments[2])
            .setStartingOffsets(OffsetsInitializer.earliest())
            .setProperties(properties(Clients.consumer()))
            .setProperty("register.consumer.metrics", "false")
            .setDeserializer(new Read())
            .build();
    KafkaSink<Event> sink =
        KafkaSink.<Event>builder()
            .setBootstrapServers(arguments[0])
            .setDeliveryGuarantee(DeliveryGuarantee.AT_LEAST_ONCE)
            .setKafkaProducerConfig(properties(Clients.producer()))
            .setProperty("register.producer.metrics", "false")
            .setRecordSerializer(new Write(arguments[2]))
            .build();
    environment
        .fromSource(source, WatermarkStrategy.noWatermarks(), "events")
        .map(new Join(arguments[3]))
        .sinkTo(sink);
    environment.execute("join");
  }

  private static Properties properties(Map<String, String> settings) {
    Properties properties = new Properties();
    properties.putAll(settings);
    return properties;
  }
}
