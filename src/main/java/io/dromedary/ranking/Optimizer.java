package io.dromedary.ranking;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Candidate;
import io.dromedary.catalog.Candidates;
import io.dromedary.catalog.Capability;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Trims requests whose callers asked for it: caps the answer's length by what such tasks need, proposes a temperature, and says what it changed. */
public final class Optimizer {
  /** Where a model thinks before it answers, its thoughts count as well. */
  private static final long THINKING_TOKENS = 2_048;
  private static final Map<String, Double> TEMPERATURES = Map.of("code", 0.2, "maths", 0.0, "extraction", 0.0, "translation", 0.3, "summary", 0.3, "question_answering", 0.3, "analysis", 0.4, "chat", 0.7, "creative", 0.9);

  private final Supplier<RoutingPolicy> policy;
  private final AnswerLengths lengths;

  public Optimizer(Supplier<RoutingPolicy> policy, AnswerLengths lengths) {
    this.policy = policy;
    this.lengths = lengths;
  }

  /**
   * A request after trimming.
   *
   * @param candidates with what was changed told in their decision
   */
  public record Trimmed(ChatRequest request, Candidates candidates) {}

  /** The most tokens that such a task's answer should need here. */
  long cap(ChatRequest request, String task, Candidates candidates) {
    Choosing.Trimming rules = policy.get().choosing().optimizer();
    double usual = lengths.of(task);
    if (task.equals("translation")) {
      usual = Math.max(usual, 1.3 * Needs.of(request).inputTokens()); // as long as what is translated
    }
    long cap = Math.max(rules.minTokens(), Math.round(usual * rules.margin()));
    for (Candidate candidate : candidates.ranked()) {
      if (candidate.model().can(Capability.REASONING)) {
        return Math.max(cap, THINKING_TOKENS);
      }
    }
    return cap;
  }

  /** Caps and proposes what the occasion lets it; null when nobody asked for it. What it changed is told in the decision. */
  public @Nullable Trimmed trim(ChatRequest request, Occasion occasion, Candidates candidates) {
    if (!occasion.optimize()) {
      return null;
    }
    String task = occasion.topic().task();
    ObjectNode json = Json.object();
    json.setAll(request.json());
    List<Map<String, Object>> changes = new ArrayList<>(2);
    List<String> told = new ArrayList<>(2);
    long cap = cap(request, task, candidates);
    OptionalLong asked = request.maxOutputTokens();
    if (asked.isEmpty() || asked.getAsLong() > cap) {
      String field = json.path("max_completion_tokens").isNumber() ? "max_completion_tokens" : "max_tokens";
      json.put(field, cap);
      change(changes, told, field, asked.isPresent() ? asked.getAsLong() : null, cap, "answers to " + task + " stay below " + lengths.of(task) + " tokens (" + (lengths.seen(task) == 0 ? "prior" : lengths.seen(task) + " seen") + ")");
    }
    Double temperature = TEMPERATURES.get(task);
    if (policy.get().choosing().optimizer().temperature() && temperature != null && absent(json, "temperature") && absent(json, "top_p") && takesTemperature(candidates)) {
      json.put("temperature", temperature);
      change(changes, told, "temperature", null, temperature, "usual for " + task);
    }
    if (changes.isEmpty()) {
      return new Trimmed(request, candidates.told(candidates.decision().with("optimized", "nothing")));
    }
    ChatRequest trimmed = request.with(json);
    return new Trimmed(trimmed, candidates.told(candidates.decision().with("optimized", String.join(", ", told)).with("optimizer", changes)));
  }

  private static boolean absent(JsonNode json, String field) {
    return json.path(field).isMissingNode() || json.path(field).isNull();
  }

  private static boolean takesTemperature(Candidates candidates) {
    return candidates.ranked().stream().noneMatch(candidate -> candidate.model().traits().getOrDefault("sampling", "free").equals("none"));
  }

  private static void change(List<Map<String, Object>> changes, List<String> told, String field, @Nullable Object from, Object to, String why) {
    Map<String, Object> change = new LinkedHashMap<>();
    change.put("field", field);
    change.put("from", from);
    change.put("to", to);
    change.put("why", why);
    changes.add(change);
    told.add(field + "=" + to + (from == null ? "" : " (was " + from + ")"));
  }
}
