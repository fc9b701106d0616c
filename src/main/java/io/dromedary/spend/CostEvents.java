package io.dromedary.spend;

import com.fasterxml.jackson.core.JsonGenerator;
import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Bill;
import io.dromedary.catalog.Price;
import io.dromedary.chat.Json;
import io.dromedary.chat.Usage;
import io.dromedary.chat.Usd;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The cost events of a bill as JSON: one for each attempt, or one for a cache hit. Names are OpenTelemetry's GenAI ones where they exist; neither text nor keys are in them. */
final class CostEvents {
  /** What leaves the house. */
  record Event(String id, String json) {}

  private CostEvents() {}

  static List<Event> of(Bill bill) {
    List<Attempt> attempts = bill.attempts();
    if (attempts.isEmpty()) {
      return hit(bill) ? List.of(event(bill, null, bill.cost())) : List.of();
    }
    List<Event> events = new ArrayList<>(attempts.size());
    for (Attempt attempt : attempts) {
      events.add(event(bill, attempt, Charged.of(attempt).cost()));
    }
    return events;
  }

  static boolean hit(Bill bill) {
    return bill.cache().equals("hit") || bill.cache().equals("semantic");
  }

  private static Event event(Bill bill, @Nullable Attempt attempt, Usd cost) {
    String id = attempt == null ? bill.requestId() + ".0" : attempt.id();
    StringWriter out = new StringWriter(1_024);
    try (JsonGenerator json = Json.mapper().createGenerator(out)) {
      Charged charged = attempt == null ? null : Charged.of(attempt);
      Usage usage = charged == null ? Usage.NONE : charged.usage();
      boolean cached = attempt == null;
      boolean last = attempt == null || attempt == bill.attempts().get(bill.attempts().size() - 1);
      json.writeStartObject();
      json.writeStringField("event_id", id);
      json.writeStringField("request_id", bill.requestId());
      json.writeNumberField("attempt", attempt == null ? 0 : attempt.number());
      json.writeStringField("purpose", attempt == null ? "answer" : attempt.purpose().name().toLowerCase(java.util.Locale.ROOT));
      json.writeStringField("project", bill.project());
      json.writeStringField("key_id", bill.keyId());
      json.writeStringField("entry", bill.entry());
      json.writeStringField("gen_ai.operation.name", bill.operation());
      String provider = attempt == null ? bill.provider() : attempt.candidate().provider();
      json.writeStringField("gen_ai.system", provider);
      json.writeStringField("gen_ai.provider.name", provider);
      json.writeStringField("gen_ai.request.model", bill.requestedModel());
      json.writeStringField("gen_ai.response.model", attempt == null ? bill.servedModel() : attempt.candidate().model().id());
      json.writeNumberField("gen_ai.usage.input_tokens", usage.input());
      json.writeNumberField("gen_ai.usage.output_tokens", usage.output());
      json.writeNumberField("gen_ai.usage.cache_read.input_tokens", usage.cacheRead());
      json.writeNumberField("gen_ai.usage.cache_creation.input_tokens", usage.cacheWrite());
      json.writeNumberField("gen_ai.usage.reasoning.output_tokens", usage.reasoning());
      json.writeBooleanField("usage_counted", usage.counted());
      json.writeStringField("cost_usd", cost.toString());
      json.writeNumberField("cost_nanos", cost.nanos());
      json.writeBooleanField("cached", cached);
      json.writeStringField("cache", bill.cache());
      // savings belong to the request: they are told once, with its last event
      json.writeStringField("saved_usd", last ? bill.cacheSaved().plus(bill.routingSaved()).toString() : "0");
      json.writeStringField("cache_saved_usd", last ? bill.cacheSaved().toString() : "0");
      json.writeStringField("routing_saved_usd", last ? bill.routingSaved().toString() : "0");
      json.writeStringField("baseline_model", bill.baselineModel());
      Price price = attempt == null ? null : attempt.price();
      if (price == null) {
        json.writeNullField("price_version");
      } else {
        json.writeStringField("price_version", price.version());
      }
      json.writeStringField("tier", bill.tier());
      json.writeStringField("task", bill.topic().task());
      json.writeStringField("domain", bill.topic().domain());
      json.writeNumberField("score", bill.score());
      json.writeStringField("strategy", bill.strategy());
      json.writeStringField("status", charged == null ? bill.status() : charged.outcome());
      json.writeStringField("request_status", bill.status());
      json.writeNumberField("http_status", bill.httpStatus());
      json.writeStringField("failure", charged == null ? "" : charged.failure());
      json.writeBooleanField("stream", bill.stream());
      Instant started = attempt == null ? bill.receivedAt() : attempt.startedAt();
      Duration total = charged == null ? bill.total() : charged.total();
      json.writeStringField("started_at", started.toString());
      json.writeStringField("ended_at", started.plus(total).toString());
      json.writeNumberField("duration_ms", total.toMillis());
      Duration firstToken = charged == null ? bill.firstToken() : charged.firstToken();
      if (firstToken != null) {
        json.writeNumberField("first_token_ms", firstToken.toMillis());
      }
      json.writeArrayFieldStart("tags");
      for (String tag : bill.tags()) {
        json.writeString(tag);
      }
      json.writeEndArray();
      json.writeEndObject();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return new Event(id, out.toString());
  }

  /** The event of an attempt whose end nobody saw, charged at its upper bound. */
  static Event unknown(String requestId, int number, String project, String provider, String model, @Nullable String priceVersion, long reservedNanos, Instant startedAt) {
    var json = Json.object();
    String id = requestId + "." + number;
    json.put("event_id", id).put("request_id", requestId).put("attempt", number).put("project", project)
        .put("gen_ai.operation.name", "chat").put("gen_ai.system", provider).put("gen_ai.provider.name", provider).put("gen_ai.response.model", model)
        .put("gen_ai.usage.input_tokens", 0).put("gen_ai.usage.output_tokens", 0)
        .put("cost_usd", Usd.ofNanos(reservedNanos).toString()).put("cost_nanos", reservedNanos).put("cached", false).put("saved_usd", "0")
        .put("price_version", priceVersion).put("status", "unknown").put("request_status", "unknown").put("started_at", startedAt.toString());
    return new Event(id, Json.text(json));
  }
}
