package io.dromedary.durable;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.chat.Json;
import io.dromedary.chat.Usd;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Postgres;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two processes on one PostgreSQL spend from the same budgets. */
@Tag("M2")
class BudgetsOnTwoNodesIT {
  private static final String[] KEY = {"x-api-key", "the-key", "x-dromedary-cache", "no-store"};
  private static final String CALLERS = "projects: [{id: team-a, keys: [{id: ci, sha256: ad44dc8e51cfbfa55e81ddbb626b466241069045066846e7e4cd096131505290}], budgets: [{per: month, usd: 0.10}, {per: total, usd: 50, for: key}]}]\n";

  @TempDir Path first;
  @TempDir Path second;

  @Test
  void a_thousand_requests_to_two_processes_spend_one_budget_and_not_a_nano_dollar_more() throws Exception {
    try (FakeProvider openai = FakeProvider.openai()) {
      Map<String, String> environment = Map.of("OPENAI_API_KEY", "sk-test-0123456789abcdef", "OPENAI_BASE_URL", openai.url(), "DATABASE_URL", Postgres.freshUrl(),
          "DROMEDARY_LIMITS_INFLIGHT", "2000", "DROMEDARY_LIMITS_INFLIGHTPERPROJECT", "2000", "DROMEDARY_PROVIDERDEFAULTS_MAXCONCURRENT", "2000", "DROMEDARY_PROVIDERDEFAULTS_PERMITWAIT", "20s");
      try (AppProcess one = AppProcess.start(at(first), environment); AppProcess two = AppProcess.start(at(second), environment)) {
        openai.usage(20, 95);
        List<CompletableFuture<HttpResponse<String>>> asked = new ArrayList<>();
        for (int i = 0; i < 1_000; i++) {
          asked.add((i % 2 == 0 ? one : two).chatLater(Gateway.request("openai/gpt-4o", "q" + i).put("max_tokens", 95), KEY));
        }
        long told = 0;
        int accepted = 0;
        for (CompletableFuture<HttpResponse<String>> each : asked) {
          HttpResponse<String> answer = each.join();
          assertThat(answer.statusCode()).as(answer.body()).isIn(200, 429);
          if (answer.statusCode() == 200) {
            accepted++;
            told += Usd.of(answer.headers().firstValue("x-dromedary-cost-usd").orElseThrow()).nanos();
          } else {
            assertThat(Json.read(answer.body().getBytes(StandardCharsets.UTF_8)).at("/error/code").asText()).isEqualTo("budget_exceeded");
          }
        }
        assertThat(accepted).isBetween(90, 100).isEqualTo(openai.calls());
        assertThat(told).isEqualTo(accepted * 1_000_000L);
        for (AppProcess each : List.of(one, two)) {
          JsonNode page = each.json("/v1/limits", KEY);
          assertThat(Usd.of(page.at("/budgets/0/used_usd").asText()).nanos()).isEqualTo(told);
          assertThat(page.at("/budgets/0/reserved_usd").asText()).isEqualTo("0");
          assertThat(page.at("/budgets/1/used_usd")).isEqualTo(page.at("/budgets/0/used_usd"));
        }
      }
    }
  }

  private static Path at(Path home) throws Exception {
    Files.createDirectories(home.resolve("config"));
    Files.writeString(home.resolve("config/callers.yaml"), CALLERS);
    return home;
  }
}
