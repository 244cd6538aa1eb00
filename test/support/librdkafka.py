"""Prints every record of some topics as lines of JSON, read by librdkafka. Arguments: isolation level, brokers, topics."""
import json
import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

isolation, brokers, *topics = sys.argv[1:]
consumer = Consumer(
    {
        "bootstrap.servers": brokers,
        "group.id": "independent-reader",
        "isolation.level": isolation,
        "enable.auto.commit": False,
        "enable.partition.eof": True,
    }
)
known = consumer.list_topics(timeout=30).topics
places = [TopicPartition(topic, partition, OFFSET_BEGINNING) for topic in topics for partition in known[topic].partitions]
consumer.assign(places)
ended = set()
while len(ended) < len(places):
    for message in consumer.consume(1000, timeout=1.0):
        error = message.error()
        place = (message.topic(), message.partition())
        if error is not None:
            if error.code() != KafkaError._PARTITION_EOF:
                raise SystemExit(str(error))
            ended.add(place)
            continue
        ended.discard(place)
        headers = {name: value.decode() for name, value in message.headers() or [] if value is not None}
        record = {"topic": message.topic(), "partition": message.partition(), "offset": message.offset()}
        print(json.dumps({**record, "value": message.value().decode(), "headers": headers}))
consumer.close()
