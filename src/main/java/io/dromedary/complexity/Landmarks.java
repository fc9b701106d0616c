package io.dromedary.complexity;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Kernel regression on a sample of the examples (Nystroem, Williams and Seeger 2001): an answer is a weighted sum of Gaussian likenesses to the landmarks. Several outputs share them. Immutable once fitted or read.
 */
final class Landmarks {
  private final int width;
  private final int count;
  /** Column by column: all landmarks' first coordinates, then all second ones. */
  private final float[] at;
  /** Output by output. */
  private final float[] weights;
  private final float[] bias;
  private final float[] norms;

  private Landmarks(int width, int count, float[] at, float[] weights, float[] bias) {
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
    double[] out = new double[1];
    add(place, out);
    return out[0];
  }

  /** Adds the answer to each output. */
  void add(float[] place, double[] out) {
    float[] near = likenesses(place);
    int output = 0;
    for (; output + 2 < bias.length; output += 3) {
      // three sums that do not wait for each other, each in the order of the landmarks
      int start = output * count;
      int second = start + count;
      int third = second + count;
      double a = bias[output];
      double b = bias[output + 1];
      double c = bias[output + 2];
      for (int i = 0; i < near.length; i++) {
        a += weights[start + i] * near[i];
        b += weights[second + i] * near[i];
        c += weights[third + i] * near[i];
      }
      out[output] += a;
      out[output + 1] += b;
      out[output + 2] += c;
    }
    for (; output < bias.length; output++) {
      double sum = bias[output];
      int start = output * count;
      for (int i = 0; i < near.length; i++) {
        sum += weights[start + i] * near[i];
      }
      out[output] += sum;
    }
  }

  /** Four columns at a time, each sum in the order of the columns: not a bit of difference to one after the other. */
  private float[] likenesses(float[] place) {
    float[] near = new float[count];
    float norm = 0;
    int column = 0;
    for (; column + 3 < width; column += 4) {
      float v0 = place[column];
      float v1 = place[column + 1];
      float v2 = place[column + 2];
      float v3 = place[column + 3];
      norm = norm + v0 * v0 + v1 * v1 + v2 * v2 + v3 * v3;
      int first = column * count;
      int second = first + count;
      int third = second + count;
      int fourth = third + count;
      addFour(near, at, first, v0, second, v1, third, v2, fourth, v3);
    }
    for (; column < width; column++) {
      float value = place[column];
      norm += value * value;
      int start = column * count;
      for (int i = 0; i < near.length; i++) {
        near[i] += value * at[start + i];
      }
    }
    for (int i = 0; i < near.length; i++) {
      float power = 2 * near[i] - norm - norms[i];
      near[i] = exp(power > 0 ? 0 : power);
    }
    return near;
  }

  /** A loop of its own, so that it is compiled to vector instructions wherever it is called from. */
  private static void addFour(float[] near, float[] at, int first, float v0, int second, float v1, int third, float v2, int fourth, float v3) {
    for (int i = 0; i < near.length; i++) {
      near[i] = near[i] + v0 * at[first + i] + v1 * at[second + i] + v2 * at[third + i] + v3 * at[fourth + i];
    }
  }

  /** e to a power of 0 or less, right to some 1e-6: a third of the time of {@link Math#exp}, and the same on every machine. */
  static float exp(float power) {
    float twos = power * 1.44269504f;
    if (twos < -120) {
      twos = -120;
    }
    int whole = (int) (twos - 0.5f);
    float r = twos - whole;
    float part = 1 + r * (0.69314718f + r * (0.24022651f + r * (0.05550411f + r * (0.00961813f + r * (0.00133336f + r * 0.00015403f)))));
    return Float.intBitsToFloat(whole + 127 << 23) * part;
  }

  /** Least squares with a penalty; a seeded choice of the landmarks, normal equations by Cholesky. */
  static Landmarks fit(float[][] places, double[][] targets, int most, double penalty, long seed) {
    int width = places[0].length;
    int outputs = targets[0].length;
    SplittableRandom random = new SplittableRandom(seed);
    int count = Math.min(most, places.length);
    float[][] marks = places.clone();
    for (int i = 0; i < count; i++) {
      int with = i + random.nextInt(marks.length - i);
      float[] swap = marks[i];
      marks[i] = marks[with];
      marks[with] = swap;
    }
    double[] mean = new double[outputs];
    for (double[] target : targets) {
      for (int output = 0; output < outputs; output++) {
        mean[output] += target[output] / targets.length;
      }
    }
    double[][] solved = ridge(places, targets, Arrays.copyOf(marks, count), mean, penalty, Landmarks::kernel);
    float[] at = new float[count * width];
    float[] weights = new float[count * outputs];
    float[] bias = new float[outputs];
    for (int a = 0; a < count; a++) {
      for (int column = 0; column < width; column++) {
        at[column * count + a] = marks[a][column];
      }
    }
    for (int output = 0; output < outputs; output++) {
      bias[output] = (float) mean[output];
      for (int a = 0; a < count; a++) {
        weights[output * count + a] = (float) solved[output][a];
      }
    }
    return new Landmarks(width, count, at, weights, bias);
  }

  /** How alike two places are. */
  interface Likeness {
    double of(float[] a, float[] b);
  }

  /** Kernel ridge regression on marks, by the normal equations. @return the weight of each mark, by output */
  static double[][] ridge(float[][] places, double[][] targets, float[][] marks, double[] mean, double penalty, Likeness likeness) {
    int count = marks.length;
    double[][] normal = new double[count][count];
    double[][] answer = new double[mean.length][count];
    double[] near = new double[count];
    for (int i = 0; i < places.length; i++) {
      for (int a = 0; a < count; a++) {
        near[a] = likeness.of(places[i], marks[a]);
        for (int output = 0; output < mean.length; output++) {
          answer[output][a] += near[a] * (targets[i][output] - mean[output]);
        }
      }
      for (int a = 0; a < count; a++) {
        double value = near[a];
        double[] row = normal[a];
        for (int b = 0; b <= a; b++) {
          row[b] += value * near[b];
        }
      }
    }
    for (int a = 0; a < count; a++) {
      for (int b = 0; b <= a; b++) {
        normal[a][b] += penalty * likeness.of(marks[a], marks[b]);
      }
      normal[a][a] += 1e-3;
    }
    factor(normal);
    for (double[] output : answer) {
      solve(normal, output);
    }
    return answer;
  }

  private static double kernel(float[] a, float[] b) {
    float sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += (a[i] - b[i]) * (a[i] - b[i]);
    }
    return Math.exp(-sum);
  }

  /** Cholesky's lower half, in place. */
  static void factor(double[][] lower) {
    for (int a = 0; a < lower.length; a++) {
      for (int b = 0; b <= a; b++) {
        double sum = lower[a][b];
        for (int k = 0; k < b; k++) {
          sum -= lower[a][k] * lower[b][k];
        }
        lower[a][b] = a == b ? Math.sqrt(Math.max(sum, 1e-12)) : sum / lower[b][b];
      }
    }
  }

  /** The answer is left in {@code target}. */
  static void solve(double[][] lower, double[] target) {
    int size = target.length;
    for (int a = 0; a < size; a++) {
      for (int k = 0; k < a; k++) {
        target[a] -= lower[a][k] * target[k];
      }
      target[a] /= lower[a][a];
    }
    for (int a = size - 1; a >= 0; a--) {
      for (int k = a + 1; k < size; k++) {
        target[a] -= lower[k][a] * target[k];
      }
      target[a] /= lower[a][a];
    }
  }

  void write(DataOutputStream data) throws IOException {
    data.writeInt(width);
    data.writeInt(count);
    data.writeInt(bias.length);
    LearnedModel.write(data, at);
    LearnedModel.write(data, weights);
    LearnedModel.write(data, bias);
  }

  static Landmarks read(DataInputStream data, int width, int outputs) throws IOException {
    if (data.readInt() != width) {
      throw new IOException("the trained file's landmarks have another width than " + width);
    }
    int count = LearnedModel.size(data, 4096);
    if (data.readInt() != outputs) {
      throw new IOException("the trained file's landmarks have another number of outputs than " + outputs);
    }
    float[] at = new float[width * count];
    float[] weights = new float[outputs * count];
    float[] bias = new float[outputs];
    LearnedModel.fill(data, at);
    LearnedModel.fill(data, weights);
    LearnedModel.fill(data, bias);
    return new Landmarks(width, count, at, weights, bias);
  }
}
