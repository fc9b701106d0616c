package io.dromedary.durable;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.access.ApiKey;
import io.dromedary.chat.Json;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Mood;
import jakarta.jms.BytesMessage;
import jakarta.jms.ConnectionFactory;
import jakarta.jms.Destination;
import jakarta.jms.JMSContext;
import jakarta.jms.JMSException;
import jakarta.jms.JMSProducer;
import jakarta.jms.MapMessage;
import jakarta.jms.Message;
import jakarta.jms.TextMessage;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.apache.activemq.artemis.core.config.impl.ConfigurationImpl;
import org.apache.activemq.artemis.core.server.embedded.EmbeddedActiveMQ;
import org.apache.activemq.artemis.core.settings.impl.AddressFullMessagePolicy;
import org.apache.activemq.artemis.core.settings.impl.AddressSettings;
import org.apache.activemq.artemis.jms.client.ActiveMQConnectionFactory;
import org.apache.qpid.jms.JmsConnectionFactory;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Requests by JMS and AMQP, against a real broker that is not there yet when the gateway starts. */
class JmsEntryTest {
  private static final String REQUESTS = "llm.requests";
  private static final String DEAD = "llm.requests.dlq";
  private static final String MODEL = "openai/gpt-4o-mini";
  private static final long SOON = 30_000;
  private static final String KEY = "dk-jms-0123456789abcdefghijklmnopqr";
  private static final String OTHER_KEY = "dk-other-0123456789abcdefghijklmnop";

  private static int port;
  private static EmbeddedActiveMQ broker;
  private static FakeProvider openai;
  private static Gateway gateway;

  @BeforeAll
  static void start() throws Exception {
    port = freePort();
    openai = FakeProvider.openai();
    gateway = Gateway.with("openai", openai).set("dromedary.queues.jms.url", "tcp://127.0.0.1:" + port).set("dromedary.queues.jms.consumers", 4).set("dromedary.queues.retry-pause", "20ms")
        .set("dromedary.cache.enabled", false).set("dromedary.breaker.min-calls", 1_000).set("dromedary.breaker.window", 1_000).set("dromedary.failover.max-retries", 0).start();
    broker = broker();
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  private static EmbeddedActiveMQ broker() throws Exception {
    EmbeddedActiveMQ started = new EmbeddedActiveMQ();
    started.setConfiguration(new ConfigurationImpl().setPersistenceEnabled(false).setSecurityEnabled(false).setJMXManagementEnabled(false).addAcceptorConfiguration("all", "tcp://127.0.0.1:" + port + "?protocols=CORE,AMQP")
        .addAddressSetting("full.#", new AddressSettings().setMaxSizeBytes(1).setAddressFullMessagePolicy(AddressFullMessagePolicy.FAIL)));
    started.start();
    return started;
  }

  @AfterAll
  static void stop() throws Exception {
    gateway.close();
    broker.stop();
    openai.close();
  }

  @BeforeEach
  void afresh() {
    openai.mood(Mood.WELL).reset();
  }

  private static JMSContext core() {
    return new ActiveMQConnectionFactory("tcp://127.0.0.1:" + port).createContext();
  }

  private static ConnectionFactory factory(String protocol) {
    return protocol.equals("amqp") ? new JmsConnectionFactory("amqp://127.0.0.1:" + port) : new ActiveMQConnectionFactory("tcp://127.0.0.1:" + port);
  }

  private static TextMessage ask(JMSContext jms, Destination replies, String correlation, ObjectNode request) throws JMSException {
    TextMessage message = jms.createTextMessage(Json.text(request));
    message.setJMSReplyTo(replies);
    message.setJMSCorrelationID(correlation);
    return message;
  }

  private static JsonNode json(Message message) {
    try {
      return Json.read(message.getBody(String.class).getBytes(UTF_8));
    } catch (IOException | JMSException e) {
      throw new AssertionError(e);
    }
  }

  private static Message letter(JMSContext jms) throws JMSException {
    try (var consumer = jms.createConsumer(jms.createQueue(DEAD))) {
      Message letter = consumer.receive(SOON);
      assertThat(letter).as("a dead letter").isNotNull();
      return letter;
    }
  }

  @Tag("M5")
  @ParameterizedTest
  @ValueSource(strings = {"core", "amqp"})
  void a_request_is_answered_where_it_says_under_its_correlation_id(String protocol) throws JMSException {
    try (JMSContext jms = factory(protocol).createContext()) {
      Destination replies = jms.createTemporaryQueue();
      jms.createProducer().send(jms.createQueue(REQUESTS), ask(jms, replies, "order-7", Gateway.request(MODEL, "by " + protocol, "{'stream':true}")));
      BytesMessage bytes = jms.createBytesMessage();
      bytes.writeBytes(Json.bytes(Gateway.request(MODEL, "in bytes by " + protocol)));
      bytes.setJMSReplyTo(replies);
      bytes.setStringProperty("x_request_id", "their-id-" + protocol);
      jms.createProducer().send(jms.createQueue(REQUESTS), bytes);
      List<Message> came = new ArrayList<>();
      try (var consumer = jms.createConsumer(replies)) {
        came.add(consumer.receive(SOON));
        came.add(consumer.receive(SOON));
      }
      assertThat(came).doesNotContainNull();
      Message first = came.get("order-7".equals(came.get(0).getJMSCorrelationID()) ? 0 : 1);
      Message second = came.get(came.get(0) == first ? 1 : 0);
      assertThat(json(first).at("/choices/0/message/content").asText()).isEqualTo("w1 w2 w3 w4 w5");
      assertThat(first.getJMSCorrelationID()).isEqualTo("order-7");
      assertThat(first.getStringProperty("x_dromedary_status")).isEqualTo("200");
      assertThat(second.getJMSCorrelationID()).as("without one of its own: its message id").isNotBlank();
      assertThat(second.getStringProperty("x_request_id")).isEqualTo("their-id-" + protocol);
      assertThat(gateway.get("/v1/requests/" + first.getStringProperty("x_dromedary_request_id")).json().path("entry").asText()).isEqualTo("jms");
    }
  }

  @Tag("X10")
  @Tag("F10")
  @Test
  void what_is_no_text_or_bytes_or_cannot_be_read_is_a_dead_letter_with_its_reason() throws JMSException {
    try (JMSContext jms = core()) {
      Destination replies = jms.createTemporaryQueue();
      JMSProducer producer = jms.createProducer().setJMSReplyTo(replies);
      MapMessage map = jms.createMapMessage();
      map.setString("model", MODEL);
      BytesMessage latin = jms.createBytesMessage();
      latin.writeBytes(new byte[] {'{', '"', (byte) 0xe9, '"', ':', '1', '}'});
      Message[] poison = {jms.createObjectMessage(new ArrayList<>(List.of("gadget"))), map, jms.createStreamMessage(), jms.createTextMessage("{\"model\": "), jms.createTextMessage(), latin};
      String[] reasons = {"ObjectMessage", "MapMessage", "StreamMessage", "not valid JSON", "no text", "JSON"};
      for (int i = 0; i < poison.length; i++) {
        producer.send(jms.createQueue(REQUESTS), poison[i]);
        Message letter = letter(jms);
        assertThat(letter.getStringProperty("x_dromedary_dead_reason")).contains(reasons[i]);
        assertThat(letter.getStringProperty("x_dromedary_dead_from")).isEqualTo(poison[i].getJMSMessageID());
      }
      TextMessage unaddressed = jms.createTextMessage(Json.text(Gateway.request(MODEL, "to whom?")));
      unaddressed.setStringProperty("Authorization", "Bearer dk-secret-0123456789");
      jms.createProducer().send(jms.createQueue(REQUESTS), unaddressed);
      Message letter = letter(jms);
      assertThat(letter.getStringProperty("x_dromedary_dead_reason")).contains("JMSReplyTo");
      assertThat(new String(letter.getBody(byte[].class), UTF_8)).isEqualTo(unaddressed.getText());
      assertThat(letter.getStringProperty("Authorization")).isNull();
      jms.createProducer().setJMSReplyTo(jms.createQueue(REQUESTS)).send(jms.createQueue(REQUESTS), jms.createTextMessage(Json.text(Gateway.request(MODEL, "to myself"))));
      assertThat(letter(jms).getStringProperty("x_dromedary_dead_reason")).contains("reply address is the queue of requests");
      assertThat(openai.calls()).isZero();

      producer.send(jms.createQueue(REQUESTS), jms.createTextMessage(Json.text(Gateway.request(MODEL, "it lives on"))));
      try (var consumer = jms.createConsumer(replies)) {
        assertThat(json(consumer.receive(SOON)).has("choices")).isTrue();
        assertThat(consumer.receiveNoWait()).isNull();
      }
    }
  }

  @Tag("M10")
  @Test
  void what_is_sent_twice_is_charged_once_and_what_fails_three_times_is_dead() throws JMSException {
    try (JMSContext jms = core()) {
      Destination replies = jms.createTemporaryQueue();
      for (int i = 0; i < 2; i++) {
        jms.createProducer().send(jms.createQueue(REQUESTS), ask(jms, replies, "same", Gateway.request(MODEL, "twice")));
      }
      try (var consumer = jms.createConsumer(replies)) {
        Message one = consumer.receive(SOON);
        Message two = consumer.receive(SOON);
        assertThat(one.getBody(String.class)).isEqualTo(two.getBody(String.class));
      }
      assertThat(openai.calls()).isEqualTo(1);
      openai.mood(Mood.DOWN).reset();
      jms.createProducer().send(jms.createQueue(REQUESTS), ask(jms, replies, "fails", Gateway.request(MODEL, "never")));
      Message letter = letter(jms);
      assertThat(letter.getStringProperty("x_dromedary_dead_tries")).isEqualTo("3");
      assertThat(letter.getJMSCorrelationID()).isEqualTo("fails");
      assertThat(openai.calls()).isEqualTo(3);
    }
  }

  @Tag("F10")
  @Test
  void whose_reply_its_queue_does_not_take_is_charged_once_and_ends_among_the_dead_letters() throws JMSException {
    try (JMSContext jms = core()) {
      Destination full = jms.createQueue("full.replies");
      jms.createProducer().send(full, jms.createTextMessage("no more room"));
      jms.createProducer().send(jms.createQueue(REQUESTS), ask(jms, full, "no room", Gateway.request(MODEL, "to nobody")));
      Message letter = letter(jms);
      assertThat(letter.getStringProperty("x_dromedary_dead_code")).isEqualTo("redelivered_too_often");
      assertThat(letter.getJMSCorrelationID()).isEqualTo("no room");
      assertThat(openai.calls()).isEqualTo(1);
    }
  }

  @Tag("F10")
  @Test
  void a_dead_letter_that_may_work_now_is_put_back_and_answered_where_it_said() throws JMSException {
    try (JMSContext jms = core()) {
      Destination replies = jms.createQueue("my.replies");
      openai.mood(Mood.DOWN);
      jms.createProducer().send(jms.createQueue(REQUESTS), ask(jms, replies, "comes-back", Gateway.request(MODEL, "later")));
      await().atMost(Duration.ofSeconds(30)).until(() -> openai.calls() == 3);
      openai.mood(Mood.WELL);
      await().atMost(Duration.ofSeconds(30)).until(() -> gateway.admin("/admin/dead-letters/replay", "{}").json().at("/jms/replayed").asInt() == 1);
      try (var consumer = jms.createConsumer(replies)) {
        Message reply = consumer.receive(SOON);
        assertThat(json(reply).has("choices")).isTrue();
        assertThat(reply.getJMSCorrelationID()).isEqualTo("comes-back");
      }
    }
  }

  @Tag("X2")
  @Test
  void properties_of_a_message_control_nothing() throws JMSException {
    try (JMSContext jms = core()) {
      Destination replies = jms.createTemporaryQueue();
      TextMessage message = ask(jms, replies, "sly", Gateway.request(MODEL, "${env:PATH} {{env:PATH}}"));
      for (String name : new String[] {"CamelJmsDestinationName", "camelJMSDestinationName", "CamelHttpUri", "CamelJmsDestination", "JMSType_", "kafka_DOT_OVERRIDE_TOPIC", "_project", "x_dromedary_dead_reason"}) {
        message.setStringProperty(name, "somewhere-else");
      }
      jms.createProducer().send(jms.createQueue(REQUESTS), message);
      try (var consumer = jms.createConsumer(replies)) {
        Message reply = consumer.receive(SOON);
        assertThat(reply.getStringProperty("x_dromedary_status")).isEqualTo("200");
        assertThat(reply.getStringProperty("CamelJmsDestinationName")).isNull();
      }
      assertThat(openai.last().json().at("/messages/0/content").asText()).isEqualTo("${env:PATH} {{env:PATH}}");
    }
  }

  @Tag("X2")
  @Tag("X10")
  @Tag("F10")
  @Test
  void a_gateway_that_takes_by_amqp_in_the_name_of_a_fixed_project_keeps_the_same_promises_and_replays_by_the_clock() throws JMSException {
    String requests = "amqp.requests";
    String dead = "amqp.dead";
    try (Gateway amqp = Gateway.with("openai", openai).set("dromedary.queues.jms.url", "amqp://127.0.0.1:" + port).set("dromedary.queues.jms.requests", requests).set("dromedary.queues.jms.dead-letters", dead)
        .set("dromedary.queues.jms.project", "by-jms").set("camel.servlet.mapping.servlet-name", "second").set("camel.component.servlet.servlet-name", "second").set("dromedary.queues.retry-pause", "20ms").set("dromedary.queues.replay.every", "500ms").set("dromedary.cache.enabled", false)
        .set("dromedary.breaker.min-calls", 1_000).set("dromedary.breaker.window", 1_000).set("dromedary.failover.max-retries", 0)
        .callers("projects: [{id: by-jms, keys: [{id: k, sha256: " + ApiKey.sha256Hex(KEY) + "}]}, {id: other, keys: [{id: k, sha256: " + ApiKey.sha256Hex(OTHER_KEY) + "}]}]").start()) {
      for (String protocol : new String[] {"amqp", "core"}) {
        try (JMSContext jms = factory(protocol).createContext()) {
          Destination replies = jms.createQueue("amqp.replies." + protocol);
          TextMessage sly = ask(jms, replies, "sly", Gateway.request(MODEL, "${env:PATH} by " + protocol));
          sly.setStringProperty("Authorization", "Bearer " + OTHER_KEY);
          sly.setStringProperty("CamelJmsDestinationName", "somewhere-else");
          sly.setStringProperty("x_dromedary_project", "other");
          jms.createProducer().send(jms.createQueue(requests), sly);
          try (var consumer = jms.createConsumer(replies)) {
            Message reply = consumer.receive(SOON);
            assertThat(json(reply).has("choices")).as(protocol).isTrue();
            assertThat(reply.getJMSCorrelationID()).isEqualTo("sly");
            JsonNode page = amqp.get("/v1/requests/" + reply.getStringProperty("x_dromedary_request_id"), "authorization", "Bearer " + KEY).json();
            assertThat(page.path("project").asText()).as("not whose key it shows: %s", page).isEqualTo("by-jms");
          }
          jms.createProducer().setJMSReplyTo(replies).send(jms.createQueue(requests), jms.createObjectMessage(new ArrayList<>(List.of("gadget"))));
          jms.createProducer().setJMSReplyTo(replies).send(jms.createQueue(requests), jms.createTextMessage("{\"model\": "));
          try (var consumer = jms.createConsumer(jms.createQueue(dead))) {
            List<String> reasons = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
              reasons.add(consumer.receive(SOON).getStringProperty("x_dromedary_dead_reason"));
            }
            assertThat(reasons).anyMatch(reason -> reason.contains("ObjectMessage")).anyMatch(reason -> reason.contains("not valid JSON"));
          }
        }
      }
      openai.mood(Mood.DOWN).reset();
      try (JMSContext jms = factory("amqp").createContext()) {
        Destination replies = jms.createQueue("amqp.replies.late");
        jms.createProducer().send(jms.createQueue(requests), ask(jms, replies, "comes-back", Gateway.request(MODEL, "later")));
        await().atMost(Duration.ofSeconds(30)).until(() -> openai.calls() >= 3);
        openai.mood(Mood.WELL);
        try (var consumer = jms.createConsumer(replies)) {
          Message reply = consumer.receive(SOON);
          assertThat(json(reply).has("choices")).as("by the clock alone").isTrue();
          assertThat(reply.getJMSCorrelationID()).isEqualTo("comes-back");
        }
      }
    }
  }

  @Test
  void a_broker_that_was_away_is_found_again() throws Exception {
    broker.stop();
    broker = broker();
    try (JMSContext jms = core()) {
      Destination replies = jms.createTemporaryQueue();
      jms.createProducer().send(jms.createQueue(REQUESTS), ask(jms, replies, "after", Gateway.request(MODEL, "after the restart")));
      try (var consumer = jms.createConsumer(replies)) {
        assertThat(json(consumer.receive(SOON)).has("choices")).isTrue();
      }
    }
  }
}
