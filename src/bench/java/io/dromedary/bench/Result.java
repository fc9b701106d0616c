package io.dromedary.bench;

import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;

/** What one target did in one run: every latency (no histogram rounds them), errors by kind. Times are nanoseconds. */
final class Result {
  final Samples latency = new Samples();
  final Samples firstChunk = new Samples();
  final Map<String, Integer> errors = new TreeMap<>();
  long ok;
  long chunks;
  long cacheHits;
  long elapsedNanos;
  String firstError = "";

  void fail(String kind, String detail) {
    errors.merge(kind, 1, Integer::sum);
    if (firstError.isEmpty()) {
      firstError = kind + (detail.isEmpty() ? "" : ": " + detail);
    }
  }

  long failed() {
    return errors.values().stream().mapToInt(Integer::intValue).sum();
  }

  double perSecond() {
    return ok * 1e9 / Math.max(1, elapsedNanos);
  }

  /** Takes in another round of the same run. */
  void add(Result round) {
    latency.addAll(round.latency);
    firstChunk.addAll(round.firstChunk);
    round.errors.forEach((kind, count) -> errors.merge(kind, count, Integer::sum));
    ok += round.ok;
    chunks += round.chunks;
    cacheHits += round.cacheHits;
    elapsedNanos += round.elapsedNanos;
    firstError = firstError.isEmpty() ? round.firstError : firstError;
  }

  /** A growing list of numbers that knows its quantiles. */
  static final class Samples {
    private long[] values = new long[4096];
    private int size;
    private boolean sorted;

    void add(long value) {
      if (size == values.length) {
        values = Arrays.copyOf(values, size * 2);
      }
      values[size++] = value;
      sorted = false;
    }

    void addAll(Samples others) {
      for (int i = 0; i < others.size; i++) {
        add(others.values[i]);
      }
    }

    int size() {
      return size;
    }

    /** The nearest-rank quantile in milliseconds, NaN without samples. */
    double millis(double quantile) {
      if (size == 0) {
        return Double.NaN;
      }
      if (!sorted) {
        Arrays.sort(values, 0, size);
        sorted = true;
      }
      int rank = (int) Math.ceil(quantile * size) - 1;
      return values[Math.max(0, Math.min(size - 1, rank))] / 1e6;
    }
  }
}
