package io.dromedary.batch;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Price;
import io.dromedary.chat.Json;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Prices as a ticket keeps them: those that were in force when the line was taken along, whatever the catalogue says when its answer comes. */
final class Ticket {
  private Ticket() {}

  static void put(ObjectNode into, String name, @Nullable Price price) {
    if (price != null) {
      ObjectNode json = into.putObject(name).put("version", price.version()).put("from", price.effectiveFrom().toString()).put("source", price.source()).put("request", price.perRequest());
      rates(json.putArray("rates"), price.base());
      ArrayNode tiers = json.putArray("above");
      for (Price.LongPrompt tier : price.longPrompt()) {
        rates(tiers.addArray().add(tier.aboveInputTokens()), tier.rates());
      }
    }
  }

  private static void rates(ArrayNode into, Price.Rates rates) {
    into.add(rates.input()).add(rates.output()).add(rates.cacheRead()).add(rates.cacheWrite());
  }

  static @Nullable Price price(JsonNode json) {
    if (!json.isObject()) {
      return null;
    }
    List<Price.LongPrompt> tiers = new ArrayList<>();
    for (JsonNode tier : json.path("above")) {
      tiers.add(new Price.LongPrompt(tier.path(0).asLong(), rates(tier, 1)));
    }
    return new Price(json.path("version").asText(), LocalDate.parse(json.path("from").asText()), json.path("source").asText(), rates(json.path("rates"), 0), List.copyOf(tiers), json.path("request").asLong());
  }

  private static Price.Rates rates(JsonNode json, int at) {
    return new Price.Rates(json.path(at).asLong(), json.path(at + 1).asLong(), json.path(at + 2).asLong(), json.path(at + 3).asLong());
  }

  static JsonNode read(String ticket) {
    try {
      JsonNode json = Json.read(ticket);
      return json == null ? Json.object() : json;
    } catch (IOException e) {
      throw new UncheckedIOException("a ticket cannot be read", e);
    }
  }
}
