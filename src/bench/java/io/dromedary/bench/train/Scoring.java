package io.dromedary.bench.train;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Complexity;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import io.dromedary.complexity.ComplexityScorers;
import io.dromedary.complexity.LearnedScorer;
import io.dromedary.provider.local.MiniLm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;

/** The beans that score requests, set up as the gateway does. */
final class Scoring implements AutoCloseable {
  final LearnedScorer learned;
  private final ComplexityScorers scorers;
  private final MiniLm miniLm;

  /**
   * Sets them up.
   *
   * @param kind of scorer
   * @param router the trained file, "" for the one of the jar
   * @throws IOException if it is broken
   */
  Scoring(String kind, boolean minilm, String router) throws IOException {
    if (!router.isEmpty() && !Files.isRegularFile(Path.of(router))) {
      throw new IOException("--router=" + router + " does not exist");
    }
    LearnedScorer words = router.isEmpty() ? LearnedScorer.load() : LearnedScorer.load(Files.newInputStream(Path.of(router)), router);
    if (kind.equals("learned") && !words.problem().isEmpty()) {
      throw new IOException(words.problem());
    }
    miniLm = new MiniLm(1, Files.createDirectories(Path.of("target/bench/native")));
    // a request waits 100 ms at most; here nobody waits
    learned = minilm ? words.with(text -> miniLm.vector(text, Duration.ofMinutes(1))) : words;
    scorers = new ComplexityScorers(List.of(learned), () -> kind);
    if (!scorers.kinds().contains(kind)) {
      throw new IllegalArgumentException("--scorer=" + kind + ": allowed are " + String.join(", ", scorers.kinds()));
    }
  }

  static ChatRequest request(String id, String prompt) {
    return new ChatRequest("replay_" + id, json(prompt), Map.of(), Instant.EPOCH, Instant.EPOCH);
  }

  static ObjectNode json(String prompt) {
    ObjectNode json = Json.object().put("model", "auto");
    json.putArray("messages").addObject().put("role", "user").put("content", prompt);
    return json;
  }

  Complexity score(ChatRequest request) {
    return scorers.score(request);
  }

  @Override
  public void close() {
    miniLm.close();
  }
}
