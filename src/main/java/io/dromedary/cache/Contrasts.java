package io.dromedary.cache;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/** Sets of words of which one cannot stand for another, from {@code contrasts.txt}: opposites, days, units, languages. Vectors put them side by side. */
final class Contrasts {
  /** One meaning within a set. */
  record Meaning(int set, int part) {}

  private static final Map<String, List<Meaning>> MEANINGS = new HashMap<>();
  private static final Set<Integer> STRICT = new HashSet<>();

  static {
    try (InputStream file = Objects.requireNonNull(Contrasts.class.getResourceAsStream("contrasts.txt"), "contrasts.txt");
        BufferedReader lines = new BufferedReader(new InputStreamReader(file, StandardCharsets.UTF_8))) {
      int set = 0;
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (line.isBlank() || line.startsWith("#")) {
          continue;
        }
        if (line.startsWith("!")) {
          STRICT.add(set);
        }
        String[] parts = line.substring(line.startsWith("!") ? 1 : 0).split("\\|");
        for (int part = 0; part < parts.length; part++) {
          for (String word : parts[part].strip().split("\\s+")) {
            Meaning meaning = new Meaning(set, part);
            add(word, meaning);
            add(Wording.stem(word), meaning);
          }
        }
        set++;
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Contrasts() {}

  private static void add(String word, Meaning meaning) {
    List<Meaning> all = MEANINGS.computeIfAbsent(word, w -> new ArrayList<>(1));
    if (!all.contains(meaning)) {
      all.add(meaning);
    }
  }

  static List<Meaning> of(String lowerCaseWord) {
    List<Meaning> found = MEANINGS.get(lowerCaseWord);
    return found != null ? found : MEANINGS.getOrDefault(Wording.stem(lowerCaseWord), List.of());
  }

  /** Must both texts name the same, or neither any? */
  static boolean strict(int set) {
    return STRICT.contains(set);
  }
}
