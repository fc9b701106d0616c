package io.dromedary.capacity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dromedary.catalog.Model;
import io.dromedary.catalog.Price;
import io.dromedary.catalog.Tariff;
import io.dromedary.chat.Problem;
import io.dromedary.chat.Usd;
import java.time.Instant;
import java.time.LocalDate;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.LongConsumer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class CapacitiesTest {
  private static final Price LISTED = new Price("azure/gpt-4o@2026-01-01", LocalDate.of(2026, 1, 1), "test", new Price.Rates(2_500_000_000L, 10_000_000_000L, 0, 0), List.of());
  private static final Model MODEL = new Model("azure/gpt-4o", "azure", "gpt-4o", "chat", List.of(LISTED), 0, 0, Set.of(), 0.5, 1, Set.of(), List.of(), Map.of(), true);

  /** Counts requests and tokens; whether of this process or of all is not known here. */
  private static final class Counted implements Count {
    private final Commitment commitment;
    private long requests;
    private long tokens;

    Counted(Commitment commitment) {
      this.commitment = commitment;
    }

    @Override
    public LongConsumer take(long tokensAtMost) {
      if (!isFree() || commitment.tokensPerMinute() > 0 && tokens + tokensAtMost > commitment.tokensPerMinute()) {
        return null;
      }
      requests++;
      tokens += tokensAtMost;
      return needed -> tokens += needed - tokensAtMost;
    }

    @Override
    public boolean isFree() {
      return commitment.requestsPerMinute() == 0 || requests < commitment.requestsPerMinute();
    }

    @Override
    public double utilisation() {
      return (double) requests / commitment.requestsPerMinute();
    }

    @Override
    public long secondsToNext() {
      return 50;
    }
  }

  private static Commitment capacity(long requests, long tokens, boolean buysMore) {
    return new Commitment("azure/gpt-4o", Usd.of("12"), requests, tokens, buysMore, LocalDate.of(2026, 11, 27));
  }

  @Test
  void a_call_costs_nothing_while_capacity_is_free_and_the_list_price_beyond_it() {
    Capacities capacities = new Capacities(List.of(capacity(2, 0, true)), Counted::new);
    for (int i = 0; i < 2; i++) {
      assertThat(capacities.marginal(MODEL, LISTED).base()).isEqualTo(Price.Rates.FREE);
      Tariff.Terms terms = capacities.take(MODEL, LISTED, 1_000);
      assertThat(terms.price().version()).isEqualTo("azure/gpt-4o@provisioned");
      assertThat(terms.instead()).isSameAs(LISTED);
    }
    assertThat(capacities.marginal(MODEL, LISTED)).isSameAs(LISTED);
    assertThat(capacities.take(MODEL, LISTED, 1_000)).isEqualTo(new Tariff.Terms(LISTED, null, null));
    assertThat(capacities.states().get(0).utilisation()).isEqualTo(1);
    assertThat(capacities.states().get(0).spilled()).isEqualTo(1);
  }

  @Test
  void tokens_that_a_call_did_not_need_are_free_again_and_nothing_is_bought_unless_it_is_said() {
    Capacities capacities = new Capacities(List.of(capacity(0, 10_000, false)), Counted::new);
    Tariff.Terms first = capacities.take(MODEL, LISTED, 9_000);
    assertThatThrownBy(() -> capacities.take(MODEL, LISTED, 1_001)).isInstanceOfSatisfying(Problem.class, p -> {
      assertThat(p.code()).isEqualTo("capacity_exceeded");
      assertThat(p.retryAfter().toSeconds()).isEqualTo(50);
    });
    first.used().accept(500);
    assertThat(capacities.take(MODEL, LISTED, 9_500).instead()).isSameAs(LISTED);
  }

  @Test
  @Tag("M12")
  void capacity_is_paid_for_from_its_first_day_on_used_or_not() {
    Commitment commitment = capacity(1, 0, true);
    assertThat(commitment.cost(Instant.parse("2026-11-01T00:00:00Z"), Instant.parse("2026-11-28T00:00:00Z"))).isEqualTo(Usd.of("288"));
    assertThat(commitment.cost(Instant.parse("2026-11-27T06:00:00Z"), Instant.parse("2026-11-27T06:20:00Z"))).isEqualTo(Usd.of("4"));
    assertThat(commitment.cost(Instant.parse("2026-10-01T00:00:00Z"), Instant.parse("2026-11-01T00:00:00Z"))).isEqualTo(Usd.ZERO);
  }
}
