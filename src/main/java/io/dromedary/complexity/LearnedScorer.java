package io.dromedary.complexity;

import io.dromedary.catalog.Complexity;
import io.dromedary.catalog.Tier;
import io.dromedary.chat.ChatRequest;
import java.io.IOException;
import java.io.InputStream;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The trained scorer: the calibrated chance that a weak model fails where a strong one succeeds, some 20 to 50 microseconds for 500 characters. */
public final class LearnedScorer implements ComplexityScorer {
  private static final int SIGNALS = 5;
  private final @Nullable LearnedModel model;
  private final String problem;

  private LearnedScorer(@Nullable LearnedModel model, String problem) {
    this.model = model;
    this.problem = problem;
  }

  public static LearnedScorer of(LearnedModel model) {
    return new LearnedScorer(model, "");
  }

  /** With the trained file of the jar. Never throws: a broken file makes a scorer that always throws, whose place the keywords take; {@link #problem} says what is wrong. */
  public static LearnedScorer load() {
    return load(LearnedScorer.class.getResourceAsStream(LearnedModel.RESOURCE));
  }

  static LearnedScorer load(@Nullable InputStream file) {
    if (file == null) {
      return new LearnedScorer(null, LearnedModel.RESOURCE + " is not in the class path");
    }
    try (file) {
      return of(LearnedModel.read(file));
    } catch (IOException | RuntimeException e) {
      return new LearnedScorer(null, LearnedModel.RESOURCE + ": " + (e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage()));
    }
  }

  /** What is wrong with the trained file, "" if nothing. */
  public String problem() {
    return problem;
  }

  @Override
  public String kind() {
    return "learned";
  }

  /** The score of a prompt that stands alone. @throws IllegalStateException if there is no trained file */
  public double score(String prompt) {
    return model().score(new PromptReading(prompt));
  }

  @Override
  public Complexity score(ChatRequest request) {
    LearnedModel trained = model();
    Turn turn = Turn.of(request);
    PromptReading reading = new PromptReading(turn.text());
    double score = trained.score(reading);
    Map<String, Object> signals = new LinkedHashMap<>(8);
    signals.put("words", Math.round(Math.expm1(reading.traits[1])));
    signals.put("form", reading.closed ? "lettered answers" : "open");
    signals.put("strongest", trained.strongest(reading, SIGNALS));
    if (turn.earlier()) {
      signals.put("scored_message", "the one before a short follow-up");
    }
    return new Complexity(score, Tier.of(score), "learned", signals);
  }

  private LearnedModel model() {
    if (model == null) {
      throw new IllegalStateException(problem);
    }
    return model;
  }
}
