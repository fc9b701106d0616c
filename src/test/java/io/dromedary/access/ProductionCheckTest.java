package io.dromedary.access;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("X9")
class ProductionCheckTest {
  private static ProductionCheck.Settings settings(boolean production, String address, boolean safe) {
    return new ProductionCheck.Settings(production, address, safe ? "127.0.0.1" : "10.0.0.5", safe, safe, safe ? Set.of("openai", "sandbox") : Set.of("sandbox"), safe,
        PosixFilePermissions.fromString(safe ? "rwx------" : "rwxr-x---"), safe ? "" : "jdbc:h2:mem:x");
  }

  @Test
  void a_safe_production_starts() {
    assertThatCode(() -> ProductionCheck.check(settings(true, "0.0.0.0", true))).doesNotThrowAnyException();
  }

  @Test
  void an_unsafe_production_is_refused_with_all_reasons_in_one_message() {
    assertThat(ProductionCheck.reasons(settings(true, "0.0.0.0", false))).hasSize(7);
    assertThatThrownBy(() -> ProductionCheck.check(settings(true, "0.0.0.0", false))).isInstanceOf(IllegalStateException.class)
        .hasMessageContainingAll("callers.yaml", "clear text", "10.0.0.5", "DROMEDARY_ADMIN_TOKEN", "sandbox", "chmod 700", "DATABASE_URL");
  }

  @Test
  void an_open_gateway_listens_on_loopback_only_in_any_profile() {
    assertThat(ProductionCheck.reasons(settings(false, "127.0.0.1", false))).isEmpty();
    assertThat(ProductionCheck.reasons(settings(false, "localhost", false))).isEmpty();
    assertThat(ProductionCheck.reasons(settings(false, "0.0.0.0", false))).hasSize(1);
    assertThat(ProductionCheck.reasons(settings(false, "0.0.0.0", true))).isEmpty();
    assertThat(ProductionCheck.isLoopback("127.evil.example")).isFalse();
    assertThat(ProductionCheck.isLoopback("::")).isFalse();
  }
}
