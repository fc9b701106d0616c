package io.dromedary.durable;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_16;
import static java.nio.charset.StandardCharsets.UTF_16LE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.access.ApiKey;
import io.dromedary.chat.Json;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.KafkaBroker;
import io.dromedary.testing.Mood;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectOutputStream;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Requests by Kafka, against a real broker: replies, errors, dead letters, and what is delivered twice. */
class KafkaEntryTest {
  private static final String REQUESTS = "llm.requests";
  private static final String REPLIES = "llm.replies";
  private static final String DEAD = "llm.requests.dlq";
  private static final String ELSEWHERE = "somewhere-else";
  private static final String KEY = "dk-kafka-0123456789abcdefghijklmnop";
  private static final String SLOW_KEY = "dk-slow-0123456789abcdefghijklmnopq";
  private static final String POOR_KEY = "dk-poor-0123456789abcdefghijklmnopq";
  private static final String MODEL = "openai/gpt-4o-mini";
  private static final int LONGEST = 200_000;

  private static final List<ConsumerRecord<byte[], byte[]>> CAME = new CopyOnWriteArrayList<>();

  private static String brokers;
  private static FakeProvider openai;
  private static Gateway gateway;
  private static KafkaProducer<byte[], byte[]> producer;
  private static Thread reader;
  private static volatile boolean reading = true;

  @BeforeAll
  static void start() {
    brokers = KafkaBroker.with(4, REQUESTS, REPLIES, DEAD, ELSEWHERE);
    KafkaBroker.limit(REPLIES, 100_000);
    KafkaBroker.limit(DEAD, 100_000);
    openai = FakeProvider.openai();
    gateway = Gateway.with("openai", openai).set("dromedary.queues.kafka.brokers", brokers).set("dromedary.queues.kafka.session-timeout", "3s").set("dromedary.queues.retry-pause", "20ms").set("dromedary.cache.enabled", false)
        .set("dromedary.limits.max-body-bytes", LONGEST).set("dromedary.breaker.min-calls", 1_000).set("dromedary.breaker.window", 1_000).set("dromedary.failover.max-retries", 0).callers("""
        projects:
          - id: by-kafka
            keys: [{id: k, sha256: %s}]
          - id: slow
            keys: [{id: s, sha256: %s}]
            limits: {windows: [{per: second, requests: 2}]}
          - id: poor
            keys: [{id: p, sha256: %s}]
            budgets: [{per: total, usd: 0.00000001}]
        """.formatted(ApiKey.sha256Hex(KEY), ApiKey.sha256Hex(SLOW_KEY), ApiKey.sha256Hex(POOR_KEY))).start();
    Properties settings = new Properties();
    settings.put(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
    settings.put(ProducerConfig.LINGER_MS_CONFIG, 5);
    producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    reader = new Thread(KafkaEntryTest::read, "reader");
    reader.start();
  }

  private static void read() {
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(Map.of(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, brokers, ConsumerConfig.GROUP_ID_CONFIG, "test",
        ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest"), new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.subscribe(List.of(REPLIES, DEAD, ELSEWHERE));
      while (reading) {
        consumer.poll(Duration.ofMillis(50)).forEach(CAME::add);
      }
    }
  }

  @AfterAll
  static void stop() throws InterruptedException {
    gateway.close();
    reading = false;
    reader.join(10_000);
    producer.close();
    openai.close();
  }

  @BeforeEach
  void afresh() {
    openai.mood(Mood.WELL).by(null).reset();
    CAME.clear();
  }

  // ---- what a sender and a reader do ----------------------------------------------------------------------------------------------------------------------------------------------------------

  private static void send(String key, byte[] value, String... headers) {
    ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(REQUESTS, key == null ? null : key.getBytes(UTF_8), value);
    for (int i = 0; i < headers.length; i += 2) {
      record.headers().add(headers[i], headers[i + 1].getBytes(UTF_8));
    }
    producer.send(record);
  }

  private static void send(String key, ObjectNode request, String... headers) {
    send(key, Json.bytes(request), Stream.concat(Stream.of("Authorization", "Bearer " + KEY), Stream.of(headers)).toArray(String[]::new));
  }

  private static String header(ConsumerRecord<?, ?> record, String name) {
    Header header = record.headers().lastHeader(name);
    return header == null ? null : new String(header.value(), UTF_8);
  }

  private static String key(ConsumerRecord<byte[], byte[]> record) {
    return record.key() == null ? null : new String(record.key(), UTF_8);
  }

  private static JsonNode json(ConsumerRecord<byte[], byte[]> record) {
    try {
      return Json.read(record.value());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<ConsumerRecord<byte[], byte[]>> in(String topic) {
    return CAME.stream().filter(record -> record.topic().equals(topic)).toList();
  }

  private static ConsumerRecord<byte[], byte[]> one(String topic, Predicate<ConsumerRecord<byte[], byte[]>> fits) {
    await().atMost(Duration.ofSeconds(60)).until(() -> in(topic).stream().anyMatch(fits));
    return in(topic).stream().filter(fits).findFirst().orElseThrow();
  }

  private static ConsumerRecord<byte[], byte[]> reply(String key) {
    return one(REPLIES, record -> key.equals(key(record)));
  }

  private static ConsumerRecord<byte[], byte[]> letter(String key) {
    return one(DEAD, record -> key.equals(key(record)));
  }

  // ---- promises -------------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  @Tag("M5")
  @Test
  void a_request_is_answered_under_its_key_and_id_and_metered_as_any_other() {
    send("order-1", Gateway.request(MODEL, "by kafka", "{'stream':true}"), "x-request-id", "their-id-1");
    ConsumerRecord<byte[], byte[]> reply = reply("order-1");
    assertThat(json(reply).at("/choices/0/message/content").asText()).as("asked to stream, answered whole").isEqualTo("w1 w2 w3 w4 w5");
    assertThat(header(reply, "x-request-id")).isEqualTo("their-id-1");
    assertThat(header(reply, "x-dromedary-status")).isEqualTo("200");
    assertThat(header(reply, "x-dromedary-model")).isEqualTo(MODEL);
    assertThat(header(reply, "x-dromedary-cost-usd")).isNotBlank();
    JsonNode page = gateway.get("/v1/requests/" + header(reply, "x-dromedary-request-id"), "authorization", "Bearer " + KEY).json();
    assertThat(page.path("entry").asText()).as(page.toString()).isEqualTo("kafka");
    assertThat(page.path("project").asText()).isEqualTo("by-kafka");
  }

  @Test
  void a_mistake_of_the_sender_is_told_in_the_reply() {
    send("wrong-model", Gateway.request("openai/no such model", "hello"));
    send("wrong-field", Gateway.request(MODEL, "hello", "{'temperature':'hot'}"), "x-request-id", "their-id-2");
    assertThat(header(reply("wrong-model"), "x-dromedary-status")).isIn("400", "404");
    ConsumerRecord<byte[], byte[]> reply = reply("wrong-field");
    assertThat(header(reply, "x-dromedary-status")).isEqualTo("400");
    assertThat(json(reply).at("/error/param").asText()).isEqualTo("temperature");
    assertThat(header(reply, "x-request-id")).isEqualTo("their-id-2");
    assertThat(in(DEAD)).isEmpty();
    assertThat(openai.calls()).isZero();
  }

  @Tag("M2")
  @Test
  void whose_budget_is_spent_is_told_so_in_the_reply() {
    send("poor-1", Json.bytes(Gateway.request(MODEL, "too dear")), "x-api-key", POOR_KEY, "x-request-id", "their-id-3");
    ConsumerRecord<byte[], byte[]> reply = reply("poor-1");
    assertThat(header(reply, "x-dromedary-status")).isEqualTo("429");
    assertThat(header(reply, "x-should-retry")).isEqualTo("false");
    assertThat(header(reply, "x-request-id")).isEqualTo("their-id-3");
    assertThat(json(reply).at("/error/type").asText()).as(json(reply).toString()).isEqualTo("insufficient_quota");
    assertThat(json(reply).at("/error/code").asText()).isEqualTo("budget_exceeded");
    assertThat(json(reply).at("/error/message").asText()).contains("poor/total");
    assertThat(openai.calls()).isZero();
  }

  @Tag("F10")
  @Tag("X10")
  @Test
  void what_cannot_be_read_goes_to_the_dead_letters_as_it_came_with_its_reason_and_without_its_key() throws IOException {
    byte[] latin = "{\"model\":\"openai/gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"caf\u00e9\"}]}".getBytes(ISO_8859_1);
    ByteArrayOutputStream java = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(java)) {
      out.writeObject(new ArrayList<>(List.of("a", "b")));
    }
    String[] key = {"Authorization", "Bearer " + KEY, "x-dromedary-note", "kept"};
    send("broken", "{\"model\": ".getBytes(UTF_8), key);
    send("latin", latin, key);
    send("utf-16", Json.text(Gateway.request(MODEL, "in another encoding")).getBytes(UTF_16), key);
    send("wide", Json.text(Gateway.request(MODEL, "without a mark")).getBytes(UTF_16LE), key);
    send("empty", new byte[0], key);
    send("huge", Json.bytes(Gateway.request(MODEL, "x".repeat(LONGEST))), key);
    send("java", java.toByteArray(), key);
    send("twice", "{\"model\":\"a\",\"model\":\"b\"}".getBytes(UTF_8), key);
    send("array", "[]".getBytes(UTF_8), key);
    send("none", (byte[]) null, key);
    send("long-key", Json.bytes(Gateway.request(MODEL, "a")), "Authorization", "Bearer " + KEY, "Authorization", "Bearer " + SLOW_KEY);
    send("no-key", Json.bytes(Gateway.request(MODEL, "whose am I?")));
    send("after", Gateway.request(MODEL, "the consumer lives on"));
    assertThat(header(reply("after"), "x-dromedary-status")).isEqualTo("200");
    for (String dead : new String[] {"broken", "latin", "utf-16", "wide", "empty", "huge", "java", "twice", "array", "none", "long-key", "no-key"}) {
      ConsumerRecord<byte[], byte[]> letter = letter(dead);
      assertThat(header(letter, "x-dromedary-dead-reason")).as(dead).isNotBlank();
      assertThat(header(letter, "x-dromedary-dead-from")).startsWith(REQUESTS + "/");
      assertThat(letter.headers()).as("no keys in dead letters").noneMatch(header -> header.key().equalsIgnoreCase("authorization"));
    }
    assertThat(letter("latin").value()).isEqualTo(latin);
    assertThat(header(letter("wide"), "x-dromedary-dead-reason")).contains("UTF-16");
    assertThat(header(letter("empty"), "x-dromedary-dead-reason")).contains("it is empty");
    assertThat(header(letter("latin"), "x-dromedary-note")).isEqualTo("kept");
    assertThat(header(letter("huge"), "x-dromedary-dead-code")).isEqualTo("request_too_large");
    assertThat(header(letter("huge"), "x-dromedary-dead-reason")).contains("dromedary.limits.max-body-bytes");
    assertThat(letter("huge").value()).as("its beginning").hasSizeLessThan(LONGEST);
    assertThat(letter("java").value()).isEqualTo(java.toByteArray());
    assertThat(header(letter("no-key"), "x-dromedary-dead-code")).isEqualTo("invalid_api_key");
    assertThat(in(REPLIES)).hasSize(1);
    assertThat(openai.calls()).isEqualTo(1);
  }

  @Tag("F10")
  @Test
  void what_is_too_long_for_the_topic_of_replies_or_dead_letters_is_a_short_dead_letter_and_the_consumer_lives_on() {
    openai.says("long ".repeat(30_000));
    send("long-reply", Gateway.request(MODEL, "say much"));
    letter("long-reply");
    openai.says(5);
    assertThat(header(letter("long-reply"), "x-dromedary-dead-code")).isEqualTo("reply_too_large");
    assertThat(header(letter("long-reply"), "x-dromedary-dead-replayable")).isEqualTo("true");
    assertThat(json(letter("long-reply"))).isEqualTo(Gateway.request(MODEL, "say much"));
    String endless = "k".repeat(90_000);
    send(endless, "{".repeat(100_000).getBytes(UTF_8), "Authorization", "Bearer " + KEY, "Idempotency-Key", "i".repeat(90_000));
    ConsumerRecord<byte[], byte[]> letter = one(DEAD, record -> endless.startsWith(key(record)));
    assertThat(header(letter, "x-dromedary-dead-bytes")).isEqualTo("100000");
    assertThat(letter.value()).hasSizeLessThan(70_000);
    send("after-long", Gateway.request(MODEL, "it lives on"));
    assertThat(header(reply("after-long"), "x-dromedary-status")).isEqualTo("200");
    assertThat(openai.calls()).isEqualTo(2);
  }

  @Tag("F10")
  @Test
  void what_fails_three_times_is_a_dead_letter_and_what_fails_once_is_answered() {
    openai.mood("gpt-4o", Mood.DOWN).next(Mood.DOWN);
    send("fails-once", Gateway.request(MODEL, "it may work next time"));
    assertThat(header(reply("fails-once"), "x-dromedary-status")).isEqualTo("200");
    assertThat(openai.calls()).isEqualTo(2);
    send("fails", Gateway.request("openai/gpt-4o", "it never works"));
    ConsumerRecord<byte[], byte[]> letter = letter("fails");
    assertThat(header(letter, "x-dromedary-dead-tries")).isEqualTo("3");
    assertThat(header(letter, "x-dromedary-dead-replayable")).isEqualTo("true");
    assertThat(json(letter)).isEqualTo(Gateway.request("openai/gpt-4o", "it never works"));
    assertThat(openai.calls("gpt-4o")).isEqualTo(3);
  }

  @Tag("X2")
  @Test
  void headers_of_a_record_control_nothing() {
    send("sly", Gateway.request(MODEL, "{{env:PATH}} ${env:PATH} #{1}"), "kafka.OVERRIDE_TOPIC", ELSEWHERE, "KAFKA.override_topic", ELSEWHERE, "CamelHttpUri", "http://127.0.0.1:9/", "cAmElKafkaManualCommit", "x",
        "kafka.KEY", "other", "KAFKA.headers", "x", "kafka.offset", "0", "kafka.PARTITION", "77", "JMSReplyTo", ELSEWHERE, "CamelSplitIndex", "5", ":project", "slow", "x-dromedary-dead-reason", "none", "retries", "1", "Retries", "2", "x-request-id", "theirs\r\nset-cookie: a");
    ConsumerRecord<byte[], byte[]> reply = reply("sly");
    assertThat(header(reply, "x-dromedary-status")).isEqualTo("200");
    assertThat(reply.headers()).as("only the contract's headers").allSatisfy(header -> assertThat(header.key()).matches("content-type|x-request-id|idempotent-replayed|x-ratelimit-[a-z-]+|x-dromedary-(?!dead).*"));
    assertThat(header(reply, "x-request-id")).isEqualTo(header(reply, "x-dromedary-request-id")).startsWith("req-");
    assertThat(openai.last().json().at("/messages/0/content").asText()).isEqualTo("{{env:PATH}} ${env:PATH} #{1}");
    assertThat(in(ELSEWHERE)).isEmpty();
  }

  @Test
  void requests_of_one_key_are_asked_in_their_order() {
    openai.mood(Mood.SLOW).delay(Duration.ofMillis(30));
    for (int i = 0; i < 5; i++) {
      for (String key : new String[] {"first", "second", "third"}) {
        send(key, Gateway.request(MODEL, key + " " + i));
      }
    }
    // a reply of the test before may still be on its way
    Set<String> keys = Set.of("first", "second", "third");
    await().atMost(Duration.ofSeconds(60)).until(() -> in(REPLIES).stream().filter(reply -> keys.contains(key(reply))).count() == 15);
    for (String key : new String[] {"first", "second", "third"}) {
      assertThat(openai.requests().stream().map(call -> call.json().at("/messages/0/content").asText()).filter(prompt -> prompt.startsWith(key))).containsExactly(key + " 0", key + " 1", key + " 2", key + " 3", key + " 4");
    }
  }

  @Tag("M3")
  @Test
  void who_is_over_its_limit_waits_and_loses_nothing() {
    for (int i = 0; i < 6; i++) {
      send("slow-" + i, Json.bytes(Gateway.request(MODEL, "slowly " + i)), "x-api-key", SLOW_KEY);
    }
    await().atMost(Duration.ofSeconds(60)).until(() -> in(REPLIES).size() == 6);
    assertThat(in(REPLIES)).allSatisfy(reply -> assertThat(header(reply, "x-dromedary-status")).isEqualTo("200"));
    assertThat(in(DEAD)).isEmpty();
    assertThat(openai.calls()).isEqualTo(6);
  }

  @Tag("M10")
  @Tag("F10")
  @Test
  void a_thousand_messages_delivered_twice_are_charged_once_and_ten_of_them_that_are_poison_are_dead_letters() {
    JsonNode before = spent();
    for (int delivery = 0; delivery < 2; delivery++) {
      for (int i = 0; i < 1_000; i++) {
        if (i % 100 == 50) {
          send("poison-" + i, ("{\"poison\": " + i).getBytes(UTF_8), "Authorization", "Bearer " + KEY);
        } else {
          send("key-" + i % 400, Gateway.request(MODEL, "message " + i));
        }
      }
    }
    await().atMost(Duration.ofSeconds(120)).until(() -> in(REPLIES).size() >= 1_980 && in(DEAD).size() >= 20);
    assertThat(in(REPLIES)).hasSize(1_980).allSatisfy(reply -> assertThat(header(reply, "x-dromedary-status")).isEqualTo("200"));
    assertThat(in(REPLIES).stream().filter(reply -> "true".equals(header(reply, "idempotent-replayed")))).hasSize(990);
    assertThat(in(DEAD)).hasSize(20);
    assertThat(openai.calls()).as("provider calls").isEqualTo(990);
    JsonNode after = spent();
    long price = 4_350;
    assertThat(after.path("requests").asLong() - before.path("requests").asLong()).as("charges").isEqualTo(990);
    assertThat(after.path("cost_nanos").asLong() - before.path("cost_nanos").asLong()).as("nano-dollars").isEqualTo(990 * price);
  }

  private static JsonNode spent() {
    return gateway.get("/v1/usage", "authorization", "Bearer " + KEY).json().path("total");
  }

  @Tag("M10")
  @Tag("F10")
  @Test
  void a_rebalance_in_the_midst_loses_nothing_and_pays_nothing_twice() {
    openai.mood(Mood.SLOW).delay(Duration.ofMillis(100));
    for (int i = 0; i < 400; i++) {
      send("move-" + i, Gateway.request(MODEL, "moved " + i));
    }
    await().atMost(Duration.ofSeconds(60)).until(() -> !in(REPLIES).isEmpty());
    // another member takes half of the partitions, reads, commits nothing and goes away again
    try (KafkaConsumer<byte[], byte[]> other = new KafkaConsumer<>(Map.of(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, brokers, ConsumerConfig.GROUP_ID_CONFIG, "dromedary",
        ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false, ConsumerConfig.PARTITION_ASSIGNMENT_STRATEGY_CONFIG, CooperativeStickyAssignor.class.getName()), new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      other.subscribe(List.of(REQUESTS));
      await().atMost(Duration.ofSeconds(60)).until(() -> {
        other.poll(Duration.ofMillis(100));
        return !other.assignment().isEmpty();
      });
    }
    await().atMost(Duration.ofSeconds(120)).until(() -> in(REPLIES).stream().map(KafkaEntryTest::key).distinct().count() == 400);
    assertThat(openai.calls()).isEqualTo(400);
    assertThat(in(DEAD)).isEmpty();
  }

  @Tag("F10")
  @Test
  void a_dead_letter_that_may_work_now_is_put_back_as_its_senders_and_one_that_cannot_stays() {
    openai.mood("gpt-4.1", Mood.DOWN);
    send("comes-back", Gateway.request("openai/gpt-4.1", "later"), "x-request-id", "their-id-9");
    send("forged", Json.bytes(Gateway.request(MODEL, "as somebody else")), "x-dromedary-sealed-caller", "by-kafka/k", "x-dromedary-seal", "0".repeat(64));
    send("unreadable", "{".getBytes(UTF_8), "Authorization", "Bearer " + KEY);
    assertThat(header(letter("comes-back"), "x-dromedary-sealed-caller")).isEqualTo("by-kafka/k");
    assertThat(header(letter("forged"), "x-dromedary-dead-code")).isEqualTo("invalid_api_key");
    letter("unreadable");
    openai.mood("gpt-4.1", Mood.WELL);
    JsonNode outcome = gateway.admin("/admin/dead-letters/replay", "{}").json();
    assertThat(outcome.at("/kafka/replayed").asInt()).as(outcome.toString()).isPositive();
    ConsumerRecord<byte[], byte[]> reply = reply("comes-back");
    assertThat(header(reply, "x-dromedary-status")).isEqualTo("200");
    assertThat(header(reply, "x-request-id")).isEqualTo("their-id-9");
    assertThat(gateway.get("/v1/requests/" + header(reply, "x-dromedary-request-id"), "authorization", "Bearer " + KEY).json().path("project").asText()).isEqualTo("by-kafka");
    assertThat(gateway.admin("/admin/dead-letters/replay", "{}").json().at("/kafka/replayed").asInt()).as("once is enough").isZero();
    assertThat(gateway.admin("/admin/dead-letters/replay", "{'most':0}").status()).isEqualTo(400);
    assertThat(gateway.post("/admin/dead-letters/replay", "{}", "authorization", "Bearer " + KEY).status()).isEqualTo(401);
  }

  @Test
  void its_counts_are_among_the_metrics() {
    send("counted", Gateway.request(MODEL, "count me"));
    reply("counted");
    String metrics = gateway.get("/metrics").text();
    assertThat(metrics).contains("dromedary_queue_consumed_total{entry=\"kafka\"}").contains("dromedary_queue_answered_total{entry=\"kafka\"}").contains("dromedary_queue_dead_total{entry=\"kafka\"}")
        .contains("dromedary_queue_waiting{entry=\"kafka\"}");
  }
}
