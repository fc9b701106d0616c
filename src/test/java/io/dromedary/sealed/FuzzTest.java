package io.dromedary.sealed;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Json;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** 2,000 bodies, each a good one with something wrong in it: none is a 5xx, each refusal has its four keys, and the next request is served. The seed is fixed, so that a failure can be repeated. */
class FuzzTest {
  private static final long SEED = 20261121;
  private static final int BODIES = 2_000;
  private static final List<String> SAMPLES = List.of(
      "{\"model\":\"sandbox/echo\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}",
      "{\"model\":\"auto\",\"messages\":[{\"role\":\"system\",\"content\":\"be brief\"},{\"role\":\"user\",\"content\":\"what is 2+2?\"}],\"temperature\":0.5,\"max_tokens\":20,\"n\":1,\"stop\":[\"x\"],\"seed\":1,\"user\":\"u\"}",
      "{\"model\":\"openai/gpt-4o-mini\",\"stream\":true,\"stream_options\":{\"include_usage\":true},\"messages\":[{\"role\":\"developer\",\"content\":\"d\"},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"t\"}]}],\"top_p\":1}",
      "{\"model\":\"openai/gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"w\"},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"
          + "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"4\"}],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\",\"parameters\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}}}],"
          + "\"tool_choice\":\"auto\",\"parallel_tool_calls\":false}",
      "{\"model\":\"gemini/gemini-3.5-flash-lite\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"t\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,iVBORw0KGgo=\",\"detail\":\"low\"}}]}],"
          + "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"s\",\"schema\":{\"type\":\"object\",\"properties\":{}},\"strict\":true}}}",
      "{\"model\":\"auto:cost\",\"models\":[\"sandbox/echo\"],\"provider\":{\"order\":[\"sandbox\",\"openai\"],\"only\":[\"openai\",\"sandbox\"],\"ignore\":[],\"allow_fallbacks\":true,\"max_price\":{\"prompt\":5,\"completion\":20}},"
          + "\"routing\":{\"weights\":{\"cost\":1,\"quality\":0,\"speed\":0},\"min_quality\":0,\"session_id\":\"s\",\"baseline_model\":\"openai/gpt-4o\",\"dry_run\":false},\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
      "{\"model\":\"router-keywords-0.5\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"logprobs\":true,\"top_logprobs\":2,\"logit_bias\":{\"50256\":-100},\"metadata\":{\"a\":\"b\"},\"presence_penalty\":0,\"frequency_penalty\":0,"
          + "\"reasoning_effort\":\"low\",\"max_completion_tokens\":5,\"store\":false,\"service_tier\":\"auto\"}");

  private record Shot(int number, byte[] request, String body) {}

  @Tag("X4")
  @Test
  void two_thousand_spoiled_bodies_are_no_mistake_of_the_gateway() throws IOException {
    SplittableRandom seeds = new SplittableRandom(SEED);
    List<Shot> shots = new ArrayList<>(BODIES);
    for (int i = 0; i < BODIES; i++) {
      shots.add(shot(i, new SplittableRandom(seeds.nextLong())));
    }
    Map<Integer, Integer> statuses = new ConcurrentSkipListMap<>();
    // Four connections at once, as callers would.
    IntStream.range(0, 4).parallel().forEach(lane -> {
      try {
        fire(shots.stream().filter(shot -> shot.number() % 4 == lane).toList(), statuses);
      } catch (IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
    });
    assertThat(statuses.values().stream().mapToInt(Integer::intValue).sum()).isEqualTo(BODIES);
    assertThat(statuses.keySet()).as("%s", new TreeMap<>(statuses)).allSatisfy(status -> assertThat(status).isBetween(200, 499));
    assertThat(statuses.get(200)).as("some pass: %s", statuses).isGreaterThan(BODIES / 20);
    assertThat(statuses.get(400)).as("most do not: %s", statuses).isGreaterThan(BODIES / 4);
    assertThat(Sealed.ask(Wire.post("/v1/chat/completions", Sealed.sandbox("after all that"))).status()).isEqualTo(200);
  }

  private static void fire(List<Shot> shots, Map<Integer, Integer> statuses) throws IOException {
    Wire wire = new Wire(Sealed.GATEWAY.port());
    for (Shot shot : shots) {
      Wire.Answer answer;
      try {
        answer = wire.send(shot.request()).read();
      } catch (IOException e) {
        throw new IOException("body " + shot.number() + " was not answered: " + shot.body(), e);
      }
      if (answer.status() >= 400) {
        assertThat(answer.status()).as("body %d: %s\n%s", shot.number(), shot.body(), answer).isLessThan(500);
        JsonNode error = answer.json().path("error");
        assertThat(error.isObject() && error.has("message") && error.has("type") && error.has("param") && error.has("code")).as("body %d: %s\n%s", shot.number(), shot.body(), answer).isTrue();
        assertThat(answer.body()).doesNotContain("Exception", "jackson", "io.dromedary");
      } else {
        assertThat(answer.body()).as("body %d: %s", shot.number(), shot.body()).doesNotContain("internal_error");
      }
      statuses.merge(answer.status(), 1, Integer::sum);
      if ("close".equalsIgnoreCase(answer.header("connection"))) {
        wire.close();
        wire = new Wire(Sealed.GATEWAY.port());
      }
    }
    wire.close();
  }

  private static Shot shot(int number, SplittableRandom random) throws IOException {
    String sample = SAMPLES.get(random.nextInt(SAMPLES.size()));
    byte[] body;
    if (random.nextInt(4) > 0) {
      JsonNode json = Json.read(sample);
      for (int changes = 1 + random.nextInt(3); changes > 0; changes--) {
        spoil(json, random);
      }
      body = Json.bytes(json);
    } else {
      body = sample.getBytes(UTF_8);
      for (int changes = 1 + random.nextInt(3); changes > 0; changes--) {
        body = spoil(body, random);
      }
    }
    String path = random.nextInt(8) == 0 ? "/v1/route" : "/v1/chat/completions";
    List<String> headers = new ArrayList<>();
    if (random.nextInt(5) == 0) {
      headers.add(pick(random, "x-dromedary-preference", "x-dromedary-tags", "x-dromedary-cache", "x-dromedary-session-id", "Idempotency-Key", "x-dromedary-project", "x-dromedary-timeout-ms") + ": "
          + pick(random, "cost", "no-store", "", "a,b", "\u00e4\u00f6", "x".repeat(300), "0", "-1", "'; --", "${x}", "refresh", "k" + number));
    }
    return new Shot(number, Wire.post(path, body, headers.toArray(String[]::new)), new String(body, ISO_8859_1));
  }

  @SafeVarargs
  private static <T> T pick(SplittableRandom random, T... all) {
    return all[random.nextInt(all.length)];
  }

  /** Changes one place of the tree, at any depth. */
  private static void spoil(JsonNode root, SplittableRandom random) {
    List<JsonNode> containers = new ArrayList<>();
    collect(root, containers);
    JsonNode place = containers.get(random.nextInt(containers.size()));
    if (place instanceof ObjectNode object) {
      List<String> names = new ArrayList<>();
      object.fieldNames().forEachRemaining(names::add);
      String name = names.isEmpty() || random.nextInt(8) == 0 ? pick(random, "stream", "n", "max_tokens", "messages", "role", "content", "x", "", "__proto__", "tools", "routing", "provider", "model\u0000", "type") : names.get(random.nextInt(names.size()));
      switch (random.nextInt(3)) {
        case 0 -> object.remove(name);
        default -> object.set(name, value(random));
      }
    } else if (place instanceof ArrayNode array) {
      switch (random.nextInt(3)) {
        case 0 -> array.add(value(random));
        case 1 -> array.insert(0, value(random));
        default -> {
          if (!array.isEmpty()) {
            array.set(random.nextInt(array.size()), value(random));
          }
        }
      }
    }
  }

  private static void collect(JsonNode node, List<JsonNode> containers) {
    if (node.isContainerNode()) {
      containers.add(node);
      node.forEach(child -> collect(child, containers));
    }
  }

  private static JsonNode value(SplittableRandom random) {
    JsonNodeFactory make = JsonNodeFactory.instance;
    return switch (random.nextInt(20)) {
      case 0 -> make.nullNode();
      case 1 -> make.booleanNode(random.nextBoolean());
      case 2 -> make.numberNode(pick(random, 0, 1, -1, 2, 9, 64, Integer.MAX_VALUE, Integer.MIN_VALUE));
      case 3 -> make.numberNode(pick(random, Long.MAX_VALUE, Long.MIN_VALUE, 4_294_967_296L));
      case 4 -> make.numberNode(new BigInteger("9".repeat(1 + random.nextInt(390))));
      case 5 -> make.numberNode(new BigDecimal(pick(random, "1e-300", "1e308", "1e300", "-0.0", "0.1", "1e-9999", "1e9999", "3.0", "2.5")));
      case 6 -> make.textNode("");
      case 7 -> make.textNode(pick(random, "\u0000", "\ud800", "\udc00x", "\uffff", "\ud83d\ude00", "a\u0000b", "\r\n", "\u202e", "\ufeff"));
      case 8 -> make.textNode(pick(random, "${env:PATH}", "{{env:PATH}}", "../../x", "'; drop table requests; --", "<script>", "%s%n"));
      case 9 -> make.textNode("long ".repeat(random.nextInt(3_000)));
      case 10 -> make.arrayNode();
      case 11 -> make.objectNode();
      case 12 -> make.arrayNode().add(make.arrayNode().add(make.objectNode()));
      case 13 -> make.objectNode().set("type", make.textNode(pick(random, "text", "image_url", "input_audio", "file", "function", "json_object", "json_schema", "")));
      case 14 -> make.textNode(pick(random, "user", "assistant", "tool", "system", "auto", "none", "required", "sandbox/echo", "openai/gpt-4o", "gemini/gemini-3.5-flash-lite", "auto:quality", "router-mf-0.5", "router-keywords-x", "agent/x", "camel/chat"));
      case 15 -> make.objectNode().put("role", pick(random, "user", "tool", "assistant", "function")).put("content", "c");
      case 16 -> make.textNode(pick(random, "data:image/png;base64,####", "http://127.0.0.1:1/x.png", "file:///etc/passwd", "data:,x", "data:image/png;base64,iVBORw0KGgo="));
      case 17 -> make.objectNode().set("function", make.objectNode().put("name", pick(random, "f", "", "a b", "x".repeat(100))));
      case 18 -> {
        ArrayNode deep = make.arrayNode();
        ArrayNode at = deep;
        for (int i = random.nextInt(100); i > 0; i--) {
          at = at.addArray();
        }
        yield deep;
      }
      default -> make.objectNode().put(pick(random, "a", "cost", "prompt", "include_usage", "url", "type"), random.nextInt());
    };
  }

  /** Changes the bytes themselves. */
  private static byte[] spoil(byte[] body, SplittableRandom random) {
    int at = random.nextInt(body.length);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    switch (random.nextInt(7)) {
      case 0 -> out.write(body, 0, at);
      case 1 -> {
        out.write(body, 0, at);
        out.write(random.nextInt(256));
        out.write(body, at, body.length - at);
      }
      case 2 -> {
        byte[] copy = body.clone();
        copy[at] = (byte) random.nextInt(256);
        out.writeBytes(copy);
      }
      case 3 -> {
        int to = Math.min(body.length, at + 1 + random.nextInt(12));
        out.write(body, 0, at);
        out.write(body, to, body.length - to);
      }
      case 4 -> {
        int to = Math.min(body.length, at + 1 + random.nextInt(40));
        out.write(body, 0, to);
        out.writeBytes(Arrays.copyOfRange(body, at, to));
        out.write(body, to, body.length - to);
      }
      case 5 -> {
        out.write(body, 0, at);
        out.writeBytes(pick(random, "NaN", "1e999", "-", "\\u0000", "\\ud800", "\"", "}", "]", ",", ":", "/*", "\\", "\t", "\u0001", "null", "0x1").getBytes(UTF_8));
        out.write(body, at, body.length - at);
      }
      default -> {
        out.writeBytes(body);
        out.writeBytes(pick(random, " ", "}", "{}", "\u0000", ",", "x").getBytes(UTF_8));
      }
    }
    return out.size() == 0 ? new byte[] {'{'} : out.toByteArray();
  }
}
