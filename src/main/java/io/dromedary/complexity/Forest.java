package io.dromedary.complexity;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Extremely randomised trees (Geurts et al. 2006): each split takes the best of a few traits, each cut at a random value; the mean of all trees smooths the cuts. Many outputs share the trees. Immutable once fitted or read.
 */
final class Forest {
  static final Forest NONE = new Forest(1, new int[0], new byte[0], new float[0], new int[0], new float[0]);
  private static final byte LEAF = -1;
  private static final int MOST_NODES = 1 << 20;
  /** A leaf's values lie within -1 to 1 and are kept in steps of this. */
  private static final float STEP = 1f / 30_000;

  private final int outputs;
  /** The node where each tree begins; a node's lower branch follows it at once. */
  private final int[] roots;
  private final byte[] trait;
  private final float[] cut;
  /** Of a split the node of its upper branch, of a leaf where its values are. */
  private final int[] next;
  private final float[] values;

  private Forest(int outputs, int[] roots, byte[] trait, float[] cut, int[] next, float[] values) {
    this.outputs = outputs;
    this.roots = roots;
    this.trait = trait;
    this.cut = cut;
    this.next = next;
    this.values = values;
  }

  double of(float[] place) {
    double[] out = new double[1];
    add(place, out);
    return out[0];
  }

  /** Adds the mean of the trees to each output. */
  void add(float[] place, double[] out) {
    for (int root : roots) {
      int node = root;
      while (trait[node] != LEAF) {
        node = place[trait[node]] <= cut[node] ? node + 1 : next[node];
      }
      int at = next[node];
      for (int output = 0; output < outputs; output++) {
        out[output] += values[at + output] / roots.length;
      }
    }
  }

  /**
   * Fits trees.
   *
   * @param places one row of traits an example
   * @param targets per example one value per output, within -1 to 1
   * @param leaf fewest examples of a leaf
   * @param share of the traits that are tried at a split
   */
  static Forest fit(float[][] places, double[][] targets, int trees, int leaf, double share, long seed) {
    Growing[] grown = IntStream.range(0, trees).parallel().mapToObj(tree -> new Growing(places, targets, leaf, share, new SplittableRandom(seed + 7919L * tree)).grow()).toArray(Growing[]::new);
    int nodes = Arrays.stream(grown).mapToInt(tree -> tree.nodes).sum();
    int leaves = Arrays.stream(grown).mapToInt(tree -> tree.filled).sum();
    Forest forest = new Forest(targets[0].length, new int[trees], new byte[nodes], new float[nodes], new int[nodes], new float[leaves]);
    int node = 0;
    int value = 0;
    for (int tree = 0; tree < trees; tree++) {
      forest.roots[tree] = node;
      for (int i = 0; i < grown[tree].nodes; i++) {
        forest.trait[node + i] = grown[tree].trait[i];
        forest.cut[node + i] = grown[tree].cut[i];
        forest.next[node + i] = grown[tree].next[i] + (grown[tree].trait[i] == LEAF ? value : node);
      }
      System.arraycopy(grown[tree].values, 0, forest.values, value, grown[tree].filled);
      node += grown[tree].nodes;
      value += grown[tree].filled;
    }
    return forest;
  }

  /** One tree in the making. */
  private static final class Growing {
    private final float[][] places;
    private final double[][] targets;
    private final int leaf;
    private final int tried;
    private final SplittableRandom random;
    private final int outputs;
    private byte[] trait = new byte[1024];
    private float[] cut = new float[1024];
    private int[] next = new int[1024];
    private float[] values = new float[1024];
    private int nodes;
    private int filled;

    Growing(float[][] places, double[][] targets, int leaf, double share, SplittableRandom random) {
      this.places = places;
      this.targets = targets;
      this.leaf = leaf;
      this.tried = Math.max(1, (int) Math.ceil(share * places[0].length));
      this.random = random;
      this.outputs = targets[0].length;
    }

    Growing grow() {
      split(IntStream.range(0, places.length).toArray());
      return this;
    }

    private int node() {
      if (nodes == trait.length) {
        trait = Arrays.copyOf(trait, 2 * nodes);
        cut = Arrays.copyOf(cut, 2 * nodes);
        next = Arrays.copyOf(next, 2 * nodes);
      }
      return nodes++;
    }

    private void split(int[] of) {
      int node = node();
      int best = -1;
      float bestCut = 0;
      if (of.length >= 2 * leaf) {
        double most = Double.NEGATIVE_INFINITY;
        int width = places[0].length;
        int[] order = IntStream.range(0, width).toArray();
        int seen = 0;
        for (int k = 0; k < width && seen < tried; k++) {
          int with = k + random.nextInt(width - k);
          int candidate = order[with];
          order[with] = order[k];
          float least = Float.POSITIVE_INFINITY;
          float largest = Float.NEGATIVE_INFINITY;
          for (int i : of) {
            least = Math.min(least, places[i][candidate]);
            largest = Math.max(largest, places[i][candidate]);
          }
          if (largest - least < 1e-7f) {
            continue;
          }
          seen++;
          float at = (float) (least + random.nextDouble() * (largest - least));
          double worth = worth(of, candidate, at);
          if (worth > most) {
            most = worth;
            best = candidate;
            bestCut = at;
          }
        }
      }
      if (best < 0) {
        trait[node] = LEAF;
        next[node] = filled;
        if (filled + outputs > values.length) {
          values = Arrays.copyOf(values, 2 * values.length + outputs);
        }
        for (int output = 0; output < outputs; output++) {
          double sum = 0;
          for (int i : of) {
            sum += targets[i][output];
          }
          values[filled++] = Math.round(sum / of.length / STEP) * STEP;
        }
        return;
      }
      trait[node] = (byte) best;
      cut[node] = bestCut;
      int chosen = best;
      float chosenCut = bestCut;
      split(Arrays.stream(of).filter(i -> places[i][chosen] <= chosenCut).toArray());
      next[node] = nodes;
      split(Arrays.stream(of).filter(i -> !(places[i][chosen] <= chosenCut)).toArray());
    }

    /** How much of the variance a cut takes away, up to a constant. */
    private double worth(int[] of, int candidate, float at) {
      double[] below = new double[outputs];
      double[] above = new double[outputs];
      int countBelow = 0;
      for (int i : of) {
        boolean isBelow = places[i][candidate] <= at;
        double[] sums = isBelow ? below : above;
        countBelow += isBelow ? 1 : 0;
        for (int output = 0; output < outputs; output++) {
          sums[output] += targets[i][output];
        }
      }
      int countAbove = of.length - countBelow;
      if (countBelow < leaf || countAbove < leaf) {
        return Double.NEGATIVE_INFINITY;
      }
      double worth = 0;
      for (int output = 0; output < outputs; output++) {
        worth += below[output] * below[output] / countBelow + above[output] * above[output] / countAbove;
      }
      return worth;
    }
  }

  void write(DataOutputStream data) throws IOException {
    data.writeInt(outputs);
    data.writeInt(roots.length);
    data.writeInt(trait.length);
    data.writeInt(values.length);
    for (int root : roots) {
      data.writeInt(root);
    }
    data.write(trait);
    for (int node = 0; node < trait.length; node++) {
      if (trait[node] == LEAF) {
        for (int output = 0; output < outputs; output++) {
          data.writeShort(Math.round(values[next[node] + output] / STEP));
        }
      } else {
        data.writeFloat(cut[node]);
        data.writeInt(next[node]);
      }
    }
  }

  /** @throws IOException if it is no forest over places of that width, so that none can lead out of its arrays or in a circle */
  static Forest read(DataInputStream data, int width, int outputs) throws IOException {
    if (data.readInt() != outputs) {
      throw new IOException("the trained file's trees have another number of outputs than " + outputs);
    }
    int trees = LearnedModel.size(data, 4096);
    int nodes = LearnedModel.size(data, MOST_NODES);
    int values = LearnedModel.size(data, MOST_NODES * 4);
    Forest forest = new Forest(outputs, new int[trees], new byte[nodes], new float[nodes], new int[nodes], new float[values]);
    for (int tree = 0; tree < trees; tree++) {
      forest.roots[tree] = data.readInt();
      if (forest.roots[tree] < 0 || forest.roots[tree] >= nodes) {
        throw new IOException("the trained file has a tree without a root");
      }
    }
    data.readFully(forest.trait);
    int filled = 0;
    for (int node = 0; node < nodes; node++) {
      if (forest.trait[node] == LEAF) {
        forest.next[node] = filled;
        if (filled + outputs > values) {
          throw new IOException("the trained file has more leaves than it states");
        }
        for (int output = 0; output < outputs; output++) {
          forest.values[filled++] = data.readShort() * STEP;
        }
      } else {
        forest.cut[node] = data.readFloat();
        forest.next[node] = data.readInt();
        if (forest.trait[node] < 0 || forest.trait[node] >= width || Float.isNaN(forest.cut[node]) || forest.next[node] <= node + 1 || forest.next[node] >= nodes || node + 1 >= nodes) {
          throw new IOException("the trained file has a split that leads nowhere");
        }
      }
    }
    return forest;
  }
}
