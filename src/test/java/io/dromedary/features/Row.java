package io.dromedary.features;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.chat.Caller;
import io.dromedary.spend.Reports;
import io.dromedary.testing.Gateway;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;

/** A request's page in the ledger, as an operator reads it. */
record Row(JsonNode page) {
  private static final Caller OPERATOR = new Caller("default", "", true, Set.of());

  /** Waits until the request is settled. */
  static Row of(Gateway gateway, String requestId) {
    AtomicReference<JsonNode> page = new AtomicReference<>();
    await().atMost(Duration.ofSeconds(10)).pollDelay(Duration.ZERO).pollInterval(Duration.ofMillis(20)).untilAsserted(() -> {
      assertThatCode(() -> page.set(gateway.bean(Reports.class).request(requestId, OPERATOR))).doesNotThrowAnyException();
    });
    return new Row(page.get());
  }

  String status() {
    return page.path("status").asText();
  }

  String cache() {
    return page.path("cache").asText();
  }

  long costNanos() {
    return page.path("cost_nanos").asLong();
  }

  /** Of each attempt its state and its outcome. */
  List<String> attempts() {
    List<String> told = new ArrayList<>();
    page.path("attempts").forEach(attempt -> told.add(attempt.path("state").asText() + "/" + attempt.path("outcome").asText()));
    return told;
  }
}
