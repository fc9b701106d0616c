package io.dromedary.bench.train;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/** Area under the share of the strong model's advantage that is kept, over the share of calls it gets (APGR, arXiv 2406.18665): 0.5 is chance. As {@code score_routing.py} counts it, ties in random order. */
final class Apgr {
  private Apgr() {}

  static double of(double[] scores, double[] gains) {
    int n = scores.length;
    Integer[] order = IntStream.range(0, n).boxed().sorted(Comparator.comparingDouble(i -> -scores[i])).toArray(Integer[]::new);
    double total = Arrays.stream(gains).sum();
    double[] kept = new double[n + 1];
    for (int from = 0; from < n; ) {
      int to = from;
      double gain = 0;
      while (to < n && scores[order[to]] == scores[order[from]]) {
        gain += gains[order[to++]];
      }
      for (int i = from + 1; i <= to; i++) {
        kept[i] = kept[from] + gain * (i - from) / (to - from);
      }
      from = to;
    }
    double area = 0;
    for (int tenth = 0; tenth < 10; tenth++) {
      area += (at(kept, tenth / 10.0) + at(kept, (tenth + 1) / 10.0)) / 20 / total;
    }
    return area;
  }

  private static double at(double[] kept, double share) {
    double place = share * (kept.length - 1);
    int below = (int) Math.min(kept.length - 2, Math.floor(place));
    return kept[below] + (place - below) * (kept[below + 1] - kept[below]);
  }
}
