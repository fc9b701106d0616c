package io.dromedary.camel;

import io.dromedary.queue.DeadLetters;
import io.dromedary.queue.QueueMessage;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.camel.CamelContext;
import org.apache.camel.component.kafka.KafkaEndpoint;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * The dead letters of a Kafka topic: those from where the last look ended to where the topic ends now. One that stays is passed over for good; it lies in the topic as long as that keeps it. A crash in between puts letters back
 * twice, and their idempotency keys tell.
 */
public final class KafkaDeadLetters implements DeadLetters.Box {
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private final CamelContext context;
  private final String brokers;
  private final String requests;
  private final String letters;
  private final String group;
  private final int longest;

  public KafkaDeadLetters(CamelContext context, String brokers, String requests, String letters, String group, int longest) {
    this.context = context;
    this.brokers = brokers;
    this.requests = requests;
    this.letters = letters;
    this.group = group + "-replay";
    this.longest = longest;
  }

  @Override
  public String entry() {
    return "kafka";
  }

  @Override
  public DeadLetters.Outcome putBack(int most, int times) throws Exception {
    // with the security settings that the component has
    KafkaEndpoint endpoint = context.getEndpoint("kafka:" + letters + "?brokers=" + brokers + "&groupId=" + group, KafkaEndpoint.class);
    Properties consuming = endpoint.getConfiguration().createConsumerProperties();
    consuming.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
    consuming.put(ConsumerConfig.GROUP_ID_CONFIG, group);
    consuming.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, "false");
    consuming.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    consuming.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, "100");
    Properties producing = endpoint.getConfiguration().createProducerProperties();
    producing.put(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
    producing.put(ProducerConfig.MAX_REQUEST_SIZE_CONFIG, longest);
    producing.put(ProducerConfig.ACKS_CONFIG, "all");
    producing.put(ProducerConfig.MAX_BLOCK_MS_CONFIG, PATIENCE.toMillis());
    // the clients take their own serializers, whatever the endpoint names
    List.of("key.serializer", "value.serializer").forEach(producing::remove);
    List.of("key.deserializer", "value.deserializer").forEach(consuming::remove);
    try (Consumer<byte[], byte[]> consumer = new KafkaConsumer<>(consuming, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        Producer<byte[], byte[]> producer = new KafkaProducer<>(producing, new ByteArraySerializer(), new ByteArraySerializer())) {
      return putBack(consumer, producer, most, times);
    }
  }

  private DeadLetters.Outcome putBack(Consumer<byte[], byte[]> consumer, Producer<byte[], byte[]> producer, int most, int times) throws Exception {
    List<TopicPartition> partitions = new ArrayList<>();
    List<PartitionInfo> known = consumer.partitionsFor(letters, PATIENCE);
    (known == null ? List.<PartitionInfo>of() : known).forEach(info -> partitions.add(new TopicPartition(info.topic(), info.partition())));
    // assigned, not subscribed: a look is over before a group has found together
    consumer.assign(partitions);
    Map<TopicPartition, Long> ends = consumer.endOffsets(partitions, PATIENCE);
    int replayed = 0;
    int kept = 0;
    while (replayed + kept < most && partitions.stream().anyMatch(partition -> consumer.position(partition, PATIENCE) < ends.get(partition))) {
      ConsumerRecords<byte[], byte[]> some = consumer.poll(PATIENCE);
      if (some.isEmpty()) {
        break;
      }
      Map<TopicPartition, OffsetAndMetadata> done = new HashMap<>();
      List<Future<?>> sent = new ArrayList<>();
      for (ConsumerRecord<byte[], byte[]> letter : some) {
        TopicPartition partition = new TopicPartition(letter.topic(), letter.partition());
        // what died meanwhile is for the next look: a letter must not go round and round
        if (letter.offset() >= ends.get(partition) || replayed + kept >= most) {
          continue;
        }
        Map<String, String> headers = new HashMap<>(16);
        for (Header header : letter.headers()) {
          headers.put(header.key().toLowerCase(Locale.ROOT), header.value() == null ? "" : new String(header.value(), StandardCharsets.UTF_8));
        }
        Map<String, String> again = QueueMessage.again(headers, times);
        if (again == null) {
          kept++;
        } else {
          ProducerRecord<byte[], byte[]> request = new ProducerRecord<>(requests, letter.key(), letter.value());
          again.forEach((name, value) -> request.headers().add(name, value.getBytes(StandardCharsets.UTF_8)));
          sent.add(producer.send(request));
          replayed++;
        }
        done.put(partition, new OffsetAndMetadata(letter.offset() + 1));
      }
      producer.flush();
      for (Future<?> each : sent) {
        each.get();
      }
      consumer.commitSync(done, PATIENCE);
    }
    return new DeadLetters.Outcome(replayed, kept);
  }
}
