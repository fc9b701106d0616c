package io.dromedary.cache;

import java.lang.ref.SoftReference;
import org.jspecify.annotations.Nullable;

/** A prompt and its answer, found by what the prompt means. The vector is kept in bytes: a quarter of the memory, and the cosine is off by some thousandths. */
final class SemanticEntry {
  private static final int OVERHEAD_BYTES = 700;

  private final String partition;
  private final String key;
  private final String text;
  private final byte[] quantised;
  private final CachedAnswer answer;
  private @Nullable SoftReference<Wording> wording;

  /**
   * @param partition who may be answered by it
   * @param key the request's {@link CacheKey}
   * @param text the prompt
   * @param quantised the prompt's vector by {@link #quantise}
   */
  SemanticEntry(String partition, String key, String text, byte[] quantised, CachedAnswer answer) {
    this.partition = partition;
    this.key = key;
    this.text = text;
    this.quantised = quantised;
    this.answer = answer;
  }

  /** Scaled so that its largest number is 127. */
  static byte[] quantise(float[] vector) {
    float most = 1e-9f;
    for (float value : vector) {
      most = Math.max(most, Math.abs(value));
    }
    byte[] bytes = new byte[vector.length];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) Math.round(vector[i] / most * 127);
    }
    return bytes;
  }

  float[] vector() {
    float[] vector = new float[quantised.length];
    for (int i = 0; i < vector.length; i++) {
      vector[i] = quantised[i];
    }
    return vector;
  }

  double cosine(float[] other) {
    double product = 0;
    double mine = 0;
    double theirs = 0;
    for (int i = 0; i < quantised.length; i++) {
      product += quantised[i] * other[i];
      mine += quantised[i] * quantised[i];
      theirs += other[i] * other[i];
    }
    return mine == 0 || theirs == 0 ? 0 : product / Math.sqrt(mine * theirs);
  }

  /** Read anew when memory was short. */
  Wording wording() {
    SoftReference<Wording> kept = wording;
    Wording read = kept == null ? null : kept.get();
    if (read == null) {
      read = Wording.of(text);
      wording = new SoftReference<>(read);
    }
    return read;
  }

  String partition() {
    return partition;
  }

  String key() {
    return key;
  }

  String text() {
    return text;
  }

  byte[] quantised() {
    return quantised;
  }

  CachedAnswer answer() {
    return answer;
  }

  /** Bytes of memory it takes, about. */
  int weight() {
    return answer.weight() + quantised.length + 2 * text.length() + OVERHEAD_BYTES;
  }
}
