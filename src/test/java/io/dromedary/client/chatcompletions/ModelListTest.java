package io.dromedary.client.chatcompletions;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Capability;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.Price;
import java.math.BigDecimal;
import java.time.Clock;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ModelListTest {
  final ModelList list = new ModelList(Clock.fixed(Instant.parse("2026-11-21T00:00:00Z"), ZoneOffset.UTC));

  static Price price(String from, String input) {
    Price.Rates rates = new Price.Rates(Price.perMillion(new BigDecimal(input)), Price.perMillion(new BigDecimal("10")), 0, 0);
    return new Price("m@" + from, LocalDate.parse(from), "https://example.com/pricing", rates, List.of(new Price.LongPrompt(200_000, rates)));
  }

  @Test
  void a_model_has_openais_fields_and_the_price_in_force_in_dollars_per_million() {
    Model model = new Model("openai/m", "openai", "m", "chat", List.of(price("2026-01-01", "0.15"), price("2026-06-01", "0.125"), price("2027-01-01", "9")), 128_000, 0,
        Set.of(Capability.TOOLS, Capability.VISION), 0.7, 300, Set.of("eu"), List.of("m-old"), Map.of(), true);
    ObjectNode json = list.one(model);
    assertThat(json.path("id").asText()).isEqualTo("openai/m");
    assertThat(json.path("object").asText()).isEqualTo("model");
    assertThat(json.path("created").asLong()).isEqualTo(Instant.parse("2026-01-01T00:00:00Z").getEpochSecond());
    assertThat(json.path("owned_by").asText()).isEqualTo("openai");
    assertThat(json.path("context_length").asLong()).isEqualTo(128_000);
    assertThat(json.get("max_output_tokens").isNull()).isTrue();
    assertThat(json.path("capabilities")).hasToString("[\"tools\",\"vision\"]");
    assertThat(json.at("/pricing/input").decimalValue()).isEqualByComparingTo("0.125");
    assertThat(json.at("/pricing/output").toString()).isEqualTo("10");
    assertThat(json.at("/pricing/long_prompt/0/above_input_tokens").asLong()).isEqualTo(200_000);
  }

  @Test
  void an_unpriced_model_has_no_price_and_the_list_keeps_its_order() {
    ObjectNode json = list.list(List.of(Model.unlisted("b", "x"), Model.unlisted("a", "y")));
    assertThat(json.path("object").asText()).isEqualTo("list");
    assertThat(json.at("/data/0/id").asText()).isEqualTo("b/x");
    assertThat(json.at("/data/0/pricing").isNull()).isTrue();
    assertThat(json.at("/data/1/created").asLong()).isZero();
  }
}
