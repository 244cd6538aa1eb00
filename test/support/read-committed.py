"""Prints every committed record of a topic as a line of JSON, read by librdkafka. Arguments: brokers, topic."""
import json
import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

brokers, topic = sys.argv[1:3]
consumer = Consumer(
    {
        "bootstrap.servers": brokers,
        "group.id": "independent-reader",
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
    }
)
partitions = list(consumer.list_topics(topic, timeout=30).topics[topic].partitions)
consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
ended = set()
while len(ended) < len(partitions):
    for message in consumer.consume(1000, timeout=1.0):
        error = message.error()
        if error is not None:
            if error.code() != KafkaError._PARTITION_EOF:
                raise SystemExit(str(error))
            ended.add(message.partition())
            continue
        ended.discard(message.partition())
        headers = {name: value.decode() for name, value in message.headers() or [] if value is not None}
        record = {"partition": message.partition(), "offset": message.offset(), "value": message.value().decode()}
        print(json.dumps({**record, "headers": headers}))
consumer.close()
