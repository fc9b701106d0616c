package io.dromedary.features;

import static io.dromedary.testing.Gateway.request;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.chat.Caller;
import io.dromedary.chat.Usd;
import io.dromedary.spend.UsageReports;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Gateway.Answer;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Throughput that is paid for by the hour. */
class ProvisionedTest {
  private static final String LARGE = "openai/gpt-4o";
  private static final String MINI = "openai/gpt-4o-mini";

  private static Gateway.Setup setup(FakeProvider openai) {
    return Gateway.with("openai", openai).set("dromedary.provisioned[0].model", LARGE).set("dromedary.provisioned[0].usd-per-hour", "0.01").set("dromedary.provisioned[0].tokens-per-minute", "10000000000");
  }

  @Test
  @Tag("M12")
  void calls_on_provisioned_capacity_cost_nothing_and_tell_what_they_spared() {
    try (FakeProvider openai = FakeProvider.openai(); Gateway gateway = setup(openai).set("dromedary.provisioned[0].since", LocalDate.now(ZoneOffset.UTC)).set("dromedary.provisioned[1].model", MINI)
        .set("dromedary.provisioned[1].usd-per-hour", "1").set("dromedary.provisioned[1].requests-per-minute", "1").start()) {
      openai.usage(100_000, 1_000);
      Answer answer = gateway.chat(request(LARGE, "one"));
      assertThat(answer.header("x-dromedary-cost-usd")).isEqualTo("0");
      Row row = Row.of(gateway, answer.requestId());
      assertThat(row.page().at("/attempts/0/price_version").asText()).isEqualTo("openai/gpt-4o@provisioned");
      assertThat(row.page().at("/attempts/0/list_cost_usd").asText()).isEqualTo("0.26");
      assertThat(row.page().at("/savings/routing_usd").asText()).as("what capacity spares is no saving of routing").isEqualTo("0");

      assertThat(gateway.chat(request(MINI, "first of this minute", "{'models':['" + LARGE + "']}")).header("x-dromedary-model")).isIn(MINI, LARGE);
      Answer spilled = gateway.chat(request(MINI, "second of this minute", "{'models':['" + LARGE + "']}"));
      Answer third = gateway.chat(request(MINI, "third of this minute", "{'models':['" + LARGE + "']}"));
      assertThat(List.of(String.valueOf(spilled.header("x-dromedary-model")), String.valueOf(third.header("x-dromedary-model")))).as("beyond its capacity the next candidate is asked").contains(LARGE);
      assertThat(gateway.metric("dromedary_provisioned_spilled_total{gen_ai_response_model=\"openai/gpt-4o-mini\"")).isPositive();

      JsonNode savings = gateway.bean(UsageReports.class).savings(Map.of("period_days", "1"), new Caller("admin", "", true, Set.of())).path("provisioned");
      assertThat(savings.at("/models/1/model").asText()).isEqualTo(MINI);
      long list = Usd.of(savings.path("list_cost_usd").asText()).nanos();
      assertThat(list).isGreaterThanOrEqualTo(260_000_000);
      assertThat(Usd.of(savings.path("saved_usd").asText()).nanos()).isEqualTo(list - Usd.of(savings.path("commitment_usd").asText()).nanos());
      JsonNode own = gateway.get("/v1/savings?period_days=1").json();
      assertThat(Usd.of(own.at("/provisioned/saved_usd").asText()).nanos()).isEqualTo(list);
      assertThat(own.path("provisioned").has("commitment_usd")).as("what it costs is the operator's").isFalse();
    }
  }
}
