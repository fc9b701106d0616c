package io.dromedary.complexity;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.SplittableRandom;

/**
 * Kernel regression on a sample of the examples (Nystroem, Williams and Seeger 2001): the answer is a weighted sum of Gaussian likenesses to the landmarks. Immutable once fitted or read.
 */
final class Landmarks {
  /** e to a power is 2 to so many times that power. */
  private static final float TWOS = 1.44269504f;
  private static final float LEAST_TWOS = -120;

  private final int width;
  private final int count;
  /** Column by column: all landmarks' first coordinates, then all second ones. */
  private final float[] at;
  private final float[] weights;
  private final float bias;
  private final float[] norms;

  private Landmarks(int width, int count, float[] at, float[] weights, float bias) {
    this.width = width;
    this.count = count;
    this.at = at;
    this.weights = weights;
    this.bias = bias;
    this.norms = new float[count];
    for (int column = 0; column < width; column++) {
      for (int i = 0; i < count; i++) {
        float value = at[column * count + i];
        norms[i] += value * value;
      }
    }
  }

  double of(float[] place) {
    float[] near = likenesses(place);
    // four sums that do not wait for each other
    double a = bias;
    double b = 0;
    double c = 0;
    double d = 0;
    int i = 0;
    for (; i + 3 < near.length; i += 4) {
      a += weights[i] * near[i];
      b += weights[i + 1] * near[i + 1];
      c += weights[i + 2] * near[i + 2];
      d += weights[i + 3] * near[i + 3];
    }
    for (; i < near.length; i++) {
      a += weights[i] * near[i];
    }
    return a + b + c + d;
  }

  private float[] likenesses(float[] place) {
    float[] near = new float[count];
    Columns.add(near, at, place);
    float norm = 0;
    for (float value : place) {
      norm += value * value;
    }
    for (int i = 0; i < near.length; i++) {
      near[i] = Math.max(LEAST_TWOS, Math.min(0, 2 * near[i] - norm - norms[i]) * TWOS);
    }
    // exp in three loops, of which two are compiled to vector instructions
    float[] scale = new float[count];
    for (int i = 0; i < near.length; i++) {
      int whole = whole(near[i]);
      scale[i] = scale(whole);
      near[i] -= whole;
    }
    for (int i = 0; i < near.length; i++) {
      near[i] = part(near[i]);
    }
    for (int i = 0; i < near.length; i++) {
      near[i] *= scale[i];
    }
    return near;
  }

  /** e to a power of 0 or less, right to some 1e-6: a third of the time of {@link Math#exp}, and the same on every machine. */
  static float exp(float power) {
    float twos = Math.max(LEAST_TWOS, power * TWOS);
    int whole = whole(twos);
    return scale(whole) * part(twos - whole);
  }

  private static int whole(float twos) {
    return (int) (twos - 0.5f);
  }

  private static float scale(int whole) {
    return Float.intBitsToFloat(whole + 127 << 23);
  }

  /** 2 to a power within -0.5 to 0.5. */
  private static float part(float r) {
    return 1 + r * (0.69314718f + r * (0.24022651f + r * (0.05550411f + r * (0.00961813f + r * (0.00133336f + r * 0.00015403f)))));
  }

  /** Least squares with a penalty; a seeded choice of the landmarks, normal equations. @param targets one value an example */
  static Landmarks fit(float[][] places, double[][] targets, int most, double penalty, long seed) {
    int width = places[0].length;
    SplittableRandom random = new SplittableRandom(seed);
    int count = Math.min(most, places.length);
    float[][] marks = places.clone();
    for (int i = 0; i < count; i++) {
      int with = i + random.nextInt(marks.length - i);
      float[] swap = marks[i];
      marks[i] = marks[with];
      marks[with] = swap;
    }
    double[][] likeness = new double[count][count];
    for (int a = 0; a < count; a++) {
      for (int b = 0; b <= a; b++) {
        likeness[a][b] = penalty * kernel(marks[a], marks[b]) + (a == b ? 1e-3 : 0);
      }
    }
    double[] mean = Ridge.means(targets);
    double[] near = new double[count];
    double[] solved = Ridge.fit(i -> {
      for (int a = 0; a < count; a++) {
        near[a] = kernel(places[i], marks[a]);
      }
      return near;
    }, targets, mean, likeness)[0];
    float[] at = new float[count * width];
    float[] weights = new float[count];
    for (int a = 0; a < count; a++) {
      weights[a] = (float) solved[a];
      for (int column = 0; column < width; column++) {
        at[column * count + a] = marks[a][column];
      }
    }
    return new Landmarks(width, count, at, weights, (float) mean[0]);
  }

  private static double kernel(float[] a, float[] b) {
    float sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += (a[i] - b[i]) * (a[i] - b[i]);
    }
    return Math.exp(-sum);
  }

  void write(DataOutputStream data) throws IOException {
    data.writeInt(width);
    data.writeInt(count);
    LearnedModel.write(data, at);
    LearnedModel.write(data, weights);
    data.writeFloat(bias);
  }

  static Landmarks read(DataInputStream data, int width) throws IOException {
    if (data.readInt() != width) {
      throw new IOException("the trained file's landmarks have another width than " + width);
    }
    int count = LearnedModel.size(data, 4096);
    float[] at = new float[width * count];
    float[] weights = new float[count];
    float[] bias = new float[1];
    LearnedModel.fill(data, at);
    LearnedModel.fill(data, weights);
    LearnedModel.fill(data, bias);
    return new Landmarks(width, count, at, weights, bias[0]);
  }
}
