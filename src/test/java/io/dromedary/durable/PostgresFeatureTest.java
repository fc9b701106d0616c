package io.dromedary.durable;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Postgres;
import java.math.BigDecimal;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The whole gateway on PostgreSQL, by {@code DATABASE_URL}. */
@Tag("M1")
class PostgresFeatureTest {
  @Test
  void chat_stream_reports_and_idempotency_work_on_postgresql_and_over_a_restart() throws Exception {
    try (FakeProvider openai = FakeProvider.openai()) {
      String url = Postgres.freshUrl();
      Gateway.Answer keyed;
      Gateway.Streamed stream;
      try (Gateway gateway = start(openai, url)) {
        Gateway.Answer whole = gateway.chat("openai/gpt-4o-mini", "whole");
        stream = gateway.stream(Gateway.request("openai/gpt-4o-mini", "streamed", "{'stream_options':{'include_usage':true}}"));
        keyed = gateway.chat(Gateway.request("openai/gpt-4o-mini", "keyed"), "Idempotency-Key", "k1");
        assertThat(whole.status()).as(whole.text()).isEqualTo(200);
        assertThat(stream.done()).isTrue();
        assertThat(keyed.status()).isEqualTo(200);
        JsonNode page = gateway.get("/v1/requests/" + whole.requestId()).json();
        assertThat(page.path("cost_usd").asText()).isEqualTo(whole.header("x-dromedary-cost-usd"));
        BigDecimal sum = new BigDecimal(whole.header("x-dromedary-cost-usd")).add(new BigDecimal(keyed.header("x-dromedary-cost-usd"))).add(stream.usage().path("cost").decimalValue());
        JsonNode usage = gateway.get("/v1/usage?group_by=model,day").json();
        assertThat(usage.at("/total/requests").asInt()).isEqualTo(3);
        assertThat(new BigDecimal(usage.at("/total/cost_usd").asText())).isEqualByComparingTo(sum);
        assertThat(gateway.get("/v1/savings").json().path("saved_usd").asText()).isNotEmpty();
        assertThat(gateway.get("/health/readiness").status()).isEqualTo(200);
      }
      try (Gateway again = start(openai, url)) {
        Gateway.Answer replayed = again.chat(Gateway.request("openai/gpt-4o-mini", "keyed"), "Idempotency-Key", "k1");
        assertThat(replayed.text()).isEqualTo(keyed.text());
        assertThat(replayed.header("idempotent-replayed")).isEqualTo("true");
        assertThat(again.get("/v1/requests/" + stream.requestId()).json().path("status").asText()).isEqualTo("ok");
        assertThat(openai.calls()).isEqualTo(3);
      }
    }
  }

  private static Gateway start(FakeProvider openai, String url) {
    return Gateway.with("openai", openai).set("dromedary.database-url", url).start();
  }
}
