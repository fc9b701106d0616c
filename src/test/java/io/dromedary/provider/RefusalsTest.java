package io.dromedary.provider;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class RefusalsTest {
  @Tag("F2")
  @Test void a_hint_to_wait_is_read_in_all_its_forms() {
    Instant now = Instant.parse("2026-11-20T10:00:00Z");
    assertThat(Refusals.retryAfter(Map.of("retry-after", "3"), now)).isEqualTo(Duration.ofSeconds(3));
    assertThat(Refusals.retryAfter(Map.of("retry-after", "3", "retry-after-ms", "2500"), now)).isEqualTo(Duration.ofMillis(2_500));
    assertThat(Refusals.retryAfter(Map.of("retry-after", "Fri, 20 Nov 2026 10:00:30 GMT"), now)).isEqualTo(Duration.ofSeconds(30));
    assertThat(Refusals.retryAfter(Map.of("retry-after", "Fri, 20 Nov 2026 09:00:00 GMT"), now)).isEqualTo(Duration.ZERO);
    for (String nonsense : new String[] {"", "soon", "-1", "NaN", "Infinity", "1e99", "90000", "Fri, 27 Nov 2026 10:00:30 GMT"}) {
      assertThat(Refusals.retryAfter(Map.of("retry-after", nonsense), now)).as(nonsense).isNull();
    }
  }

  @Tag("X7")
  @Test void what_looks_like_a_key_is_not_repeated() {
    assertThat(Refusals.safe("bad key sk-proj-abc123 or gsk_12345678 or Bearer abcdefgh and \"AIzaSyABC\"")).isEqualTo("bad key *** or *** or *** and \"***\"");
    assertThat(Refusals.safe("bad key sk-ant-api03-abcdefgh.")).isEqualTo("bad key ***");
    assertThat(Refusals.safe("ask-me about risk-taking")).isEqualTo("ask-me about risk-taking");
    assertThat(Refusals.safe("Post \"http://10.0.0.7:11434/load\": refused; see https://docs.example.com/x")).isEqualTo("Post \"***\": refused; see https://docs.example.com/x");
    assertThat(Refusals.safe("x".repeat(5_000))).hasSize(1_000);
  }
}
