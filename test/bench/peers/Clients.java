import java.util.Map;

/** Settings that make Kafka's Java clients cheap at full speed: big fetches, big batches, no checksums of what was read. */
final class Clients {
  static Map<String, String> consumer() {
    return Map.of(
        "max.poll.records", "4000",
        "fetch.min.bytes", "524288",
        "fetch.max.wait.ms", "100",
        "max.partition.fetch.bytes", "2097152",
        "check.crcs", "false");
  }

  static Map<String, String> producer() {
    return Map.of(
        "acks", "all",
        "batch.size", "524288",
        "linger.ms", "100",
        "buffer.memory", "67108864",
        "max.request.size", "4194304",
        "compression.type", "none");
  }

  private Clients() {}
}
