package io.dromedary.durable;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.dromedary.chat.Json;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.KafkaBroker;
import io.dromedary.testing.Mood;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The real jar, killed while it works through a topic: every message is answered, and no answer is paid twice. */
@Tag("M10")
@Tag("F10")
class KafkaKill9IT {
  private static final int MESSAGES = 200;
  private static final int KILLS = 1;

  @TempDir
  Path home;

  @Test
  void every_message_is_answered_and_none_paid_twice_however_often_it_is_killed() throws Exception {
    String brokers = KafkaBroker.with(4, "llm.requests", "llm.replies", "llm.requests.dlq");
    Map<String, String> answered = new ConcurrentHashMap<>();
    try (FakeProvider openai = FakeProvider.openai().mood(Mood.SLOW).delay(Duration.ofMillis(400));
        KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(Map.of(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, brokers), new ByteArraySerializer(), new ByteArraySerializer());
        KafkaConsumer<byte[], byte[]> replies = new KafkaConsumer<>(Map.of(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, brokers, ConsumerConfig.GROUP_ID_CONFIG, "test", ConsumerConfig.AUTO_OFFSET_RESET_CONFIG,
            "earliest"), new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      replies.subscribe(Set.of("llm.replies"));
      Map<String, String> environment = Map.of("OPENAI_API_KEY", "sk-test-0123456789abcdef", "OPENAI_BASE_URL", openai.url(), "KAFKA_BROKERS", brokers, "DROMEDARY_QUEUES_KAFKA_SESSION_TIMEOUT", "3s");
      for (int kill = 0; kill <= KILLS; kill++) {
        try (AppProcess app = AppProcess.start(home, environment)) {
          for (int i = 0; kill == 0 && i < MESSAGES; i++) {
            producer.send(new ProducerRecord<>("llm.requests", ("m-" + i).getBytes(UTF_8), Json.bytes(Gateway.request("openai/gpt-4o-mini", "m-" + i))));
          }
          int enough = kill == KILLS ? MESSAGES : answered.size() + 40;
          await().atMost(Duration.ofSeconds(120)).until(() -> {
            replies.poll(Duration.ofMillis(50)).forEach(reply -> answered.put(new String(reply.key(), UTF_8), new String(reply.headers().lastHeader("x-dromedary-status").value(), UTF_8)));
            return answered.size() >= enough;
          });
          if (kill < KILLS) {
            app.kill();
          } else {
            app.terminate();
            app.exit(Duration.ofSeconds(60));
          }
        }
      }
      assertThat(answered).hasSize(MESSAGES).allSatisfy((key, status) -> assertThat(status).as(key).isEqualTo("200"));
      Map<String, Long> calls = openai.requests().stream().map(call -> call.json().at("/messages/0/content").asText()).collect(Collectors.groupingBy(prompt -> prompt, Collectors.counting()));
      assertThat(calls).hasSize(MESSAGES);
      long again = openai.calls() - MESSAGES;
      try (LedgerFile ledger = new LedgerFile(home.resolve("data"))) {
        assertThat(ledger.number("SELECT COUNT(*) FROM dromedary_attempts WHERE status = 'SETTLED'")).as("each message is paid once").isEqualTo(MESSAGES);
        assertThat(ledger.number("SELECT COUNT(*) FROM dromedary_attempts WHERE status = 'STARTED'")).isZero();
        assertThat(ledger.number("SELECT COUNT(*) FROM dromedary_attempts WHERE status = 'UNKNOWN'")).as("what was asked again had been cut by a kill").isGreaterThanOrEqualTo(again);
        System.out.println("KafkaKill9IT: " + KILLS + " kills, " + MESSAGES + " messages, " + openai.calls() + " calls, " + ledger.number("SELECT COUNT(*) FROM dromedary_attempts WHERE status = 'UNKNOWN'") + " unknown");
      }
    }
  }
}
