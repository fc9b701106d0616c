package io.dromedary.complexity;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Kinds of prompts, found by their places alone (k-means, Lloyd 1982, begun as Arthur and Vassilvitskii 2007 do) in several divisions, from coarse to fine. They answer by the mean of what the kinds that a place falls
 * into score, one a division. Immutable once fitted or read.
 */
final class Kinds {
  private static final int ROUNDS = 25;
  /** A kind's mean is drawn towards that of all as if by so many more examples. */
  private static final double DRAWN = 5;
  /** Examples that a kind has on average, at least. */
  private static final int FEWEST = 10;

  private final int width;
  /** How many kinds each division has. */
  private final int[] sizes;
  private final int count;
  /** Column by column: all centres' first coordinates, then all second ones. */
  private final float[] at;
  /** Centre by centre. */
  private final float[] values;
  private final float[] halfNorms;

  private Kinds(int width, int[] sizes, float[] at, float[] values) {
    this.width = width;
    this.sizes = sizes;
    this.count = Arrays.stream(sizes).sum();
    this.at = at;
    this.values = values;
    this.halfNorms = new float[count];
    for (int column = 0; column < width; column++) {
      for (int i = 0; i < count; i++) {
        float value = at[column * count + i];
        halfNorms[i] += value * value / 2;
      }
    }
  }

  /** Adds the mean of the divisions to each output. */
  void add(float[] place, double[] out) {
    float[] near = new float[count];
    for (int i = 0; i < near.length; i++) {
      near[i] = -halfNorms[i];
    }
    Columns.add(near, at, place);
    int from = 0;
    for (int size : sizes) {
      int nearest = from;
      for (int i = from + 1; i < from + size; i++) {
        if (near[i] > near[nearest]) {
          nearest = i;
        }
      }
      for (int output = 0; output < out.length; output++) {
        out[output] += values[nearest * out.length + output] / sizes.length;
      }
      from += size;
    }
  }

  /**
   * Finds kinds.
   *
   * @param places one row an example
   * @param targets per example one value per output
   * @param sizes how many kinds each division has, at most
   */
  static Kinds fit(float[][] places, double[][] targets, int[] sizes, long seed) {
    int width = places[0].length;
    int outputs = targets[0].length;
    int[] held = Arrays.stream(sizes).map(size -> Math.max(1, Math.min(size, places.length / FEWEST))).toArray();
    float[][][] centres = IntStream.range(0, held.length).parallel().mapToObj(division -> divide(places, held[division], new SplittableRandom(seed + 7919L * division))).toArray(float[][][]::new);
    int count = Arrays.stream(held).sum();
    float[] at = new float[width * count];
    float[] values = new float[count * outputs];
    double[] mean = Ridge.means(targets);
    int from = 0;
    for (float[][] division : centres) {
      double[][] sums = new double[division.length][outputs];
      int[] members = new int[division.length];
      for (int i = 0; i < places.length; i++) {
        int kind = nearest(division, places[i]);
        members[kind]++;
        for (int output = 0; output < outputs; output++) {
          sums[kind][output] += targets[i][output];
        }
      }
      for (int kind = 0; kind < division.length; kind++) {
        for (int column = 0; column < width; column++) {
          at[column * count + from + kind] = division[kind][column];
        }
        for (int output = 0; output < outputs; output++) {
          values[(from + kind) * outputs + output] = (float) ((sums[kind][output] + DRAWN * mean[output]) / (members[kind] + DRAWN));
        }
      }
      from += division.length;
    }
    return new Kinds(width, held, at, values);
  }

  /** The centres of one division. */
  static float[][] divide(float[][] places, int size, SplittableRandom random) {
    float[][] centres = new float[size][];
    centres[0] = places[random.nextInt(places.length)].clone();
    double[] far = new double[places.length];
    Arrays.fill(far, Double.POSITIVE_INFINITY);
    for (int kind = 1; kind < size; kind++) {
      double all = 0;
      for (int i = 0; i < places.length; i++) {
        far[i] = Math.min(far[i], distance(places[i], centres[kind - 1]));
        all += far[i];
      }
      double drawn = random.nextDouble() * all;
      int chosen = 0;
      while (chosen < places.length - 1 && (drawn -= far[chosen]) > 0) {
        chosen++;
      }
      centres[kind] = places[chosen].clone();
    }
    int width = places[0].length;
    for (int round = 0; round < ROUNDS; round++) {
      double[][] sums = new double[size][width];
      int[] members = new int[size];
      for (float[] place : places) {
        int kind = nearest(centres, place);
        members[kind]++;
        for (int column = 0; column < width; column++) {
          sums[kind][column] += place[column];
        }
      }
      for (int kind = 0; kind < size; kind++) {
        for (int column = 0; column < width && members[kind] > 0; column++) {
          centres[kind][column] = (float) (sums[kind][column] / members[kind]);
        }
      }
    }
    return centres;
  }

  static int nearest(float[][] centres, float[] place) {
    int nearest = 0;
    float least = Float.POSITIVE_INFINITY;
    for (int kind = 0; kind < centres.length; kind++) {
      float distance = distance(centres[kind], place);
      if (distance < least) {
        least = distance;
        nearest = kind;
      }
    }
    return nearest;
  }

  private static float distance(float[] a, float[] b) {
    float sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += (a[i] - b[i]) * (a[i] - b[i]);
    }
    return sum;
  }

  void write(DataOutputStream data) throws IOException {
    write(data, width, values.length / count, sizes);
    LearnedModel.write(data, at);
    LearnedModel.write(data, values);
  }

  static Kinds read(DataInputStream data, int width, int outputs) throws IOException {
    int[] sizes = sizes(data, width, outputs);
    int count = Arrays.stream(sizes).sum();
    float[] at = new float[width * count];
    float[] values = new float[outputs * count];
    LearnedModel.fill(data, at);
    LearnedModel.fill(data, values);
    return new Kinds(width, sizes, at, values);
  }

  /** The head, which {@link #sizes} reads. */
  static void write(DataOutputStream data, int width, int outputs, int[] sizes) throws IOException {
    data.writeInt(width);
    data.writeInt(outputs);
    data.writeInt(sizes.length);
    for (int size : sizes) {
      data.writeInt(size);
    }
  }

  /** How many kinds each division has, as it is written at the head. */
  static int[] sizes(DataInputStream data, int width, int outputs) throws IOException {
    if (data.readInt() != width || data.readInt() != outputs) {
      throw new IOException("the trained file's kinds of prompts have another width or another number of outputs than " + width + " and " + outputs);
    }
    int[] sizes = new int[LearnedModel.size(data, 64)];
    for (int i = 0; i < sizes.length; i++) {
      sizes[i] = LearnedModel.size(data, 512);
      if (sizes[i] == 0) {
        throw new IOException("the trained file has a division into no kinds");
      }
    }
    return sizes;
  }
}
