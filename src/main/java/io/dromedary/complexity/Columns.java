package io.dromedary.complexity;

/** A matrix kept column by column, times a row: the inner products of one place with many, in loops that are compiled to vector instructions. */
final class Columns {
  private Columns() {}

  /**
   * Adds to each sum the products of its entries with the row's, four columns at a time, each sum in the order of the columns: not a bit of difference to one after the other.
   *
   * @param table all sums' first entries, then all second ones
   */
  static void add(float[] sums, float[] table, float[] row) {
    int count = sums.length;
    int column = 0;
    for (; column + 3 < row.length; column += 4) {
      int first = column * count;
      addFour(sums, table, first, row[column], first + count, row[column + 1], first + 2 * count, row[column + 2], first + 3 * count, row[column + 3]);
    }
    for (; column < row.length; column++) {
      float value = row[column];
      int start = column * count;
      for (int i = 0; i < count; i++) {
        sums[i] += value * table[start + i];
      }
    }
  }

  /** A loop of its own, so that it is compiled to vector instructions wherever it is called from. */
  private static void addFour(float[] sums, float[] table, int first, float v0, int second, float v1, int third, float v2, int fourth, float v3) {
    for (int i = 0; i < sums.length; i++) {
      sums[i] = sums[i] + v0 * table[first + i] + v1 * table[second + i] + v2 * table[third + i] + v3 * table[fourth + i];
    }
  }
}
