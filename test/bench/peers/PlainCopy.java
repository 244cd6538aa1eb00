import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** BROKERS INPUT OUTPUT: consumer to producer, bytes in, bytes out, nothing looked at: what Java's own clients need. */
final class PlainCopy {
  private static final long COMMIT_NANOSECONDS = 5_000_000_000L;

  public static void main(String[] arguments) {
    String output = arguments[2];
    Map<String, Object> reading = new HashMap<>(Clients.consumer());
    reading.put("bootstrap.servers", arguments[0]);
    reading.put("group.id", output);
    reading.put("auto.offset.reset", "earliest");
    reading.put("enable.auto.commit", "false");
    Map<String, Object> writing = new HashMap<>(Clients.producer());
    writing.put("bootstrap.servers", arguments[0]);

    try (var consumer = new KafkaConsumer<>(reading, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        var producer = new KafkaProducer<>(writing, new ByteArraySerializer(), new ByteArraySerializer())) {
      consumer.subscribe(List.of(arguments[1]));
      for (long committed = System.nanoTime(); ; ) {
        ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(200));
        for (ConsumerRecord<byte[], byte[]> record : records)
          producer.send(
              new ProducerRecord<>(output, record.partition(), record.timestamp(), record.key(), record.value()));
        if (System.nanoTime() - committed < COMMIT_NANOSECONDS) continue;
        producer.flush();
        consumer.commitSync();
        committed = System.nanoTime();
      }
    }
  }
}
