package io.dromedary.cache;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Caller;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import io.dromedary.chat.Usage;
import io.dromedary.chat.Usd;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The semantic cache without a gateway around it, for measuring it on anyone's data: the same vectors, index and checks that serve. */
public final class SemanticRehearsal implements AutoCloseable {
  /**
   * What is thought of a pair.
   *
   * @param stored the prompt that was found, or given
   * @param cosine of the vectors
   * @param similarity what is held against the threshold
   * @param refusedBy the check that refuses it, null when none does
   * @param hit would it have been served?
   */
  public record Judgement(String stored, double cosine, double similarity, @Nullable String refusedBy, boolean hit) {}

  private final SemanticAnswers answers;
  private final double threshold;

  public SemanticRehearsal(Embedder embedder, double threshold) {
    this.threshold = threshold;
    SemanticRules everybody = new SemanticRules() {
      @Override
      public boolean allows(Caller caller) {
        return true;
      }

      @Override
      public double threshold(Caller caller) {
        return threshold;
      }
    };
    // however long the model takes to load, no prompt is late
    embedder.embed("warm", Duration.ofMinutes(5));
    answers = new SemanticAnswers(embedder, everybody, new SemanticAnswers.Settings(2L << 30, Duration.ofDays(7), 4_000, 1, Duration.ofMinutes(1), null), Clock.systemUTC());
  }

  public Judgement judge(String stored, String asked) {
    SameQuestion.Verdict verdict = answers.verdict(stored, asked);
    return new Judgement(stored, verdict.cosine(), verdict.similarity(), verdict.refusedBy(), verdict.same(threshold));
  }

  /** Stores a prompt as if it had been answered; its answer is itself. Comes into force at once. */
  public void store(String prompt) {
    SemanticAnswers.Question question = question(prompt);
    if (question != null) {
      CachedAnswer answer = new CachedAnswer("default", new byte[0], Usage.NONE, "m", "p", Usd.ZERO, Instant.now());
      answers.keep(question, CacheKey.of("default", request(prompt)), answer);
    }
  }

  /** Looks it up as a request would; null when nothing is near. */
  public @Nullable Judgement ask(String prompt) {
    SemanticAnswers.Question question = question(prompt);
    SemanticAnswers.Found found = question == null ? null : answers.look(question);
    return found == null ? null : new Judgement(found.entry().text(), found.verdict().cosine(), found.verdict().similarity(), found.verdict().refusedBy(), found.hit());
  }

  private SemanticAnswers.@Nullable Question question(String prompt) {
    return answers.question(Caller.OPEN, "default", request(prompt));
  }

  private static ChatRequest request(String prompt) {
    ObjectNode json = Json.object().put("model", "m");
    json.putArray("messages").addObject().put("role", "user").put("content", prompt);
    return new ChatRequest("r", json, Map.of(), Instant.now(), Instant.now().plusSeconds(60));
  }

  @Override
  public void close() {
    answers.close();
  }
}
