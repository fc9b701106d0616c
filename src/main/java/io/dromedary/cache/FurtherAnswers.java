package io.dromedary.cache;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Recall;
import io.dromedary.chat.Caller;
import io.dromedary.chat.Json;
import io.dromedary.chat.ModelRequest;
import io.dromedary.chat.Problem;
import org.jspecify.annotations.Nullable;

/** The caches beyond this node's memory, as {@code look-further} asks them; one that is not there has nothing. */
public final class FurtherAnswers {
  private final @Nullable SharedAnswers shared;
  private final @Nullable SemanticAnswers semantic;

  public FurtherAnswers(@Nullable SharedAnswers shared, @Nullable SemanticAnswers semantic) {
    this.shared = shared;
    this.semantic = semantic;
  }

  /** What another node was told, from Redis; null if nothing. */
  public @Nullable CachedAnswer shared(Recall recall) {
    return shared == null ? null : shared.look(recall);
  }

  /** What was said to a like question; null if nothing. @throws Problem 400 for a threshold that is none */
  public @Nullable CachedAnswer similar(Recall recall, Caller caller, ModelRequest request) {
    if (semantic == null || !(recall instanceof Recollection recollection) || recollection.lookUpKey().isEmpty()) {
      return null;
    }
    SemanticAnswers.Question question = semantic.question(caller, recollection.scope(), request);
    recollection.question(question);
    SemanticAnswers.Found found = question == null ? null : semantic.look(question);
    recollection.similar(found);
    if (question != null) {
      recollection.compared(told(question, found));
    }
    return found == null || !found.hit() ? null : found.entry().answer();
  }

  /** Adds to a decision what the semantic cache would do: the nearest question, how near it is, and which check refuses it. */
  public ObjectNode explain(ObjectNode page, Caller caller, ModelRequest request) {
    if (semantic == null) {
      return page;
    }
    ObjectNode part = page.putObject("semantic_cache");
    SemanticAnswers.Question question = semantic.question(caller, AnswerRecall.scope(caller), request);
    if (question == null) {
      part.put("takes_part", false);
      return page;
    }
    SemanticAnswers.Found found = semantic.look(question);
    part.put("takes_part", true);
    part.setAll(told(question, found));
    if (found != null) {
      part.put("nearest", Problem.clip(found.entry().text()));
    }
    return page;
  }

  /** What was thought of the nearest question. It is named by its key: whoever keeps this keeps no prompt. */
  private static ObjectNode told(SemanticAnswers.Question question, SemanticAnswers.@Nullable Found found) {
    ObjectNode told = Json.object().put("threshold", question.threshold()).put("hit", found != null && found.hit());
    if (found != null) {
      told.put("similarity", rounded(found.verdict().similarity())).put("cosine", rounded(found.verdict().cosine()));
      if (found.refusedBy() != null) {
        told.put("refused_by", found.refusedBy());
      }
      told.put("nearest_key", found.entry().key());
    }
    return told;
  }

  /** Adds the nearest question's words to a request's page, while it is kept. */
  public ObjectNode onPage(ObjectNode page) {
    if (semantic != null && page.at("/decision/semantic_cache") instanceof ObjectNode part && part.hasNonNull("nearest_key")) {
      String text = semantic.text(part.path("nearest_key").asText(), page.path("project").asText());
      if (text != null) {
        part.put("nearest", Problem.clip(text));
      }
    }
    return page;
  }

  private static double rounded(double value) {
    return Math.round(value * 10_000) / 10_000.0;
  }

  /** Is there any? */
  public boolean any() {
    return shared != null || semantic != null;
  }
}
