package io.dromedary.client.chatcompletions;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Capability;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.Price;
import io.dromedary.chat.Json;
import java.math.BigDecimal;
import java.time.Clock;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Locale;

/** The catalogue as OpenAI's {@code GET /v1/models} lists it, with price, context and capabilities beside OpenAI's fields. */
public final class ModelList {
  private final Clock clock;

  /** @param clock decides which price is in force */
  public ModelList(Clock clock) {
    this.clock = clock;
  }

  /** {@code {"object":"list","data":[...]}}, in the order given. */
  public ObjectNode list(List<Model> models) {
    ObjectNode list = Json.object().put("object", "list");
    ArrayNode data = list.putArray("data");
    for (Model model : models) {
      data.add(one(model));
    }
    return list;
  }

  /** One model; {@code pricing} is in dollars per million tokens, null when unpriced. */
  public ObjectNode one(Model model) {
    ObjectNode json = Json.object().put("id", model.id()).put("object", "model");
    json.put("created", model.prices().isEmpty() ? 0 : model.prices().get(0).effectiveFrom().atStartOfDay(ZoneOffset.UTC).toEpochSecond());
    json.put("owned_by", model.provider());
    json.put("mode", model.mode());
    if (model.contextTokens() > 0) {
      json.put("context_length", model.contextTokens());
    } else {
      json.putNull("context_length");
    }
    if (model.maxOutputTokens() > 0) {
      json.put("max_output_tokens", model.maxOutputTokens());
    } else {
      json.putNull("max_output_tokens");
    }
    ArrayNode capabilities = json.putArray("capabilities");
    for (Capability capability : Capability.values()) {
      if (model.can(capability)) {
        capabilities.add(capability.name().toLowerCase(Locale.ROOT));
      }
    }
    ArrayNode tags = json.putArray("tags");
    model.tags().stream().sorted().forEach(tags::add);
    ArrayNode aliases = json.putArray("aliases");
    model.aliases().forEach(aliases::add);
    Price price = model.price(clock.instant());
    if (price == null) {
      json.putNull("pricing");
    } else {
      json.set("pricing", pricing(price));
    }
    return json;
  }

  private static ObjectNode pricing(Price price) {
    ObjectNode json = Json.object().put("currency", "USD").put("unit", "million_tokens");
    Price.Rates rates = price.base();
    json.put("input", dollars(rates.input())).put("output", dollars(rates.output())).put("cache_read", dollars(rates.cacheRead())).put("cache_write", dollars(rates.cacheWrite()));
    if (price.perRequest() > 0) {
      json.put("request", dollars(price.perRequest()));
    }
    if (!price.longPrompt().isEmpty()) {
      ArrayNode tiers = json.putArray("long_prompt");
      for (Price.LongPrompt tier : price.longPrompt()) {
        tiers.addObject().put("above_input_tokens", tier.aboveInputTokens()).put("input", dollars(tier.rates().input())).put("output", dollars(tier.rates().output()))
            .put("cache_read", dollars(tier.rates().cacheRead())).put("cache_write", dollars(tier.rates().cacheWrite()));
      }
    }
    return json.put("effective_from", price.effectiveFrom().toString()).put("source", price.source());
  }

  private static BigDecimal dollars(long nanosPerMillion) {
    BigDecimal dollars = BigDecimal.valueOf(nanosPerMillion, 9).stripTrailingZeros();
    return dollars.scale() < 0 ? dollars.setScale(0) : dollars;
  }
}
