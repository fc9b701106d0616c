package io.dromedary.durable;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.camel.CostRelays;
import io.dromedary.chat.Json;
import io.dromedary.spend.Outbox;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.KafkaBroker;
import io.dromedary.testing.Mood;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.camel.CamelContext;
import org.apache.camel.builder.RouteBuilder;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Cost events on their way to four sinks at once: a log, a file, one that hangs and a Kafka that is not there yet. */
@Tag("F4")
class CostEventsFeatureTest {
  private static final int REQUESTS = 150;
  private static final String TOPIC = "llm.cost-events";

  @TempDir
  Path home;

  @Test
  void a_comma_within_a_uri_divides_nothing() {
    assertThat(CostRelays.split("log:cost, kafka:t?brokers=a:9092,b.example:9092&maxBlockMs=1000,file:x?fileName=y")).containsExactly("log:cost", "kafka:t?brokers=a:9092,b.example:9092&maxBlockMs=1000",
        "file:x?fileName=y");
    assertThat(CostRelays.split("")).isEmpty();
  }

  @Test
  void a_gateway_whose_kafka_sink_may_lose_events_never_gets_ready() {
    try (Gateway gateway = Gateway.bare().set("dromedary.cost-sink", "kafka:" + TOPIC + "?brokers=127.0.0.1:9&requestRequiredAcks=1&enableIdempotence=false").start()) {
      assertThat(gateway.get("/health/readiness").status()).isEqualTo(503);
    }
  }

  @Test
  void sinks_that_hang_or_are_away_slow_no_request_and_get_every_event_once_they_are_back() throws Exception {
    int port = freePort();
    Path file = home.resolve("events/cost.jsonl");
    String sinks = String.join(",", "log:cost?level=OFF", "file:" + file.getParent() + "?fileName=cost.jsonl&fileExist=Append&appendChars=\\n", "direct:test-sink",
        "kafka:" + TOPIC + "?brokers=127.0.0.1:" + port + "&maxBlockMs=2000&deliveryTimeoutMs=4000&requestTimeoutMs=2000&lingerMs=0");
    ConcurrentLinkedQueue<String> received = new ConcurrentLinkedQueue<>();
    CountDownLatch hanging = new CountDownLatch(1);
    CountDownLatch recovered = new CountDownLatch(1);
    try (FakeProvider openai = FakeProvider.openai(); FakeProvider groq = FakeProvider.openai().mood(Mood.DOWN);
        Gateway gateway = Gateway.with("openai", openai).and("groq", groq).set("dromedary.cost-sink", sinks).set("dromedary.breaker.min-calls", 1_000).set("dromedary.breaker.window", 1_000).start()) {
      gateway.bean(CamelContext.class).addRoutes(new RouteBuilder() {
        @Override
        public void configure() {
          from("direct:test-sink").routeId("test-sink").process(exchange -> {
            hanging.countDown();
            recovered.await();
            assertThat(exchange.getMessage().getHeaders()).isEmpty();
            received.add(exchange.getMessage().getBody(String.class));
          });
        }
      });
      List<Gateway.Answer> answers = new ArrayList<>();
      List<CompletableFuture<Gateway.Answer>> under = new ArrayList<>();
      for (int i = 0; i < REQUESTS; i++) {
        // every tenth is asked of a provider that is down first, every seventh is a repeat that the cache answers
        String prompt = i % 7 == 6 ? "event 0" : "event " + i;
        under.add(gateway.chatLater(i % 10 == 9 ? Gateway.request("groq/llama-3.3-70b-versatile", prompt, "{'models':['openai/gpt-4o-mini']}") : Gateway.request("openai/gpt-4o-mini", prompt)));
        if (under.size() == 10) {
          for (CompletableFuture<Gateway.Answer> one : under) {
            answers.add(one.get(30, TimeUnit.SECONDS));
          }
          under.clear();
        }
      }
      Gateway.Streamed stream = gateway.stream(Gateway.request("openai/gpt-4o-mini", "a stream"));
      assertThat(stream.done()).isTrue();
      assertThat(answers).allSatisfy(answer -> assertThat(answer.status()).as(answer.text()).isEqualTo(200));
      assertThat(hanging.await(20, TimeUnit.SECONDS)).as("the sink hangs with an event in its hands").isTrue();
      assertThat(received).isEmpty();
      JsonNode usage = gateway.get("/v1/usage").json().path("total");
      await().atMost(Duration.ofSeconds(30)).untilAsserted(() -> {
        assertThat(file).as("the file has them all, beside sinks that hang").exists();
        assertThat(lines(file)).hasSizeGreaterThan(REQUESTS).allSatisfy(line -> assertThat(line).startsWith("{").endsWith("}"));
        assertThat(cost(lines(file))).isEqualTo(gateway.get("/v1/usage").json().at("/total/cost_nanos").asLong());
      });

      recovered.countDown();
      await("the sink that hung").atMost(Duration.ofSeconds(60)).until(() -> received.size() >= lines(file).size());

      String broker = KafkaBroker.with(1, TOPIC);
      // the broker takes a port of its own choice; the address that was dead now leads there
      ServerSocket road = lead(port, Integer.parseInt(broker.replaceAll(".*:", "")));
      List<String> fromKafka = new ArrayList<>();
      try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(Map.of(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, broker, ConsumerConfig.GROUP_ID_CONFIG, "cost-events",
          ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest"), new StringDeserializer(), new StringDeserializer())) {
        consumer.subscribe(List.of(TOPIC));
        await("Kafka, once it is there").atMost(Duration.ofSeconds(90)).until(() -> {
          for (ConsumerRecord<String, String> event : consumer.poll(Duration.ofMillis(500))) {
            fromKafka.add(event.value());
          }
          return ids(fromKafka).size() >= lines(file).size();
        });
      } finally {
        road.close();
      }

      List<String> inFile = lines(file);
      assertThat(ids(inFile)).doesNotHaveDuplicates();
      assertThat(ids(List.copyOf(received))).doesNotHaveDuplicates().containsExactlyInAnyOrderElementsOf(ids(inFile));
      assertThat(ids(fromKafka).stream().distinct()).containsExactlyInAnyOrderElementsOf(ids(inFile));
      long ledger = gateway.get("/v1/usage").json().at("/total/cost_nanos").asLong();
      assertThat(cost(inFile)).as("M9: the sum of events is the ledger's").isEqualTo(ledger);
      assertThat(cost(List.copyOf(received))).isEqualTo(ledger);
      assertThat(usage.path("requests").asInt()).isPositive();
      await().atMost(Duration.ofSeconds(20)).until(() -> gateway.bean(Outbox.class).pending() == 0);
      assertThat(inFile).allSatisfy(event -> assertThat(event).doesNotContain("event 1").doesNotContain("sk-test"));
    }
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  /** Passes connections to {@code from} on to {@code to}. */
  private static ServerSocket lead(int from, int to) throws IOException {
    ServerSocket server = new ServerSocket(from, 50, InetAddress.getLoopbackAddress());
    daemon(() -> {
      while (!server.isClosed()) {
        Socket near = server.accept();
        Socket far = new Socket(InetAddress.getLoopbackAddress(), to);
        daemon(() -> near.getInputStream().transferTo(far.getOutputStream()));
        daemon(() -> far.getInputStream().transferTo(near.getOutputStream()));
      }
    });
    return server;
  }

  private interface Work {
    void run() throws IOException;
  }

  private static void daemon(Work work) {
    Thread thread = new Thread(() -> {
      try {
        work.run();
      } catch (IOException closed) {
        // the end of a connection
      }
    });
    thread.setDaemon(true);
    thread.start();
  }

  private static List<String> lines(Path file) throws IOException {
    return Files.readAllLines(file).stream().filter(line -> !line.isBlank()).toList();
  }

  private static List<String> ids(List<String> events) {
    return events.stream().map(event -> json(event).path("event_id").asText()).toList();
  }

  private static long cost(List<String> events) {
    return events.stream().mapToLong(event -> json(event).path("cost_nanos").asLong()).sum();
  }

  private static JsonNode json(String event) {
    try {
      return Json.read(event.getBytes(StandardCharsets.UTF_8));
    } catch (IOException halfWritten) {
      return Json.object();
    }
  }
}
