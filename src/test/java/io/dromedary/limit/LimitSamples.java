package io.dromedary.limit;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Bill;
import io.dromedary.catalog.Candidate;
import io.dromedary.catalog.Model;
import io.dromedary.chat.Caller;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import io.dromedary.chat.Usage;
import io.dromedary.chat.Usd;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** A clock, callers and requests for the limits' tests. */
final class LimitSamples {
  static final Caller A = caller("team-a", "ci");
  static final Caller B = caller("team-b", "ci");

  /** Nanoseconds that pass when told to. */
  final AtomicLong clock = new AtomicLong(1_795_000_000_000_000_000L);
  final Source source = new Source();

  static Caller caller(String project, String key) {
    return new Caller(project, key, false, Set.of());
  }

  /** Projects' limits as the test writes them. */
  static final class Source implements LimitSource {
    private final Map<String, JsonNode> projects = new HashMap<>();
    private final Map<String, JsonNode> keys = new HashMap<>();
    private long version = 1;

    Source project(String id, String... windows) {
      projects.put(id, yaml("windows: [" + String.join(", ", windows) + "]"));
      version++;
      return this;
    }

    Source key(String id, String... windows) {
      keys.put(id, yaml("windows: [" + String.join(", ", windows) + "]"));
      version++;
      return this;
    }

    @Override
    public long version() {
      return version;
    }

    @Override
    public JsonNode project(Caller caller) {
      return projects.getOrDefault(caller.project(), MissingNode.getInstance());
    }

    @Override
    public JsonNode key(Caller caller) {
      return keys.getOrDefault(caller.keyId(), MissingNode.getInstance());
    }
  }

  void pass(long amount, TimeUnit unit) {
    clock.addAndGet(unit.toNanos(amount));
  }

  RateLimits limits(String... accountWindows) {
    return limits(new HeapBooks(clock::get), accountWindows);
  }

  RateLimits limits(Books books, String... accountWindows) {
    Map<String, LimitRules> accounts = accountWindows.length == 0 ? Map.of() : Map.of("openai", LimitRules.ofAccount("openai", yaml("[" + String.join(", ", accountWindows) + "]"), model -> true));
    return new RateLimits(source, accounts, books, model -> true, caller -> 1, 1_000, RateLimits.Observer.NONE);
  }

  static JsonNode yaml(String yaml) {
    try {
      return new YAMLMapper().readTree(yaml);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(e);
    }
  }

  /** Some 20 tokens of input at the most, and these fields. */
  static ChatRequest request(String... fields) {
    String json = "{\"model\":\"openai/gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]" + (fields.length == 0 ? "" : "," + String.join(",", fields).replace('\'', '"')) + "}";
    return new ChatRequest("req-1", Json.readStrictly(json.getBytes(StandardCharsets.UTF_8)), Map.of(), Instant.now(), Instant.now().plusSeconds(60));
  }

  static Candidate candidate(String model) {
    Model known = Model.unlisted(model.substring(0, model.indexOf('/')), model.substring(model.indexOf('/') + 1));
    return new Candidate(known, null, 0.5, Duration.ofMillis(100), "");
  }

  static Attempt attempt(String model, Attempt.Status status, long tokens, String failure) {
    Attempt attempt = new Attempt("req-1.1", 1, candidate(model), null, Usd.ZERO, Instant.now());
    attempt.ended(status, new Usage(tokens, 0, 0, 0, 0, false), failure, 200, null, Duration.ofMillis(5));
    return attempt;
  }

  /** Of a request with these attempts; without any, of a cache hit. */
  static Bill bill(Attempt... attempts) {
    return new Bill("req-1", "team-a", "ci", Set.of(), "http", "auto", "openai/gpt-4o", "openai", "", 0, "model", "", "ok", 200, false, attempts.length == 0 ? "hit" : "miss", Usage.NONE, Usd.ZERO, Usd.ZERO, Usd.ZERO, "",
        List.of(attempts), Instant.now(), null, Duration.ZERO, Duration.ZERO, "", null, null, null);
  }

  static Bill answered(long tokens) {
    return bill(attempt("openai/gpt-4o", Attempt.Status.ANSWERED, tokens, ""));
  }
}
