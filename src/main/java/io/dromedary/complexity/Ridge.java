package io.dromedary.complexity;

import java.util.function.IntFunction;

/** Least squares with a penalty on the size of the weights, by normal equations and Cholesky: for some hundred weights; {@link RouterTraining} goes by conjugate gradients where there are thousands. */
final class Ridge {
  private Ridge() {}

  /**
   * Fits several outputs to the same rows.
   *
   * @param row what the weights of example i are multiplied with
   * @param targets per example one value per output
   * @param mean of each output, which is taken off
   * @param penalty lower half of a symmetric matrix, used up; its diagonal must be positive
   * @return the weights, by output
   */
  static double[][] fit(IntFunction<double[]> row, double[][] targets, double[] mean, double[][] penalty) {
    int width = penalty.length;
    double[][] answer = new double[mean.length][width];
    for (int i = 0; i < targets.length; i++) {
      double[] values = row.apply(i);
      for (int a = 0; a < width; a++) {
        double value = values[a];
        for (int output = 0; output < mean.length; output++) {
          answer[output][a] += value * (targets[i][output] - mean[output]);
        }
        double[] normal = penalty[a];
        for (int b = 0; b <= a; b++) {
          normal[b] += value * values[b];
        }
      }
    }
    factor(penalty);
    for (double[] output : answer) {
      solve(penalty, output);
    }
    return answer;
  }

  /** The lower half of such a matrix with the same penalty on every weight. */
  static double[][] alike(int width, double penalty) {
    double[][] alike = new double[width][width];
    for (int a = 0; a < width; a++) {
      alike[a][a] = penalty;
    }
    return alike;
  }

  static double[] means(double[][] targets) {
    double[] mean = new double[targets[0].length];
    for (double[] target : targets) {
      for (int output = 0; output < mean.length; output++) {
        mean[output] += target[output] / targets.length;
      }
    }
    return mean;
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

  /** The answer is left in {@code target}. @param lower as {@link #factor} left it */
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
}
