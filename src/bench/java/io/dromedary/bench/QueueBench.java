package io.dromedary.bench;

import static java.nio.charset.StandardCharsets.UTF_8;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.slf4j.LoggerFactory;
import org.springframework.kafka.test.EmbeddedKafkaKraftBroker;

/** Requests by Kafka, end to end: from the first message sent to the last reply read, every key and prompt new, the broker in the harness's own process. */
final class QueueBench {
  private static final String REQUESTS = "llm.requests";
  private static final String REPLIES = "llm.replies";
  private static final String DEAD = "llm.requests.dlq";
  private static final Duration PATIENCE = Duration.ofSeconds(180);

  private final Options options;
  private final Child mock;
  private final Report report;

  QueueBench(Options options, Child mock, Report report) {
    this.options = options;
    this.mock = mock;
    this.report = report;
  }

  void run(Path parent) throws IOException, InterruptedException {
    Bench.manner(mock, "delay=0&gap=0");
    int messages = options.number("queue-requests");
    // the broker and its clients tell hundreds of settings
    ((Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME)).setLevel(Level.WARN);
    EmbeddedKafkaKraftBroker broker = new EmbeddedKafkaKraftBroker(1, 8, REQUESTS, REPLIES, DEAD);
    broker.afterPropertiesSet();
    Map<String, String> environment = new HashMap<>(Bench.environment(mock, Files.createTempDirectory(parent, "queue-")));
    environment.put("KAFKA_BROKERS", broker.getBrokersAsString());
    try (Child gateway = Child.gateway(options, Child.freePort(), environment);
        KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(Map.of(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, broker.getBrokersAsString(), ProducerConfig.LINGER_MS_CONFIG, 5), new ByteArraySerializer(), new ByteArraySerializer());
        KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(Map.of(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, broker.getBrokersAsString(), ConsumerConfig.GROUP_ID_CONFIG, "bench", ConsumerConfig.AUTO_OFFSET_RESET_CONFIG,
            "earliest"), new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      gateway.awaitReady("/health/readiness", Duration.ofSeconds(180));
      consumer.subscribe(List.of(REPLIES));
      round("warm", messages, producer, consumer);
      Report.header();
      double before = gateway.view.read().cpuMillis();
      double seconds = round("run", messages, producer, consumer);
      double cpu = (gateway.view.read().cpuMillis() - before) / (double) messages;
      report.add(new Report.Row("queue", "kafka", messages / seconds, Double.NaN, Double.NaN, Double.NaN, messages, 0, cpu, false, gateway.view.read().rssMib(), gateway.view.read().threads(), -1, ""));
      report.figure("requests by Kafka, end to end", messages / seconds, "requests/s", 1_000, 1_000, true);
      // of both on one machine in one run: a busy one slows them alike
      report.figure("requests by Kafka / pass-through by HTTP", messages / seconds / report.perSecond("pass-through", "gateway"), "", Double.NaN, Double.NaN, true);
      report.figure("CPU by Kafka / pass-through by HTTP", cpu / report.cpu("pass-through", "gateway"), "", Double.NaN, Double.NaN, false);
    } finally {
      broker.destroy();
    }
  }

  /** @return seconds until every key has its reply */
  private double round(String name, int messages, KafkaProducer<byte[], byte[]> producer, KafkaConsumer<byte[], byte[]> consumer) throws IOException {
    Set<String> open = new HashSet<>();
    for (int i = 0; i < messages; i++) {
      open.add(name + "-" + i);
    }
    long begun = System.nanoTime();
    for (int i = 0; i < messages; i++) {
      String key = name + "-" + i;
      producer.send(new ProducerRecord<>(REQUESTS, key.getBytes(UTF_8), ("{\"model\":\"" + options.text("model") + "\",\"messages\":[{\"role\":\"user\",\"content\":\"" + key + "\"}]}").getBytes(UTF_8)));
    }
    while (!open.isEmpty()) {
      for (ConsumerRecord<byte[], byte[]> reply : consumer.poll(Duration.ofMillis(100))) {
        if (new String(reply.headers().lastHeader("x-dromedary-status").value(), UTF_8).equals("200")) {
          open.remove(new String(reply.key(), UTF_8));
        }
      }
      if (System.nanoTime() - begun > PATIENCE.toNanos()) {
        throw new IOException(open.size() + " of " + messages + " messages have no answer after " + PATIENCE.toSeconds() + " s");
      }
    }
    return (System.nanoTime() - begun) / 1e9;
  }
}
