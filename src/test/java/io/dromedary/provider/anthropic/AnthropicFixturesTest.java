package io.dromedary.provider.anthropic;

import io.dromedary.catalog.Model;
import io.dromedary.provider.WireCases;
import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Fixtures of 21 November 2026, written from the documentation, not recorded. */
class AnthropicFixturesTest {
  static Stream<Path> cases() throws IOException {
    return WireCases.of("anthropic");
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  @Tag("T1")
  @Tag("T2")
  void request_and_answer_are_translated(Path folder) throws IOException {
    WireCases.check(new AnthropicMessages(), Model.unlisted("anthropic", "claude-sonnet-4-5"), folder);
  }
}
