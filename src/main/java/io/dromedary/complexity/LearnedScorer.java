package io.dromedary.complexity;

import io.dromedary.catalog.Complexity;
import io.dromedary.catalog.Tier;
import io.dromedary.chat.ChatRequest;
import java.io.IOException;
import java.io.InputStream;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The trained scorer: the calibrated chance that a weak model fails where a strong one succeeds, some 20 to 50 microseconds for 500 characters; where sentence vectors are configured, averaged with what they say.
 */
public final class LearnedScorer implements ComplexityScorer {
  private static final int SIGNALS = 5;
  private final @Nullable LearnedModel model;
  private final String problem;
  private final SentenceVectors vectors;

  private LearnedScorer(@Nullable LearnedModel model, String problem, SentenceVectors vectors) {
    this.model = model;
    this.problem = problem;
    this.vectors = vectors;
  }

  public static LearnedScorer of(LearnedModel model) {
    return new LearnedScorer(model, "", SentenceVectors.NONE);
  }

  /** With the trained file of the jar. Never throws: a broken file makes a scorer that always throws, whose place the keywords take; {@link #problem} says what is wrong. */
  public static LearnedScorer load() {
    return load(LearnedScorer.class.getResourceAsStream(LearnedModel.RESOURCE), LearnedModel.RESOURCE);
  }

  static LearnedScorer load(@Nullable InputStream file) {
    return load(file, LearnedModel.RESOURCE);
  }

  /** With that trained file; closes it. @param name for messages */
  public static LearnedScorer load(@Nullable InputStream file, String name) {
    if (file == null) {
      return new LearnedScorer(null, name + " is not in the class path", SentenceVectors.NONE);
    }
    try (file) {
      return of(LearnedModel.read(file));
    } catch (IOException | RuntimeException e) {
      return new LearnedScorer(null, name + ": " + (e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage()), SentenceVectors.NONE);
    }
  }

  /** The same, with these vectors averaged in. */
  public LearnedScorer with(SentenceVectors more) {
    return new LearnedScorer(model, problem, more);
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
    return model().score(new PromptReading(prompt), vector(prompt));
  }

  @Override
  public Complexity score(ChatRequest request) {
    LearnedModel trained = model();
    Turn turn = Turn.of(request);
    PromptReading reading = new PromptReading(turn.text());
    float[] vector = vector(turn.text());
    // an open question is mostly scored without its place
    float[] place = reading.closed ? trained.place(reading) : null;
    double score = place == null ? trained.score(reading, vector) : trained.score(reading, vector, place);
    Map<String, Object> signals = new LinkedHashMap<>(8);
    signals.put("words", Math.round(Math.expm1(reading.traits[1])));
    signals.put("form", reading.closed ? "lettered answers" : "open");
    signals.put("strongest", trained.strongest(reading, SIGNALS));
    if (vector != null) {
      signals.put("minilm", true);
    }
    if (turn.earlier()) {
      signals.put("scored_message", "the one before a short follow-up");
    }
    return new Complexity(score, Tier.of(score), "learned", signals, trained.quality() == null ? null : new Seen(trained, reading, place));
  }

  /** A scored prompt, of which the quality of answers may be asked without reading it again; let go of when that is known. Used by the one thread that serves the request. */
  private static final class Seen implements Complexity.Reading {
    private final LearnedModel model;
    private @Nullable PromptReading reading;
    private float @Nullable [] place;
    private QualityModel.@Nullable Read quality;

    Seen(LearnedModel model, PromptReading reading, float @Nullable [] place) {
      this.model = model;
      this.reading = reading;
      this.place = place;
    }

    QualityModel.@Nullable Read quality() {
      if (reading != null && model.quality() != null) {
        quality = model.quality().read(place == null ? model.formedPlace(reading) : model.formed(place, reading));
        reading = null;
        place = null;
      }
      return quality;
    }
  }

  /**
   * Expected scores of the models that were trained on, for the words that are scored of this request; null where there are none. Never throws.
   *
   * @param complexity of this request; where this scorer made it, the words are not read again
   */
  public QualityModel.@Nullable Read quality(ChatRequest request, @Nullable Complexity complexity) {
    if (complexity != null && complexity.reading() instanceof Seen seen && seen.model == model) {
      return seen.quality();
    }
    QualityModel quality = model == null ? null : model.quality();
    return quality == null ? null : quality.read(model.formedPlace(new PromptReading(Turn.of(request).text())));
  }

  public QualityModel.@Nullable Read quality(ChatRequest request) {
    return quality(request, null);
  }

  /** The models whose scores it was trained on, null where there are none. */
  public @Nullable QualityModel models() {
    return model == null ? null : model.quality();
  }

  /** By its words alone, so that a conversation waits for one vector and no more. */
  @Override
  public double scoreEarlier(ChatRequest turn) {
    return model().score(new PromptReading(Turn.of(turn).text()));
  }

  private float @Nullable [] vector(String text) {
    if (vectors == SentenceVectors.NONE || !model().readsVectors() || text.isBlank()) {
      return null;
    }
    try {
      return vectors.of(text);
    } catch (RuntimeException | LinkageError broken) {
      return null; // the words alone will do
    }
  }

  private LearnedModel model() {
    if (model == null) {
      throw new IllegalStateException(problem);
    }
    return model;
  }
}
