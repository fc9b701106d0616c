package io.dromedary;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dromedary.catalog.ConfigError;
import io.dromedary.catalog.ModelCatalog;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ProvisionedSettingsTest {
  @ParameterizedTest
  @CsvSource({"openai/no-such, 1, 1, next, model", "gpt-4o, 1, 1, next, model", "gemini/gemma-3-27b-it, 1, 1, next, has no list price", "openai/gpt-4o, -1, 1, next, usd-per-hour", "openai/gpt-4o, 1e9, 1, next, usd-per-hour",
      "openai/gpt-4o, 1, 0, next, requests-per-minute", "openai/gpt-4o, 1, 10000000001, next, requests-per-minute", "openai/gpt-4o, 1, 1, never, spill"})
  @Tag("M4")
  void capacity_with_a_mistake_in_it_stops_the_start(String model, BigDecimal usd, long requests, String spill, String named) throws Exception {
    ModelCatalog catalogue = ModelCatalog.read(Files.readAllBytes(Path.of("config/models.yaml")), "config/models.yaml");
    ProvisionedSettings settings = new ProvisionedSettings(List.of(new ProvisionedSettings.Capacity(model, usd, requests, 0, spill, LocalDate.of(2026, 1, 1))));
    assertThatThrownBy(() -> settings.commitments(catalogue)).isInstanceOf(ConfigError.class).hasMessageStartingWith("dromedary.provisioned[0].").hasMessageContaining(named);
    assertThat(new ProvisionedSettings(List.of()).commitments(catalogue)).isEmpty();
  }
}
