package io.dromedary.complexity;

import io.dromedary.complexity.LearnedModel.Member;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Fits a {@link LearnedModel} to prompts whose outcomes at a weak and a strong model are known, and its {@link QualityModel} to prompts that several models were scored at. The same data and seed give the same bytes.
 *
 * <p>All members are fitted to {@code strong - weak} by least squares, which ranks better than the event "weak fails where strong succeeds" alone; the calibration then turns scores into that event's chance.
 * Linear member: ridge by conjugate gradients. Space: subspace iteration (Halko et al. 2011) on idf-weighted, normalised counts. Everything is fitted once per fold without it, too: what is said about the model's worth
 * is about questions that it has not seen.
 */
public final class RouterTraining {
  /**
   * One prompt whose outcome is known.
   *
   * @param gain what the strong model scored beyond the weak one, -1 to 1
   * @param fold questions of one group share it, 0 or more
   */
  public record Example(String prompt, double gain, int fold) {
    /** Whether the weak model fails where the strong one succeeds. */
    public boolean needsStrong() {
      return gain > 0.5;
    }
  }

  /**
   * One prompt that several models were scored at.
   *
   * @param scores 0 to 1, in the order of {@link Data#models}
   */
  public record Scored(String prompt, double[] scores, int fold) {}

  /**
   * What is trained on.
   *
   * @param examples pairs of a weak and a strong model
   * @param vectors their sentence vectors in the same order, empty to train without
   * @param models names of the scored models
   * @param scored empty to train without
   * @param base a trained model whose view of prompts (and whose quality model, when nothing is scored) is kept: better than a new one where there are few prompts; null to learn it from these prompts
   */
  public record Data(List<Example> examples, List<float[]> vectors, List<String> models, List<Scored> scored, @Nullable LearnedModel base) {
    /** Pairs alone. */
    public static Data of(List<Example> examples) {
      return new Data(examples, List.of(), List.of(), List.of(), null);
    }
  }

  /**
   * A model and what it said of each example when it was trained without that example's fold.
   *
   * @param outOfFold calibrated without the fold as well: comparable with 0/1 outcomes
   * @param semanticOutOfFold the same with sentence vectors; empty without
   * @param scoredOutOfFold what it said of each scored prompt
   * @param qualityOutOfFold expected score of each model per scored prompt
   * @param easeLoss log loss of predicting a model left out by its usual score alone, and moved by the prompt's ease
   */
  public record Trained(LearnedModel model, double[] outOfFold, double[] semanticOutOfFold, double[] scoredOutOfFold, double[][] qualityOutOfFold, double[] easeLoss) {}

  // Chosen by 5-fold APGR among few values that differed by less than 0.01; the members' shares are plain.
  private static final int LANDMARKS = 512;
  private static final int SEMANTIC_LANDMARKS = 768;
  private static final double LINEAR_PENALTY = 25;
  private static final double LANDMARK_PENALTY = 3;
  private static final double TRAIT_REACH = 0.3;
  private static final int TREES = 100;
  private static final int LEAF = 15;
  private static final int QUALITY_TREES = 150;
  private static final int QUALITY_LEAF = 7;
  /** Divisions into kinds of prompts: how many each has. */
  private static final int[] KINDS = {15, 25, 40, 60, 100, 160};
  /** Mixtures of profiles: how many each has, about as many as there may be kinds of tasks. */
  private static final int[] PROFILES = {12, 16, 20, 24};
  private static final double TRIED = 0.4;
  private static final double OPEN_TRAIT_PENALTY = 3000;
  private static final double OPEN_WORD_PENALTY = 1000;
  private static final int OPEN_WORD_IN = 3;
  /** Of the mean squared length of a row. */
  private static final double HALVES_PENALTY = 3;
  /** From this share of word problems among the open questions on, all others are taken for kinds that were not trained on. */
  private static final double NEARLY_ALL = 0.8;
  private static final double TRAIT_WEIGHT = 0.3;
  private static final double IDF_SCALE = 0.2;
  private static final int STEPS = 60;
  private static final int SUBSPACE = LearnedModel.DIMS + 8;
  private static final int ROUNDS = 4;
  private static final int MOST_NAMED = 1500;
  private static final int NAMED_IN = 8;

  private final Data data;
  private final List<Example> examples;
  /** Of the examples, then of the scored prompts. */
  private final PromptReading[] readings;
  private final long seed;

  private RouterTraining(Data data, long seed) {
    this.data = data;
    this.examples = data.examples();
    this.seed = seed;
    this.readings = Stream.concat(examples.stream().map(Example::prompt), data.scored().stream().map(Scored::prompt)).parallel().map(PromptReading::new).toArray(PromptReading[]::new);
  }

  /** Trains on pairs alone. @throws IllegalArgumentException for fewer than two folds or fewer than 20 examples */
  public static Trained train(List<Example> examples, long seed) {
    return train(Data.of(examples), seed);
  }

  /**
   * Trains on all, after one training per fold for the calibration.
   *
   * @throws IllegalArgumentException for fewer than two folds or fewer than 20 examples
   */
  public static Trained train(Data data, long seed) {
    int[] folds = data.examples().stream().mapToInt(Example::fold).distinct().sorted().toArray();
    if (folds.length < 2 || data.examples().size() < 20) {
      throw new IllegalArgumentException("training needs at least 2 folds and 20 examples, not " + folds.length + " and " + data.examples().size());
    }
    return new RouterTraining(data, seed).train(folds);
  }

  private Trained train(int[] folds) {
    int count = examples.size();
    boolean vectors = !data.vectors().isEmpty();
    double[] raw = new double[count];
    double[] semantic = new double[vectors ? count : 0];
    double[] others = new double[data.scored().size()];
    double[][] quality = new double[data.scored().size()][];
    double[][] usual = new double[data.scored().size()][];
    IntStream.of(folds).parallel().forEach(fold -> {
      LearnedModel model = fit(select(fold, false), scored(fold, false));
      for (int i : select(fold, true)) {
        raw[i] = model.raw(readings[i], null);
        if (vectors) {
          semantic[i] = model.raw(readings[i], data.vectors().get(i));
        }
      }
      for (int i : scored(fold, true)) {
        others[i - count] = model.raw(readings[i], null);
        quality[i - count] = model.quality.expected(model.formedPlace(readings[i]));
        usual[i - count] = IntStream.range(0, model.quality.usual.length).mapToDouble(m -> model.quality.usual[m]).toArray();
      }
    });
    LearnedModel model = fit(select(-1, false), scored(-1, false));
    model.closed = calibrate(raw, select(-1, false), true);
    model.open = calibrate(raw, select(-1, false), false);
    if (vectors) {
      model.closedSemantic = calibrate(semantic, select(-1, false), true);
      model.openSemantic = calibrate(semantic, select(-1, false), false);
    }
    for (int i = 0; i < others.length; i++) {
      others[i] = (readings[count + i].closed ? model.closed : model.open).at(others[i]);
    }
    double[][] moved = widened(model, quality, usual, folds);
    double[] loss = ease(model, moved);
    return new Trained(model, calibrated(raw, folds), vectors ? calibrated(semantic, folds) : semantic, others, moved, loss);
  }

  private double[] calibrated(double[] raw, int[] folds) {
    double[] calibrated = new double[raw.length];
    for (int fold : folds) {
      int[] rest = select(fold, false);
      LearnedModel.Curve closed = calibrate(raw, rest, true);
      LearnedModel.Curve open = calibrate(raw, rest, false);
      for (int i : select(fold, true)) {
        calibrated[i] = (readings[i].closed ? closed : open).at(raw[i]);
      }
    }
    return calibrated;
  }

  private int[] select(int fold, boolean of) {
    return IntStream.range(0, examples.size()).filter(i -> examples.get(i).fold() == fold == of).toArray();
  }

  private int[] scored(int fold, boolean of) {
    return IntStream.range(examples.size(), readings.length).filter(i -> data.scored().get(i - examples.size()).fold() == fold == of).toArray();
  }

  private LearnedModel fit(int[] of, int[] scored) {
    LearnedModel model = new LearnedModel();
    double[] gains = Arrays.stream(of).mapToDouble(i -> examples.get(i).gain()).toArray();
    double mean = Arrays.stream(gains).average().orElse(0);
    if (data.base() == null) {
      int[] seen = IntStream.concat(Arrays.stream(of), Arrays.stream(scored)).toArray();
      standardise(model, seen);
      model.traitReach = (float) TRAIT_REACH * (float) Math.sqrt(4.0 / LearnedModel.TRAITS);
      space(model, seen, idf(seen));
    } else {
      model.mean = data.base().mean;
      model.inverseDeviation = data.base().inverseDeviation;
      model.traitReach = data.base().traitReach;
      model.embedding = data.base().embedding;
      model.rowScale = data.base().rowScale;
      model.quality = data.base().quality;
      model.openHalves = data.base().openHalves.clone();
      model.ready();
    }
    linear(model, of, Arrays.stream(gains).map(gain -> gain - mean).toArray(), idf(of));
    model.bias = (float) mean;
    float[][] places = Arrays.stream(of).mapToObj(i -> model.place(readings[i])).toArray(float[][]::new);
    double[][] targets = Arrays.stream(gains).mapToObj(gain -> new double[] {gain}).toArray(double[][]::new);
    model.landmarks = Landmarks.fit(places, targets, LANDMARKS, LANDMARK_PENALTY, seed + 1);
    model.forest = Forest.fit(places, targets, TREES, LEAF, TRIED, seed + 2);
    if (!data.vectors().isEmpty()) {
      float[][] wide = Arrays.stream(of).mapToObj(i -> model.semanticPlace(readings[i], data.vectors().get(i))).toArray(float[][]::new);
      model.semantic = Landmarks.fit(wide, targets, SEMANTIC_LANDMARKS, LANDMARK_PENALTY, seed + 3);
    }
    open(model, of);
    halves(model, scored);
    if (scored.length > 0) {
      model.quality = quality(model, scored);
    }
    shares(model, of);
    return model.ready();
  }

  private void shares(LearnedModel model, int[] of) {
    model.shares = new float[] {0.4f, 0.6f, 0.7f, 0.7f, 1, 1, 1, model.problemsOnly ? 0 : 1, model.problemsOnly ? 0 : 0.5f, model.problemsOnly ? 1 : 0};
    int[] open = Arrays.stream(of).filter(i -> !readings[i].closed).toArray();
    spread(model, Member.LINEAR, Arrays.stream(of).mapToDouble(i -> model.linear(readings[i])));
    spread(model, Member.LANDMARKS, Arrays.stream(of).mapToDouble(i -> model.landmarks.of(model.place(readings[i]))));
    spread(model, Member.FOREST, Arrays.stream(of).mapToDouble(i -> model.forest.of(model.place(readings[i]))));
    spread(model, Member.OPEN_LENGTH, Arrays.stream(open).mapToDouble(i -> readings[i].openLength));
    spread(model, Member.OPEN_TRAITS, Arrays.stream(open).mapToDouble(i -> model.openTraits(readings[i])));
    spread(model, Member.OPEN_WORDS, Arrays.stream(open).mapToDouble(i -> model.openWords(readings[i])));
    spread(model, Member.OPEN_HALVES, Arrays.stream(open).mapToDouble(i -> model.openHalves(readings[i])));
    spread(model, Member.OPEN_LEARNED, Arrays.stream(open).mapToDouble(i -> model.learned(readings[i])));
    boolean vectors = !data.vectors().isEmpty();
    spread(model, Member.SEMANTIC, Arrays.stream(vectors ? of : new int[0]).mapToDouble(i -> model.semantic(readings[i], data.vectors().get(i))));
    spread(model, Member.OPEN_SEMANTIC, Arrays.stream(vectors ? open : new int[0]).mapToDouble(i -> model.semantic(readings[i], data.vectors().get(i))));
  }

  private static void spread(LearnedModel model, Member member, DoubleStream stream) {
    double[] values = stream.toArray();
    double mean = Arrays.stream(values).average().orElse(0);
    double variance = Arrays.stream(values).map(value -> (value - mean) * (value - mean)).average().orElse(1);
    model.members[2 * member.ordinal()] = (float) mean;
    model.members[2 * member.ordinal() + 1] = variance > 1e-12 ? (float) Math.sqrt(variance) : 1;
  }

  /** What moves open questions beyond their length: one ridge over their traits and one over the words they have. */
  private void open(LearnedModel model, int[] of) {
    int[] open = Arrays.stream(of).filter(i -> !readings[i].closed).toArray();
    if (open.length == 0) {
      return;
    }
    int traits = LearnedModel.TRAITS;
    double mean = Arrays.stream(open).mapToDouble(i -> examples.get(i).gain()).average().orElse(0);
    model.problemsOnly = Arrays.stream(open).filter(i -> readings[i].wordProblem).count() >= NEARLY_ALL * open.length;
    for (int trait = 0; trait < traits; trait++) {
      int of1 = trait;
      double usual = Arrays.stream(open).mapToDouble(i -> readings[i].traits[of1]).average().orElse(0);
      double variance = Arrays.stream(open).mapToDouble(i -> (readings[i].traits[of1] - usual) * (readings[i].traits[of1] - usual)).average().orElse(0);
      model.openTraits[trait] = (float) usual;
      model.openTraits[traits + trait] = variance > 1e-9 ? (float) (1 / Math.sqrt(variance)) : 0;
    }
    double[][] gains = Arrays.stream(open).mapToObj(i -> new double[] {examples.get(i).gain()}).toArray(double[][]::new);
    double[] byTrait = Ridge.fit(i -> IntStream.range(0, traits).mapToDouble(trait -> model.openStandard(readings[open[i]], trait)).toArray(), gains, new double[] {mean}, Ridge.alike(traits, OPEN_TRAIT_PENALTY))[0];
    for (int trait = 0; trait < traits; trait++) {
      model.openTraits[2 * traits + trait] = (float) byTrait[trait];
    }
    int[] found = new int[PromptReading.WORD_BUCKETS];
    int[][] columns = new int[open.length][];
    float[][] values = new float[open.length][];
    for (int i = 0; i < open.length; i++) {
      columns[i] = Arrays.stream(readings[open[i]].words, 0, readings[open[i]].wordCount).distinct().sorted().toArray();
      for (int word : columns[i]) {
        found[word]++;
      }
    }
    for (int i = 0; i < open.length; i++) {
      columns[i] = Arrays.stream(columns[i]).filter(word -> found[word] >= OPEN_WORD_IN).toArray();
      values[i] = new float[columns[i].length];
      Arrays.fill(values[i], 1);
    }
    double[] weights = ridge(new Rows(columns, values), Arrays.stream(open).mapToDouble(i -> examples.get(i).gain() - mean).toArray(), PromptReading.WORD_BUCKETS, OPEN_WORD_PENALTY);
    for (int word = 0; word < weights.length; word++) {
      model.openWords[word] = (float) weights[word];
    }
  }

  /** What the words of a word problem tell of the better half of the scored models against the others: fewer prompts than pairs, but each was answered by all of them, which says more than one pair's luck. */
  private void halves(LearnedModel model, int[] scored) {
    int[] problems = Arrays.stream(scored).filter(i -> readings[i].wordProblem).toArray();
    int models = data.models().size();
    if (problems.length < 20 || models < 2) {
      return;
    }
    double[] usual = new double[models];
    for (int i : scored) {
      for (int m = 0; m < models; m++) {
        usual[m] += data.scored().get(i - examples.size()).scores()[m];
      }
    }
    double median = Arrays.stream(usual).sorted().toArray()[models / 2];
    double better = Arrays.stream(usual).filter(score -> score >= median).count();
    if (better == models) {
      return;
    }
    double[] gains = new double[problems.length];
    for (int i = 0; i < problems.length; i++) {
      double[] scores = data.scored().get(problems[i] - examples.size()).scores();
      for (int m = 0; m < models; m++) {
        gains[i] += usual[m] >= median ? scores[m] / better : -scores[m] / (models - better);
      }
    }
    double mean = Arrays.stream(gains).average().orElse(0);
    int[] found = new int[PromptReading.WORD_BUCKETS];
    int[][] columns = new int[problems.length][];
    float[][] values = new float[problems.length][];
    for (int i = 0; i < problems.length; i++) {
      columns[i] = Arrays.stream(readings[problems[i]].words, 0, readings[problems[i]].wordCount).distinct().sorted().toArray();
      for (int word : columns[i]) {
        found[word]++;
      }
    }
    double squares = 0;
    for (int i = 0; i < problems.length; i++) {
      columns[i] = Arrays.stream(columns[i]).filter(word -> found[word] >= 2).toArray();
      values[i] = new float[columns[i].length];
      for (int k = 0; k < values[i].length; k++) {
        values[i][k] = (float) (Math.log((1.0 + problems.length) / (1 + found[columns[i][k]])) + 1);
        squares += values[i][k] * values[i][k] / problems.length;
      }
    }
    double[] weights = ridge(new Rows(columns, values), Arrays.stream(gains).map(gain -> gain - mean).toArray(), PromptReading.WORD_BUCKETS, HALVES_PENALTY * squares);
    for (int word = 0; word < weights.length; word++) {
      model.openHalves[word] = found[word] < 2 ? 0 : (float) (weights[word] * (Math.log((1.0 + problems.length) / (1 + found[word])) + 1));
    }
  }

  private QualityModel quality(LearnedModel model, int[] of) {
    float[][] places = Arrays.stream(of).mapToObj(i -> model.formedPlace(readings[i])).toArray(float[][]::new);
    double[][] targets = Arrays.stream(of).mapToObj(i -> data.scored().get(i - examples.size()).scores()).toArray(double[][]::new);
    float[] usual = new float[data.models().size()];
    for (int m = 0; m < usual.length; m++) {
      int of1 = m;
      usual[m] = (float) Arrays.stream(targets).mapToDouble(target -> target[of1]).average().orElse(0);
    }
    return new QualityModel(data.models().toArray(String[]::new), usual, Forest.fit(places, targets, QUALITY_TREES, QUALITY_LEAF, TRIED, seed + 4),
        Kinds.fit(places, targets, KINDS, seed + 6), Profiles.fit(places, targets, PROFILES, seed + 7), 1, 1);
  }

  /**
   * By how much the expected scores must lie further from the usual ones to fit best: least squares over what was said out of fold, kept for the model.
   *
   * @return the expected scores out of fold, moved as the other folds want it
   */
  private double[][] widened(LearnedModel model, double[][] quality, double[][] usual, int[] folds) {
    if (model.quality == null || quality.length == 0) {
      return quality;
    }
    double[][] moved = new double[quality.length][];
    for (int fold : folds) {
      double by = widening(quality, usual, scored(fold, false));
      for (int i : scored(fold, true)) {
        double[] expected = quality[i - examples.size()];
        double[] around = usual[i - examples.size()];
        moved[i - examples.size()] = IntStream.range(0, expected.length).mapToDouble(m -> around[m] + by * (expected[m] - around[m])).toArray();
      }
    }
    model.quality = model.quality.with(widening(quality, usual, scored(-1, false)), model.quality.slope);
    return moved;
  }

  private double widening(double[][] quality, double[][] usual, int[] of) {
    double both = 0;
    double squares = 0;
    for (int i : of) {
      double[] expected = quality[i - examples.size()];
      double[] around = usual[i - examples.size()];
      double[] scores = data.scored().get(i - examples.size()).scores();
      for (int m = 0; m < scores.length; m++) {
        both += (expected[m] - around[m]) * (scores[m] - around[m]);
        squares += (expected[m] - around[m]) * (expected[m] - around[m]);
      }
    }
    return squares > 1e-9 ? Math.max(0, both / squares) : 1;
  }

  /** How far a model moves with the ease that the others see in a prompt: the slope with the least log loss over models left out in turn. */
  private double[] ease(LearnedModel model, double[][] quality) {
    QualityModel trained = model.quality;
    if (trained == null || quality.length == 0) {
      return new double[0];
    }
    double bestSlope = 0;
    double best = Double.POSITIVE_INFINITY;
    double plain = 0;
    for (int step = 0; step <= 30; step++) {
      double slope = step / 20.0;
      double loss = 0;
      for (int i = 0; i < quality.length; i++) {
        for (int m = 0; m < trained.names.length; m++) {
          double chance = QualityModel.logistic(QualityModel.logit(trained.usual[m]) + slope * QualityModel.ease(quality[i], trained.usual, m));
          double score = data.scored().get(i).scores()[m];
          loss -= (score * Math.log(chance) + (1 - score) * Math.log(1 - chance)) / quality.length / trained.names.length;
        }
      }
      plain = step == 0 ? loss : plain;
      if (loss < best) {
        best = loss;
        bestSlope = slope;
      }
    }
    model.quality = trained.with(trained.spread, bestSlope);
    return new double[] {plain, best};
  }

  private void standardise(LearnedModel model, int[] of) {
    for (int trait = 0; trait < LearnedModel.TRAITS; trait++) {
      double sum = 0;
      double squares = 0;
      for (int i : of) {
        sum += readings[i].traits[trait];
        squares += (double) readings[i].traits[trait] * readings[i].traits[trait];
      }
      double mean = sum / of.length;
      double variance = squares / of.length - mean * mean;
      model.mean[trait] = (float) mean;
      model.inverseDeviation[trait] = variance > 1e-9 ? (float) (1 / Math.sqrt(variance)) : 0;
    }
  }

  /** Rare grams weigh more; those of a single prompt are left out. */
  private double[] idf(int[] of) {
    int[] found = new int[PromptReading.BUCKETS];
    int[] lastSeen = new int[PromptReading.BUCKETS];
    Arrays.fill(lastSeen, -1);
    for (int i : of) {
      for (int[][] block : blocks(readings[i])) {
        for (int bucket : block[0]) {
          if (lastSeen[bucket] != i) {
            lastSeen[bucket] = i;
            found[bucket]++;
          }
        }
      }
    }
    double[] idf = new double[found.length];
    for (int bucket = 0; bucket < idf.length; bucket++) {
      idf[bucket] = found[bucket] < 2 ? 0 : Math.log((1.0 + of.length) / (1 + found[bucket])) + 1;
    }
    return idf;
  }

  /** Words, runs and pairs, each cut to its count. */
  private static int[][][] blocks(PromptReading reading) {
    return new int[][][] {{Arrays.copyOf(reading.words, reading.wordCount)}, {Arrays.copyOf(reading.runs, reading.runCount)}, {Arrays.copyOf(reading.pairs, reading.pairCount)}};
  }

  /** Sparse rows: columns in order and their values. */
  private record Rows(int[][] columns, float[][] values) {
    void multiply(double[] by, double[] into) {
      for (int i = 0; i < columns.length; i++) {
        double sum = 0;
        for (int k = 0; k < columns[i].length; k++) {
          sum += values[i][k] * by[columns[i][k]];
        }
        into[i] = sum;
      }
    }

    void multiplyTransposed(double[] by, double[] into) {
      Arrays.fill(into, 0);
      for (int i = 0; i < columns.length; i++) {
        for (int k = 0; k < columns[i].length; k++) {
          into[columns[i][k]] += values[i][k] * by[i];
        }
      }
    }
  }

  private void linear(LearnedModel model, int[] of, double[] gains, double[] idf) {
    int width = PromptReading.BUCKETS + LearnedModel.TRAITS;
    double traitScale = Math.sqrt(TRAIT_WEIGHT / LearnedModel.TRAITS);
    int[][] columns = new int[of.length][];
    float[][] values = new float[of.length][];
    for (int i = 0; i < of.length; i++) {
      PromptReading reading = readings[of[i]];
      TreeMap<Integer, Double> row = new TreeMap<>();
      int[][][] blocks = blocks(reading);
      double words = IDF_SCALE / Math.sqrt(1 + reading.wordCount + reading.pairCount);
      double[] scale = {words, IDF_SCALE / Math.sqrt(1 + reading.runCount), words};
      for (int block = 0; block < 3; block++) {
        for (int bucket : blocks[block][0]) {
          if (idf[bucket] > 0) {
            row.merge(bucket, idf[bucket] * scale[block], Double::sum);
          }
        }
      }
      for (int trait = 0; trait < LearnedModel.TRAITS; trait++) {
        row.put(PromptReading.BUCKETS + trait, traitScale * model.standard(reading, trait));
      }
      columns[i] = row.keySet().stream().mapToInt(Integer::intValue).toArray();
      values[i] = new float[columns[i].length];
      int k = 0;
      for (double value : row.values()) {
        values[i][k++] = (float) value;
      }
    }
    double[] weights = ridge(new Rows(columns, values), gains, width, LINEAR_PENALTY);
    double largest = 1e-12;
    for (int bucket = 0; bucket < PromptReading.BUCKETS; bucket++) {
      weights[bucket] *= idf[bucket] * IDF_SCALE;
      largest = Math.max(largest, Math.abs(weights[bucket]));
    }
    model.gramScale = (float) (largest / Short.MAX_VALUE);
    for (int bucket = 0; bucket < PromptReading.BUCKETS; bucket++) {
      model.gramWeights[bucket] = (short) Math.round(weights[bucket] / largest * Short.MAX_VALUE);
    }
    for (int trait = 0; trait < LearnedModel.TRAITS; trait++) {
      model.traitWeights[trait] = (float) (weights[PromptReading.BUCKETS + trait] * traitScale);
    }
    model.named = named(of, model);
  }

  private static double[] ridge(Rows rows, double[] target, int width, double penalty) {
    double[] weights = new double[width];
    double[] rest = new double[width];
    rows.multiplyTransposed(target, rest);
    double[] direction = rest.clone();
    double[] image = new double[target.length];
    double[] back = new double[width];
    double norm = dot(rest, rest);
    double enough = norm * 1e-8;
    for (int step = 0; step < STEPS && norm > enough && norm > 0; step++) {
      rows.multiply(direction, image);
      rows.multiplyTransposed(image, back);
      for (int j = 0; j < width; j++) {
        back[j] += penalty * direction[j];
      }
      double length = norm / dot(direction, back);
      for (int j = 0; j < width; j++) {
        weights[j] += length * direction[j];
        rest[j] -= length * back[j];
      }
      double next = dot(rest, rest);
      for (int j = 0; j < width; j++) {
        direction[j] = rest[j] + next / norm * direction[j];
      }
      norm = next;
    }
    return weights;
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  /** Words that may be named as reasons: common in the training questions and of weight. */
  private String[] named(int[] of, LearnedModel model) {
    TreeMap<String, Integer> found = new TreeMap<>();
    for (int i : of) {
      PromptReading reading = readings[i];
      IntStream.range(0, reading.wordCount).mapToObj(k -> reading.word(reading.wordAt[k])).filter(word -> word.length() > 1 && word.chars().allMatch(Character::isLetter)).distinct()
          .forEach(word -> found.merge(word, 1, Integer::sum));
    }
    // the strongest first, one per bucket
    TreeMap<Integer, String> byBucket = new TreeMap<>();
    found.forEach((word, count) -> {
      int bucket = PromptReading.hash(word) >>> 7 & PromptReading.WORD_BUCKETS - 1;
      String other = byBucket.get(bucket);
      if (count >= NAMED_IN && (other == null || found.get(other) < count)) {
        byBucket.put(bucket, word);
      }
    });
    List<Integer> buckets = new ArrayList<>(byBucket.keySet());
    buckets.sort(Comparator.<Integer>comparingInt(bucket -> -Math.abs(model.gramWeights[bucket])).thenComparing(Comparator.naturalOrder()));
    return buckets.stream().limit(MOST_NAMED).map(byBucket::get).sorted().toArray(String[]::new);
  }

  /** The grams' coordinates, so that prompts about the same things lie close. */
  private void space(LearnedModel model, int[] of, double[] idf) {
    int[][] columns = new int[of.length][];
    float[][] values = new float[of.length][];
    double[] usual = new double[2];
    for (int i = 0; i < of.length; i++) {
      PromptReading reading = readings[of[i]];
      int[][][] blocks = blocks(reading);
      TreeMap<Integer, Double> row = new TreeMap<>();
      for (int block = 0; block < 2; block++) {
        TreeMap<Integer, Integer> counts = new TreeMap<>();
        for (int bucket : blocks[block][0]) {
          if (idf[bucket] > 0) {
            counts.merge(bucket, 1, Integer::sum);
          }
        }
        double norm = 1e-9;
        for (var entry : counts.entrySet()) {
          double value = idf[entry.getKey()] * (1 + Math.log(entry.getValue()));
          norm += value * value;
        }
        norm = Math.sqrt(norm);
        usual[block] += 1 / Math.max(1, norm) / of.length;
        for (var entry : counts.entrySet()) {
          row.put(entry.getKey(), idf[entry.getKey()] * (1 + Math.log(entry.getValue())) / norm);
        }
      }
      columns[i] = row.keySet().stream().mapToInt(Integer::intValue).toArray();
      values[i] = new float[columns[i].length];
      int k = 0;
      for (double value : row.values()) {
        values[i][k++] = (float) value;
      }
    }
    SplittableRandom random = new SplittableRandom(seed);
    float[] basis = new float[of.length * SUBSPACE];
    for (int i = 0; i < basis.length; i++) {
      basis[i] = (float) (random.nextDouble() + random.nextDouble() - 1);
    }
    float[] grams = new float[LearnedModel.EMBEDDED * SUBSPACE];
    for (int round = 0; round < ROUNDS; round++) {
      orthonormalise(basis, of.length);
      toGrams(columns, values, basis, grams);
      Arrays.fill(basis, 0);
      for (int i = 0; i < columns.length; i++) {
        for (int k = 0; k < columns[i].length; k++) {
          float value = values[i][k];
          int row = columns[i][k] * SUBSPACE;
          for (int j = 0; j < SUBSPACE; j++) {
            basis[i * SUBSPACE + j] += value * grams[row + j];
          }
        }
      }
    }
    orthonormalise(basis, of.length);
    toGrams(columns, values, basis, grams);
    double[][] square = new double[SUBSPACE][SUBSPACE];
    for (int row = 0; row < LearnedModel.EMBEDDED; row++) {
      for (int a = 0; a < SUBSPACE; a++) {
        float value = grams[row * SUBSPACE + a];
        if (value != 0) {
          for (int b = 0; b <= a; b++) {
            square[a][b] += value * grams[row * SUBSPACE + b];
          }
        }
      }
    }
    double[][] vectors = new double[SUBSPACE][SUBSPACE];
    double[] roots = eigen(square, vectors);
    Integer[] order = IntStream.range(0, SUBSPACE).boxed().sorted(Comparator.comparingDouble(a -> -roots[a])).toArray(Integer[]::new);
    for (int row = 0; row < LearnedModel.EMBEDDED; row++) {
      double[] coordinates = new double[LearnedModel.DIMS];
      double largest = 0;
      for (int j = 0; j < LearnedModel.DIMS; j++) {
        int of1 = order[j];
        double sum = 0;
        for (int a = 0; a < SUBSPACE; a++) {
          sum += grams[row * SUBSPACE + a] * vectors[a][of1];
        }
        // singular value s = sqrt(root): the gram's vector is sum / s, its reach s^-0.5
        coordinates[j] = roots[of1] < 1e-9 ? 0 : sum * Math.pow(roots[of1], -0.75) * idf[row] * usual[row < PromptReading.CHAR_START ? 0 : 1];
        largest = Math.max(largest, Math.abs(coordinates[j]));
      }
      model.rowScale[row] = (float) (largest / 127);
      for (int j = 0; j < LearnedModel.DIMS && largest > 0; j++) {
        model.embedding[row * LearnedModel.DIMS + j] = (byte) Math.round(coordinates[j] / largest * 127);
      }
    }
    model.ready();
  }

  private static void toGrams(int[][] columns, float[][] values, float[] basis, float[] grams) {
    Arrays.fill(grams, 0);
    for (int i = 0; i < columns.length; i++) {
      for (int k = 0; k < columns[i].length; k++) {
        float value = values[i][k];
        int row = columns[i][k] * SUBSPACE;
        for (int j = 0; j < SUBSPACE; j++) {
          grams[row + j] += value * basis[i * SUBSPACE + j];
        }
      }
    }
  }

  /** Gram-Schmidt on columns, twice for exactness. */
  private static void orthonormalise(float[] basis, int rows) {
    double[][] columns = new double[SUBSPACE][rows];
    for (int j = 0; j < SUBSPACE; j++) {
      for (int i = 0; i < rows; i++) {
        columns[j][i] = basis[i * SUBSPACE + j];
      }
      for (int pass = 0; pass < 2; pass++) {
        for (int before = 0; before < j; before++) {
          double part = dot(columns[j], columns[before]);
          for (int i = 0; i < rows; i++) {
            columns[j][i] -= part * columns[before][i];
          }
        }
      }
      double norm = Math.sqrt(dot(columns[j], columns[j]));
      for (int i = 0; i < rows; i++) {
        columns[j][i] = norm > 1e-9 ? columns[j][i] / norm : 0;
        basis[i * SUBSPACE + j] = (float) columns[j][i];
      }
    }
  }

  /** Eigenvalues of a symmetric matrix given by its lower half, by Jacobi rotations; vectors in columns. */
  private static double[] eigen(double[][] matrix, double[][] vectors) {
    int size = matrix.length;
    for (int a = 0; a < size; a++) {
      vectors[a][a] = 1;
      for (int b = 0; b < a; b++) {
        matrix[b][a] = matrix[a][b];
      }
    }
    for (int sweep = 0; sweep < 30; sweep++) {
      for (int p = 0; p < size; p++) {
        for (int q = p + 1; q < size; q++) {
          if (Math.abs(matrix[p][q]) < 1e-12) {
            continue;
          }
          double theta = (matrix[q][q] - matrix[p][p]) / (2 * matrix[p][q]);
          double t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
          double c = 1 / Math.sqrt(t * t + 1);
          double s = t * c;
          for (int k = 0; k < size; k++) {
            double kp = matrix[k][p];
            double kq = matrix[k][q];
            matrix[k][p] = c * kp - s * kq;
            matrix[k][q] = s * kp + c * kq;
          }
          for (int k = 0; k < size; k++) {
            double pk = matrix[p][k];
            double qk = matrix[q][k];
            matrix[p][k] = c * pk - s * qk;
            matrix[q][k] = s * pk + c * qk;
            double vp = vectors[k][p];
            double vq = vectors[k][q];
            vectors[k][p] = c * vp - s * vq;
            vectors[k][q] = s * vp + c * vq;
          }
        }
      }
    }
    double[] roots = new double[size];
    for (int a = 0; a < size; a++) {
      roots[a] = matrix[a][a];
    }
    return roots;
  }

  /** Chances of needing the strong model by score: groups of equal size, made to rise by pooling neighbours, then by a hair where they are level. */
  private LearnedModel.Curve calibrate(double[] raw, int[] of, boolean closed) {
    int[] sorted = Arrays.stream(of).filter(i -> readings[i].closed == closed).boxed().sorted(Comparator.<Integer>comparingDouble(i -> raw[i]).thenComparing(Comparator.naturalOrder()))
        .mapToInt(Integer::intValue).toArray();
    if (sorted.length < 4) {
      return LearnedModel.Curve.EMPTY;
    }
    int groups = Math.max(2, Math.min(20, sorted.length / 130));
    List<double[]> pools = new ArrayList<>(); // score, chance, weight
    for (int group = 0; group < groups; group++) {
      int from = (int) ((long) sorted.length * group / groups);
      int to = (int) ((long) sorted.length * (group + 1) / groups);
      double score = 0;
      double needs = 0.5;
      for (int k = from; k < to; k++) {
        score += raw[sorted[k]] / (to - from);
        needs += examples.get(sorted[k]).needsStrong() ? 1 : 0;
      }
      pools.add(new double[] {score, needs / (to - from + 1), to - from});
      while (pools.size() > 1 && pools.get(pools.size() - 2)[1] >= pools.get(pools.size() - 1)[1]) {
        double[] last = pools.remove(pools.size() - 1);
        double[] first = pools.get(pools.size() - 1);
        double weight = first[2] + last[2];
        first[0] = (first[0] * first[2] + last[0] * last[2]) / weight;
        first[1] = (first[1] * first[2] + last[1] * last[2]) / weight;
        first[2] = weight;
      }
    }
    float[] x = new float[pools.size()];
    float[] y = new float[pools.size()];
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) pools.get(i)[0];
      y[i] = (float) pools.get(i)[1];
      if (i > 0 && x[i] <= x[i - 1]) {
        x[i] = Math.nextUp(x[i - 1]);
      }
    }
    return new LearnedModel.Curve(x, y);
  }
}
