package io.dromedary.cache;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Recall;
import org.jspecify.annotations.Nullable;

/** What the cache has to do with one request: what it may, the key it stores under, and its turn among equal requests. */
final class Recollection extends Recall {
  private final CachePolicy.Mode mode;
  private final String key;
  private final String project;
  private final String scope;
  private SemanticAnswers.@Nullable Question question;
  private SemanticAnswers.@Nullable Found similar;
  private Coalescer.@Nullable Turn turn;

  Recollection(CachePolicy.Mode mode, String key, String project, String scope) {
    super(mode.reads() ? key : "");
    this.mode = mode;
    this.key = key;
    this.project = project;
    this.scope = scope;
    if (mode.reads()) {
      missed();
    }
  }

  void found(CachedAnswer answer) {
    hit(answer.model(), answer.provider(), answer.cost(), similar != null && similar.entry().answer() == answer ? similar.verdict().similarity() : null);
  }

  CachePolicy.Mode mode() {
    return mode;
  }

  String key() {
    return key;
  }

  /** Whose answers it may share, beyond the project: see {@link AnswerRecall}. */
  String scope() {
    return scope;
  }

  SemanticAnswers.@Nullable Question question() {
    return question;
  }

  void question(SemanticAnswers.@Nullable Question asked) {
    question = asked;
  }

  void similar(SemanticAnswers.@Nullable Found found) {
    similar = found;
  }

  void compared(ObjectNode told) {
    likeQuestion(told);
  }

  String project() {
    return project;
  }

  void turn(Coalescer.Turn mine) {
    turn = mine;
  }

  Coalescer.@Nullable Turn turn() {
    return turn;
  }
}
