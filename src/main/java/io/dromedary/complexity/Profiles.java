package io.dromedary.complexity;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Kinds of prompts, found by what models score at them: each kind is a profile of scores, and a prompt's place tells by a softmax how likely it is of each (regression on latent classes, Dayton and Macready 1988). The
 * expected scores are the profiles' mean by those chances; several mixtures of more and fewer profiles are averaged. Immutable once fitted or read.
 *
 * <p>Fitted by expectation and maximisation, begun with kinds by place alone; the softmax climbs by Böhning's bound (1992), which has one matrix to factor for all steps.
 */
final class Profiles {
  private static final int ROUNDS = 10;
  private static final int STEPS = 10;
  private static final int LAST_STEPS = 40;
  private static final double PENALTY = 30;
  /** A profile is drawn towards the mean of all as if by so many more examples. */
  private static final double DRAWN = 5;
  /** Examples that a profile has on average, at least. */
  private static final int FEWEST = 10;
  private static final double LEAST_CHANCE = 0.01;

  private final int width;
  /** How many profiles each mixture has. */
  private final int[] sizes;
  private final int count;
  /** Column by column: all profiles' weights of the first coordinate, then of the second one. */
  private final float[] gate;
  private final float[] bias;
  /** Profile by profile. */
  private final float[] values;

  private Profiles(int width, int[] sizes, float[] gate, float[] bias, float[] values) {
    this.width = width;
    this.sizes = sizes;
    this.count = bias.length;
    this.gate = gate;
    this.bias = bias;
    this.values = values;
  }

  /** Adds the mean of the mixtures to each output. */
  void add(float[] place, double[] out) {
    float[] chance = bias.clone();
    Columns.add(chance, gate, place);
    int from = 0;
    for (int size : sizes) {
      float most = Float.NEGATIVE_INFINITY;
      for (int i = from; i < from + size; i++) {
        most = Math.max(most, chance[i]);
      }
      float sum = 0;
      for (int i = from; i < from + size; i++) {
        chance[i] = Landmarks.exp(chance[i] - most);
        sum += chance[i];
      }
      float scale = 1 / (sum * sizes.length);
      for (int i = from; i < from + size; i++) {
        for (int output = 0; output < out.length; output++) {
          out[output] += scale * chance[i] * values[i * out.length + output];
        }
      }
      from += size;
    }
  }

  /**
   * Finds profiles.
   *
   * @param places one row an example
   * @param targets per example one value per output, 0 to 1
   * @param sizes how many profiles each mixture has, at most
   */
  static Profiles fit(float[][] places, double[][] targets, int[] sizes, long seed) {
    int width = places[0].length;
    int outputs = targets[0].length;
    int[] held = Arrays.stream(sizes).map(size -> Math.max(1, Math.min(size, places.length / FEWEST))).toArray();
    double[][] rows = new double[places.length][width + 1];
    double[] usual = new double[width];
    double[] inverse = new double[width];
    for (int column = 0; column < width; column++) {
      int of = column;
      usual[column] = Arrays.stream(places).mapToDouble(place -> place[of]).average().orElse(0);
      double variance = Arrays.stream(places).mapToDouble(place -> (place[of] - usual[of]) * (place[of] - usual[of])).average().orElse(0);
      inverse[column] = variance > 1e-9 ? 1 / Math.sqrt(variance) : 0;
      for (int i = 0; i < rows.length; i++) {
        rows[i][column] = Math.max(-4, Math.min(4, (places[i][column] - usual[column]) * inverse[column]));
        rows[i][width] = 1;
      }
    }
    Mixture[] mixtures = IntStream.range(0, held.length).parallel().mapToObj(mixture -> new Mixture(rows, targets).fit(Kinds.divide(places, held[mixture], new SplittableRandom(seed + 7919L * mixture)), places)).toArray(Mixture[]::new);
    int count = Arrays.stream(held).sum();
    float[] gate = new float[width * count];
    float[] bias = new float[count];
    float[] values = new float[count * outputs];
    int at = 0;
    for (Mixture mixture : mixtures) {
      for (int k = 0; k < mixture.weights.length; k++, at++) {
        double start = mixture.weights[k][width];
        for (int column = 0; column < width; column++) {
          gate[column * count + at] = (float) (mixture.weights[k][column] * inverse[column]);
          start -= mixture.weights[k][column] * inverse[column] * usual[column];
        }
        bias[at] = (float) start;
        for (int output = 0; output < outputs; output++) {
          values[at * outputs + output] = (float) mixture.profiles[k][output];
        }
      }
    }
    return new Profiles(width, held, gate, bias, values);
  }

  /** One mixture in the making. */
  private static final class Mixture {
    private final double[][] rows;
    private final double[][] targets;
    private final double[] mean;
    private final double[][] bound;
    /** Profile by profile. */
    private double[][] weights = new double[0][];
    private double[][] profiles = new double[0][];

    /** @param rows standardised, with a 1 at the end */
    Mixture(double[][] rows, double[][] targets) {
      this.rows = rows;
      this.targets = targets;
      this.mean = Ridge.means(targets);
      int width = rows[0].length;
      bound = Ridge.alike(width, PENALTY);
      bound[width - 1][width - 1] = 1e-3;
      for (double[] row : rows) {
        for (int a = 0; a < width; a++) {
          for (int b = 0; b <= a; b++) {
            bound[a][b] += row[a] * row[b] / 2;
          }
        }
      }
      Ridge.factor(bound);
    }

    Mixture fit(float[][] centres, float[][] places) {
      int size = centres.length;
      double[][] share = new double[rows.length][size];
      for (int i = 0; i < rows.length; i++) {
        share[i][Kinds.nearest(centres, places[i])] = 1;
      }
      weights = new double[size][rows[0].length];
      for (int round = 0; round < ROUNDS; round++) {
        climb(share, STEPS);
        average(share);
        for (int i = 0; i < rows.length; i++) {
          share[i] = chances(rows[i], targets[i]);
        }
      }
      climb(share, LAST_STEPS);
      average(share);
      return this;
    }

    /** The softmax towards the shares. */
    private void climb(double[][] share, int steps) {
      int width = rows[0].length;
      for (int step = 0; step < steps; step++) {
        double[][] rise = new double[weights.length][width];
        for (int i = 0; i < rows.length; i++) {
          double[] chance = chances(rows[i], null);
          for (int k = 0; k < weights.length; k++) {
            double by = share[i][k] - chance[k];
            double[] of = rise[k];
            double[] row = rows[i];
            for (int column = 0; column < width; column++) {
              of[column] += by * row[column];
            }
          }
        }
        for (int k = 0; k < weights.length; k++) {
          for (int column = 0; column < width - 1; column++) {
            rise[k][column] -= PENALTY * weights[k][column];
          }
          Ridge.solve(bound, rise[k]);
          for (int column = 0; column < width; column++) {
            weights[k][column] += rise[k][column];
          }
        }
      }
    }

    private void average(double[][] share) {
      profiles = new double[weights.length][mean.length];
      for (int k = 0; k < weights.length; k++) {
        double members = DRAWN;
        for (int output = 0; output < mean.length; output++) {
          profiles[k][output] = DRAWN * mean[output];
        }
        for (int i = 0; i < rows.length; i++) {
          members += share[i][k];
          for (int output = 0; output < mean.length; output++) {
            profiles[k][output] += share[i][k] * targets[i][output];
          }
        }
        for (int output = 0; output < mean.length; output++) {
          profiles[k][output] /= members;
        }
      }
    }

    /** How likely each profile is, by the row alone or by what was scored there too. */
    private double[] chances(double[] row, double @Nullable [] scored) {
      double[] chance = new double[weights.length];
      double most = Double.NEGATIVE_INFINITY;
      for (int k = 0; k < chance.length; k++) {
        double sum = 0;
        for (int column = 0; column < row.length; column++) {
          sum += weights[k][column] * row[column];
        }
        for (int output = 0; scored != null && output < scored.length; output++) {
          double expected = Math.max(LEAST_CHANCE, Math.min(1 - LEAST_CHANCE, profiles[k][output]));
          sum += scored[output] * Math.log(expected) + (1 - scored[output]) * Math.log(1 - expected);
        }
        chance[k] = sum;
        most = Math.max(most, sum);
      }
      double all = 0;
      for (int k = 0; k < chance.length; k++) {
        chance[k] = Math.exp(chance[k] - most);
        all += chance[k];
      }
      for (int k = 0; k < chance.length; k++) {
        chance[k] /= all;
      }
      return chance;
    }
  }

  void write(DataOutputStream data) throws IOException {
    Kinds.write(data, width, values.length / count, sizes);
    LearnedModel.write(data, gate);
    LearnedModel.write(data, bias);
    LearnedModel.write(data, values);
  }

  static Profiles read(DataInputStream data, int width, int outputs) throws IOException {
    int[] sizes = Kinds.sizes(data, width, outputs);
    int count = Arrays.stream(sizes).sum();
    float[] gate = new float[width * count];
    float[] bias = new float[count];
    float[] values = new float[outputs * count];
    LearnedModel.fill(data, gate);
    LearnedModel.fill(data, bias);
    LearnedModel.fill(data, values);
    return new Profiles(width, sizes, gate, bias, values);
  }
}
