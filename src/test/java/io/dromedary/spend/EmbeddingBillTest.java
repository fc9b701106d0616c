package io.dromedary.spend;

import static org.assertj.core.api.Assertions.assertThat;

import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Bill;
import io.dromedary.catalog.Candidate;
import io.dromedary.catalog.Candidates;
import io.dromedary.catalog.Decision;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.Price;
import io.dromedary.chat.Caller;
import io.dromedary.chat.EmbeddingRequest;
import io.dromedary.chat.EmbeddingResponse;
import io.dromedary.chat.Json;
import io.dromedary.chat.Usage;
import io.dromedary.chat.Usd;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class EmbeddingBillTest {
  @Tag("M5")
  @Test
  void embeddings_are_billed_for_their_input_told_apart_and_saved_nothing_by_routing() throws IOException {
    Instant now = Instant.now();
    EmbeddingRequest request = new EmbeddingRequest("req-1", Json.object().put("model", "openai/small").put("input", "secret words"), Map.of(), now, now.plusSeconds(60), () -> false);
    Price price = new Price("openai/small@2026-01-01", LocalDate.of(2026, 1, 1), "a test", new Price.Rates(20_000_000, 0, 20_000_000, 20_000_000), List.of());
    Candidate candidate = new Candidate(Model.unlisted("openai", "small").embedding(), null, 0.5, Duration.ZERO, "");
    Candidates candidates = new Candidates(List.of(candidate), new Decision("openai/small", "embedding", null, "named by the request", List.of()));
    Attempt attempt = new Attempt("req-1.1", 1, candidate, price, Usd.ZERO, now);
    candidates.add(attempt);
    Usage usage = Usage.ofPrompt(1_000_000, 0, 0, 0, 0);
    attempt.ended(Attempt.Status.ANSWERED, usage, "", 200, Duration.ZERO, Duration.ZERO);

    Accountant accountant = new Accountant(chat -> Model.unlisted("openai", "dear"), false, any -> "hash");
    Bill bill = accountant.bill("http", request, Caller.OPEN, candidates, null, EmbeddingResponse.of("openai/small", List.of(new float[] {1}), true, usage), null);

    assertThat(bill.operation()).isEqualTo("embeddings");
    assertThat(bill.cost()).isEqualTo(Usd.ofNanos(20_000_000));
    assertThat(bill.routingSaved()).isEqualTo(Usd.ZERO);
    assertThat(bill.baselineModel()).isEmpty();
    assertThat(bill.usage().output()).isZero();
    assertThat(bill.prompt()).isNull();
    String event = CostEvents.of(bill).get(0).json();
    assertThat(Json.read(event).path("gen_ai.operation.name").asText()).isEqualTo("embeddings");
    assertThat(event).doesNotContain("secret words");
  }
}
