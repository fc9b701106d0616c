package io.dromedary.cache;

import io.dromedary.catalog.Recall;
import org.jspecify.annotations.Nullable;

/** What the cache has to do with one request: what it may, the key it stores under, and its turn among equal requests. */
final class Recollection extends Recall {
  private final CachePolicy.Mode mode;
  private final String key;
  private final String project;
  private Coalescer.@Nullable Turn turn;

  Recollection(CachePolicy.Mode mode, String key, String project) {
    super(mode.reads() ? key : "");
    this.mode = mode;
    this.key = key;
    this.project = project;
    if (mode.reads()) {
      missed();
    }
  }

  void found(CachedAnswer answer) {
    hit(answer.model(), answer.provider(), answer.cost(), null);
  }

  CachePolicy.Mode mode() {
    return mode;
  }

  String key() {
    return key;
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
