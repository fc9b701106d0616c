package io.dromedary.provider.gemini;

import io.dromedary.catalog.Model;
import io.dromedary.provider.WireCases;
import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Fixtures of 21 November 2026, written from the documentation, not recorded. */
class GeminiFixturesTest {
  static Stream<Path> cases() throws IOException {
    return WireCases.of("gemini");
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  @Tag("T1")
  @Tag("T2")
  void request_and_answer_are_translated(Path folder) throws IOException {
    WireCases.check(new GeminiGenerateContent(), Model.unlisted("gemini", "gemini-3-pro"), folder);
  }
}
