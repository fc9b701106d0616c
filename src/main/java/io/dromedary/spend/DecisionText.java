package io.dromedary.spend;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.catalog.Candidate;
import io.dromedary.catalog.Candidates;
import io.dromedary.catalog.Complexity;
import io.dromedary.catalog.Decision;
import io.dromedary.chat.Json;
import io.dromedary.chat.Usd;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A decision as the request's page shows it, in the names of {@code POST /v1/route}, with all candidates, and those that were left out as far as the decision tells them one by one. Written only where there was a choice. */
final class DecisionText {
  private static final int MOST = 24;

  private DecisionText() {}

  /**
   * As JSON; null when the request named its model and there was nothing to decide.
   *
   * @param candidates null when an answer was recalled
   * @param likeQuestion what the semantic cache thought, null when it was not asked
   */
  static @Nullable String of(@Nullable Candidates candidates, @Nullable JsonNode likeQuestion) {
    String chosen = candidates == null ? null : of(candidates);
    if (likeQuestion == null) {
      return chosen;
    }
    String told = "\"semantic_cache\":" + Json.text(likeQuestion);
    return chosen == null ? '{' + told + '}' : chosen.substring(0, chosen.length() - 1) + ',' + told + '}';
  }

  private static @Nullable String of(Candidates candidates) {
    Decision decision = candidates.decision();
    Complexity complexity = decision.complexity();
    List<Candidate> ranked = candidates.ranked();
    if (complexity == null && ranked.size() < 2 && decision.more().isEmpty() && decision.dropped().isEmpty()) {
      return null;
    }
    StringWriter out = new StringWriter(1_024);
    try (JsonGenerator json = Json.mapper().createGenerator(out)) {
      json.writeStartObject();
      json.writeStringField("strategy", decision.strategy());
      json.writeStringField("task", decision.topic().task());
      json.writeStringField("domain", decision.topic().domain());
      json.writeObjectField("domains", decision.topic().domains());
      if (complexity != null) {
        json.writeStringField("tier", complexity.tier().name());
        json.writeNumberField("score", complexity.score());
        json.writeStringField("scorer", complexity.scorer());
        json.writeObjectFieldStart("signals");
        for (Map.Entry<String, Object> signal : complexity.signals().entrySet()) {
          json.writeObjectField(signal.getKey(), signal.getValue());
        }
        json.writeEndObject();
      }
      json.writeStringField("reason", decision.reason());
      for (Map.Entry<String, Object> more : decision.more().entrySet()) {
        json.writeObjectField(more.getKey(), more.getValue());
      }
      json.writeArrayFieldStart("candidates");
      for (int i = 0; i < ranked.size() && i < MOST; i++) {
        Candidate candidate = ranked.get(i);
        json.writeStartObject();
        json.writeStringField("model", candidate.model().id());
        json.writeStringField("provider", candidate.provider());
        Usd cost = candidate.expectedCost();
        json.writeStringField("expected_cost_usd", cost == null ? null : cost.toString());
        json.writeNumberField("expected_quality", candidate.expectedQuality());
        json.writeNumberField("expected_latency_ms", candidate.expectedLatency().toMillis());
        json.writeStringField("reason", candidate.reason());
        json.writeEndObject();
      }
      json.writeEndArray();
      json.writeArrayFieldStart("dropped");
      List<Decision.Dropped> dropped = decision.dropped();
      for (int i = 0; i < dropped.size() && i < MOST; i++) {
        json.writeStartObject();
        json.writeStringField("model", dropped.get(i).model());
        json.writeStringField("why", dropped.get(i).why());
        json.writeEndObject();
      }
      json.writeEndArray();
      json.writeEndObject();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toString();
  }
}
