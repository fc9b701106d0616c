package io.dromedary.cache;

import org.jspecify.annotations.Nullable;

/** What the cache has to do with one request: what it may, the key it looks under, and its turn among equal requests. Used by the one thread that serves the request. */
public final class Recollection {
  private final CachePolicy.Mode mode;
  private final String key;
  private Coalescer.@Nullable Turn turn;

  Recollection(CachePolicy.Mode mode, String key) {
    this.mode = mode;
    this.key = key;
  }

  CachePolicy.Mode mode() {
    return mode;
  }

  /** The key to look under; "" when nothing may be recalled. */
  public String readKey() {
    return mode.reads() ? key : "";
  }

  String key() {
    return key;
  }

  void turn(Coalescer.Turn mine) {
    turn = mine;
  }

  Coalescer.@Nullable Turn turn() {
    return turn;
  }
}
