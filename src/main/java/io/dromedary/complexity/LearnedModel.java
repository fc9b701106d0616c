package io.dromedary.complexity;

import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;

/**
 * Trained weights that turn a prompt's reading into the chance that a weak model fails where a strong one succeeds. Immutable, shared by all threads.
 *
 * <p>Two members vote. The linear one sums a weight per trait and per hashed gram (ridge regression). The other knows combinations: it places the prompt in a small space, its traits beside its coordinates by latent
 * semantic analysis of the grams (Deerwester et al. 1990), and compares it with landmarks by a Gaussian kernel (Nystroem, Williams and Seeger 2001). Lettered questions take the mean of both. Open questions
 * are scored chiefly by their length, since they are of many more kinds than were trained on; what was learned may only
 * move them by {@link #OPEN_CLIP} standard deviations, and those without numbers not at all: the open questions trained on are word problems. Both are calibrated apart, by a
 * curve of points that rises strictly, so that no two scores fall together.
 */
public final class LearnedModel {
  /** The trained file, in the class path. */
  public static final String RESOURCE = "/io/dromedary/complexity/learned-router.bin";
  static final int DIMS = 48;
  static final double OPEN_CLIP = 1.5;
  private static final int LOG_NUMBERS = PromptReading.TRAITS.indexOf("log_numbers");
  private static final double LOG_OF_TWO_NUMBERS = Math.log(3);
  private static final int MAGIC = 0x44524C32;
  private static final int MOST_BYTES = 8 << 20;
  static final int TRAITS = PromptReading.TRAITS.size();
  static final int WIDTH = TRAITS + DIMS;
  static final int EMBEDDED = PromptReading.PAIR_START;

  float[] mean = new float[TRAITS];
  float[] inverseDeviation = new float[TRAITS];
  float bias;
  float[] traitWeights = new float[TRAITS];
  short[] gramWeights = new short[PromptReading.BUCKETS];
  float gramScale;
  byte[] embedding = new byte[EMBEDDED * DIMS];
  float[] rowScale = new float[EMBEDDED];
  float traitReach;
  int landmarks;
  /** Column by column: all landmarks' first coordinates, then all second ones. */
  float[] landmark = new float[0];
  float[] landmarkWeights = new float[0];
  float landmarkBias;
  /** Mean and deviation of: linear, landmarks, both on open prompts, log of words on open prompts. */
  float[] members = new float[8];
  float linearShare;
  float lengthShare;
  Curve closed = Curve.EMPTY;
  Curve open = Curve.EMPTY;
  String[] named = new String[0];

  private float[] landmarkNorms = new float[0];
  private float[] rows = new float[0];
  private @Nullable String[] nameOf = new String[0];

  LearnedModel() {}

  /** Points of a curve that rises strictly, straight between them. */
  record Curve(float[] x, float[] y) {
    static final Curve EMPTY = new Curve(new float[] {0, 1}, new float[] {0, 1});

    double at(double value) {
      int above = Arrays.binarySearch(x, (float) value);
      if (above >= 0) {
        return y[above];
      }
      above = -above - 1;
      if (above == 0) {
        // towards 0 and 1 beyond the ends, so that order is kept there too
        return y[0] / (1 + Math.min(1e6, x[0] - value));
      }
      if (above == x.length) {
        return 1 - (1 - y[above - 1]) / (1 + Math.min(1e6, value - x[above - 1]));
      }
      double part = (value - x[above - 1]) / (x[above] - x[above - 1]);
      return y[above - 1] + part * (y[above] - y[above - 1]);
    }
  }

  /** What a file holds. @throws IOException if it is broken, too large or made for other traits; the message says which */
  public static LearnedModel read(InputStream in) throws IOException {
    byte[] bytes = in.readNBytes(MOST_BYTES + 1);
    if (bytes.length > MOST_BYTES || bytes.length < 16) {
      throw new IOException("the trained file has " + (bytes.length > MOST_BYTES ? "more than 8 MB" : bytes.length + " bytes"));
    }
    CRC32 sum = new CRC32();
    sum.update(bytes, 0, bytes.length - 4);
    DataInputStream data = new DataInputStream(new BufferedInputStream(new ByteArrayInputStream(bytes)));
    if (data.readInt() != MAGIC) {
      throw new IOException("the trained file is of another kind or version");
    }
    DataInputStream end = new DataInputStream(new ByteArrayInputStream(bytes, bytes.length - 4, 4));
    if (end.readInt() != (int) sum.getValue()) {
      throw new IOException("the trained file is damaged: its check sum does not fit");
    }
    if (data.readInt() != PromptReading.TRAITS.hashCode() || data.readInt() != DIMS || data.readInt() != PromptReading.BUCKETS) {
      throw new IOException("the trained file was made for other traits; train anew");
    }
    LearnedModel model = new LearnedModel();
    fill(data, model.mean);
    fill(data, model.inverseDeviation);
    fill(data, model.traitWeights);
    fill(data, model.rowScale);
    fill(data, model.members);
    model.bias = data.readFloat();
    model.gramScale = data.readFloat();
    model.traitReach = data.readFloat();
    model.landmarkBias = data.readFloat();
    model.linearShare = data.readFloat();
    model.lengthShare = data.readFloat();
    for (int i = 0; i < model.gramWeights.length; i++) {
      model.gramWeights[i] = data.readShort();
    }
    data.readFully(model.embedding);
    model.landmarks = size(data, 4096);
    model.landmark = new float[model.landmarks * WIDTH];
    model.landmarkWeights = new float[model.landmarks];
    fill(data, model.landmark);
    fill(data, model.landmarkWeights);
    model.closed = curve(data);
    model.open = curve(data);
    model.named = new String[size(data, 10_000)];
    for (int i = 0; i < model.named.length; i++) {
      model.named[i] = data.readUTF();
    }
    return model.ready();
  }

  /** The file's bytes, the same for the same weights. */
  public byte[] bytes() {
    ByteArrayOutputStream out = new ByteArrayOutputStream(4 << 20);
    DataOutputStream data = new DataOutputStream(out);
    try {
      data.writeInt(MAGIC);
      data.writeInt(PromptReading.TRAITS.hashCode());
      data.writeInt(DIMS);
      data.writeInt(PromptReading.BUCKETS);
      for (float[] values : List.of(mean, inverseDeviation, traitWeights, rowScale, members, new float[] {bias, gramScale, traitReach, landmarkBias, linearShare, lengthShare})) {
        write(data, values);
      }
      for (short weight : gramWeights) {
        data.writeShort(weight);
      }
      data.write(embedding);
      data.writeInt(landmarks);
      write(data, landmark);
      write(data, landmarkWeights);
      for (Curve curve : List.of(closed, open)) {
        data.writeInt(curve.x.length);
        write(data, curve.x);
        write(data, curve.y);
      }
      data.writeInt(named.length);
      for (String name : named) {
        data.writeUTF(name);
      }
      CRC32 sum = new CRC32();
      sum.update(out.toByteArray());
      data.writeInt((int) sum.getValue());
    } catch (IOException e) {
      throw new IllegalStateException("memory does not fail", e);
    }
    return out.toByteArray();
  }

  /** Works out what is kept in memory for speed. */
  LearnedModel ready() {
    landmarkNorms = new float[landmarks];
    for (int column = 0; column < WIDTH; column++) {
      for (int i = 0; i < landmarks; i++) {
        float value = landmark[column * landmarks + i];
        landmarkNorms[i] += value * value;
      }
    }
    rows = new float[embedding.length];
    for (int row = 0; row < EMBEDDED; row++) {
      for (int j = 0; j < DIMS; j++) {
        rows[row * DIMS + j] = rowScale[row] * embedding[row * DIMS + j];
      }
    }
    nameOf = new String[PromptReading.WORD_BUCKETS];
    for (String name : named) {
      nameOf[PromptReading.hash(name) >>> 7 & PromptReading.WORD_BUCKETS - 1] = name;
    }
    return this;
  }

  /** The chance, 0 to 1, that a weak model fails at this prompt where a strong one succeeds. Never throws. */
  public double score(PromptReading reading) {
    double raw = raw(reading);
    return reading.closed ? closed.at(raw) : open.at(raw);
  }

  /** Before calibration; comparable within lettered questions and within open ones. */
  double raw(PromptReading reading) {
    double linear = (linear(reading) - members[0]) / members[1];
    double compared = (compared(place(reading)) - members[2]) / members[3];
    double learned = linearShare * linear + (1 - linearShare) * compared;
    if (reading.closed) {
      return learned;
    }
    double z = (learned - members[4]) / members[5];
    z = Math.max(-OPEN_CLIP, Math.min(OPEN_CLIP, z)) * Math.min(1, reading.traits[LOG_NUMBERS] / LOG_OF_TWO_NUMBERS);
    return lengthShare * (reading.traits[1] - members[6]) / members[7] + (1 - lengthShare) * z;
  }

  double linear(PromptReading reading) {
    double sum = bias;
    for (int i = 0; i < TRAITS; i++) {
      sum += traitWeights[i] * standard(reading, i);
    }
    return sum + gramScale * (sum(reading.words, reading.wordCount, reading.pairs, reading.pairCount) / Math.sqrt(1 + reading.wordCount + reading.pairCount)
        + sum(reading.runs, reading.runCount, reading.runs, 0) / Math.sqrt(1 + reading.runCount));
  }

  private double sum(int[] buckets, int count, int[] more, int moreCount) {
    long sum = 0;
    for (int i = 0; i < count; i++) {
      sum += gramWeights[buckets[i]];
    }
    for (int i = 0; i < moreCount; i++) {
      sum += gramWeights[more[i]];
    }
    return sum;
  }

  /** Standardised and held within 4 deviations, so that no odd prompt drives a sum away. */
  float standard(PromptReading reading, int trait) {
    float value = (reading.traits[trait] - mean[trait]) * inverseDeviation[trait];
    return Math.max(-4, Math.min(4, value));
  }

  /** Traits, then coordinates of length 1 over the square root of 2. */
  float[] place(PromptReading reading) {
    float[] place = new float[WIDTH];
    float[] topic = new float[DIMS];
    add(topic, reading.words, reading.wordCount);
    add(topic, reading.runs, reading.runCount);
    float norm = 1e-9f;
    for (float value : topic) {
      norm += value * value;
    }
    float scale = (float) Math.sqrt(0.5 / norm);
    for (int j = 0; j < DIMS; j++) {
      place[TRAITS + j] = topic[j] * scale;
    }
    for (int i = 0; i < TRAITS; i++) {
      place[i] = traitReach * standard(reading, i);
    }
    return place;
  }

  private void add(float[] topic, int[] buckets, int count) {
    float[] table = rows;
    for (int i = 0; i < count; i++) {
      int row = buckets[i] * DIMS;
      for (int j = 0; j < DIMS; j++) {
        topic[j] += table[row + j];
      }
    }
  }

  double compared(float[] place) {
    float[] dot = new float[landmarks];
    float norm = 0;
    for (int column = 0; column < WIDTH; column++) {
      float value = place[column];
      norm += value * value;
      int start = column * landmarks;
      for (int i = 0; i < dot.length; i++) {
        dot[i] += value * landmark[start + i];
      }
    }
    double sum = landmarkBias;
    for (int i = 0; i < dot.length; i++) {
      sum += landmarkWeights[i] * Math.exp(Math.min(0, 2 * dot[i] - norm - landmarkNorms[i]));
    }
    return sum;
  }

  /** The strongest traits and words of the linear member with their parts in its sum, rounded to thousandths. Only words of the public training questions are ever named, so that no prompt leaks. */
  Map<String, Double> strongest(PromptReading reading, int most) {
    Map<String, Double> strongest = new LinkedHashMap<>();
    String[] names = new String[most];
    double[] parts = new double[most];
    for (int i = 0; i < TRAITS; i++) {
      keep(names, parts, PromptReading.TRAITS.get(i), traitWeights[i] * standard(reading, i));
    }
    double scale = gramScale / Math.sqrt(1 + reading.wordCount + reading.pairCount);
    for (int i = 0; i < reading.wordCount; i++) {
      String name = nameOf[reading.words[i]];
      if (name != null) {
        double part = gramWeights[reading.words[i]] * scale;
        if (Math.abs(part) > Math.abs(parts[most - 1]) && name.equals(reading.word(reading.wordAt[i]))) {
          keep(names, parts, "\"" + name + "\"", part);
        }
      }
    }
    for (int i = 0; i < most && names[i] != null; i++) {
      strongest.putIfAbsent(names[i], Math.round(parts[i] * 1000) / 1000.0);
    }
    return strongest;
  }

  private static void keep(String[] names, double[] parts, String name, double part) {
    int at = parts.length - 1;
    if (Math.abs(part) <= Math.abs(parts[at]) || Arrays.asList(names).contains(name)) {
      return;
    }
    while (at > 0 && Math.abs(part) > Math.abs(parts[at - 1])) {
      names[at] = names[at - 1];
      parts[at] = parts[at - 1];
      at--;
    }
    names[at] = name;
    parts[at] = part;
  }

  private static void fill(DataInputStream data, float[] values) throws IOException {
    for (int i = 0; i < values.length; i++) {
      values[i] = data.readFloat();
      if (!Float.isFinite(values[i])) {
        throw new IOException("the trained file has a weight that is no number");
      }
    }
  }

  private static void write(DataOutputStream data, float[] values) throws IOException {
    for (float value : values) {
      data.writeFloat(value);
    }
  }

  private static int size(DataInputStream data, int most) throws IOException {
    int size = data.readInt();
    if (size < 0 || size > most) {
      throw new IOException("the trained file states a size of " + size + ", at most " + most + " is allowed");
    }
    return size;
  }

  private static Curve curve(DataInputStream data) throws IOException {
    float[] x = new float[size(data, 4096)];
    float[] y = new float[x.length];
    fill(data, x);
    fill(data, y);
    for (int i = 0; i < x.length; i++) {
      if (y[i] < 0 || y[i] > 1 || i > 0 && (x[i] <= x[i - 1] || y[i] < y[i - 1])) {
        throw new IOException("the calibration curve must rise within 0 to 1");
      }
    }
    if (x.length == 0) {
      throw new IOException("the calibration curve is empty");
    }
    return new Curve(x, y);
  }
}
