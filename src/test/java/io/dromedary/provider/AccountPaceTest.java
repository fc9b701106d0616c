package io.dromedary.provider;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AccountPaceTest {
  private final AccountPace pace = new AccountPace(20, new Pacing(0.05, true, 2, 2));

  private void heard(String... headers) {
    Map<String, String> all = new java.util.HashMap<>();
    for (int i = 0; i < headers.length; i += 2) {
      all.put(headers[i], headers[i + 1]);
    }
    pace.heard(all::get);
  }

  @Test
  void an_account_that_is_nearly_spent_is_passed_over_until_its_limit_is_whole_again() {
    heard("x-ratelimit-limit-requests", "1000", "x-ratelimit-remaining-requests", "900", "x-ratelimit-limit-tokens", "50000", "x-ratelimit-remaining-tokens", "49000", "x-ratelimit-reset-tokens", "10s");
    assertThat(pace.nearlySpent()).isFalse();
    assertThat(pace.limit()).isEqualTo(20);
    heard("x-ratelimit-limit-requests", "1000", "x-ratelimit-remaining-requests", "900", "x-ratelimit-limit-tokens", "50000", "x-ratelimit-remaining-tokens", "2000", "x-ratelimit-reset-tokens", "300ms");
    assertThat(pace.nearlySpent()).isTrue();
    assertThat(pace.limit()).as("a fifth of its permits: 4 % of 20 %").isEqualTo(4);
    await().atMost(5, TimeUnit.SECONDS).until(() -> !pace.nearlySpent());
    assertThat(pace.limit()).isEqualTo(20);
  }

  @Test
  void anthropics_headers_are_read_too() {
    heard("anthropic-ratelimit-requests-limit", "50", "anthropic-ratelimit-requests-remaining", "49", "anthropic-ratelimit-output-tokens-limit", "8000", "anthropic-ratelimit-output-tokens-remaining", "0",
        "anthropic-ratelimit-output-tokens-reset", Instant.now().plusSeconds(30).toString());
    assertThat(pace.nearlySpent()).isTrue();
    assertThat(pace.limit()).as("the least").isEqualTo(2);
    heard("anthropic-ratelimit-requests-limit", "50", "anthropic-ratelimit-requests-remaining", "49");
    assertThat(pace.nearlySpent()).isFalse();
  }

  @ParameterizedTest
  @CsvSource({"-1, 100", "NaN, 100", "5, 0", "5, -3", "a lot, 100", "0, Infinity x"})
  void odd_headers_say_nothing(String left, String limit) {
    heard("x-ratelimit-limit-requests", limit, "x-ratelimit-remaining-requests", left);
    assertThat(pace.nearlySpent()).isFalse();
    assertThat(pace.limit()).isEqualTo(20);
  }

  @ParameterizedTest
  @CsvSource({"8.64s, PT8.64S", "6m0s, PT6M", "1h2m3s, PT1H2M3S", "20ms, PT0.02S", "12, PT12S", "1d2h, PT26H", "7d, PT168H", "'', ", "soon, ", "-3s, PT-3S"})
  void resets_are_read_as_they_are_written(String text, Duration wait) {
    assertThat(AccountPace.wait(text)).isEqualTo(wait);
  }

  @Test
  void calls_at_once_follow_the_latency_and_recover() throws InterruptedException {
    for (int i = 0; i < 20; i++) {
      assertThat(pace.enter(0)).isTrue();
    }
    assertThat(pace.enter(0)).isFalse();
    for (int i = 0; i < 50; i++) {
      pace.took(1, 10_000_000);
    }
    assertThat(pace.limit()).isEqualTo(20);
    for (int i = 0; i < 30; i++) {
      pace.took(1, 200_000_000);
    }
    int slow = pace.limit();
    assertThat(slow).isBetween(2, 12);
    assertThat(pace.inFlight()).isEqualTo(20);
    for (int i = 0; i < 20 - slow; i++) {
      pace.leave();
    }
    assertThat(pace.enter(0)).as("fewer than before").isFalse();
    for (int i = 0; i < 100; i++) {
      pace.took(1, 10_000_000);
    }
    assertThat(pace.limit()).isEqualTo(20);
    for (int i = 0; i < 100; i++) {
      pace.overloaded();
    }
    assertThat(pace.limit()).isEqualTo(2);
  }

  @Test
  void off_it_is_a_fixed_number_of_permits() throws InterruptedException {
    AccountPace fixed = new AccountPace(1, Pacing.OFF);
    fixed.heard(name -> name.contains("remaining") ? "0" : "100");
    fixed.overloaded();
    fixed.took(0, 1);
    assertThat(fixed.nearlySpent()).isFalse();
    assertThat(fixed.enter(0)).isTrue();
    assertThat(fixed.enter(0)).isFalse();
    fixed.leave();
    assertThat(fixed.inFlight()).isZero();
    assertThatThrownBy(() -> new Pacing(Double.NaN, false, 1, 2)).hasMessageContaining("dromedary.pacing.nearly-spent = NaN");
  }
}
