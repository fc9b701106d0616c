package io.dromedary.domain;

import io.dromedary.catalog.ConfigNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Objects;

/** The words that come with the gateway, in {@code lexicon.yaml} beside this class. */
final class Lexicon {
  private static final String RESOURCE = "lexicon.yaml";

  private Lexicon() {}

  static ConfigNode root() {
    try (InputStream file = Lexicon.class.getResourceAsStream(RESOURCE)) {
      return ConfigNode.read(Objects.requireNonNull(file, RESOURCE).readAllBytes(), RESOURCE);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
