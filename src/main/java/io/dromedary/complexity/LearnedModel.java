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
 * <p>Lettered questions take the mean of three members: a linear one that sums a weight per trait and per hashed gram (ridge regression), and two that know combinations, over a small space in which a prompt's traits
 * stand beside its coordinates by latent semantic analysis of the grams (Deerwester et al. 1990): {@link Landmarks} and a {@link Forest}. With a sentence vector a fourth one votes.
 *
 * <p>Open questions take the count of their words, since they are of many more kinds than were trained on; a ridge over traits and two over words move it by at most {@link #OPEN_CLIP} standard deviations each. Where the
 * open questions trained on are nearly all word problems ({@link #problemsOnly}), only such are moved, and those that want something worked out (code, maths, a number) rank as if they were {@link #WORKED_OUT} deviation
 * longer; the rest rank exactly as word count ranks them. Both kinds are calibrated apart, by a curve of points that rises strictly, so that no two scores fall together.
 */
public final class LearnedModel {
  /** The trained file, in the class path. */
  public static final String RESOURCE = "/io/dromedary/complexity/learned-router.bin";
  static final int DIMS = 48;
  static final double OPEN_CLIP = 1.5;
  /** How many deviations of length a question that wants code, maths or a number is taken to be longer. */
  static final double WORKED_OUT = 1;
  private static final int MAGIC = 0x44524C36;
  private static final int MOST_BYTES = 8 << 20;
  private static final int TRAITS_HASH = 31 * PromptReading.TRAITS.hashCode() + PromptReading.FORM.hashCode();
  static final int TRAITS = PromptReading.TRAITS.size();
  static final int WIDTH = TRAITS + DIMS;
  static final int EMBEDDED = PromptReading.PAIR_START;
  /** Numbers of a sentence vector. */
  public static final int VECTOR = 384;
  static final int SEMANTIC_WIDTH = TRAITS + VECTOR;
  private static final float FORM_REACH = 0.3f;
  private static final float SEMANTIC_REACH = (float) (0.9 / Math.sqrt(TRAITS));
  private static final Landmarks NO_LANDMARKS = Landmarks.fit(new float[][] {new float[WIDTH]}, new double[][] {{0}}, 1, 1, 0);

  /** Who votes, on lettered questions and on open ones. */
  enum Member {
    LINEAR, LANDMARKS, FOREST, SEMANTIC, OPEN_LENGTH, OPEN_TRAITS, OPEN_WORDS, OPEN_LEARNED, OPEN_SEMANTIC, OPEN_HALVES
  }


  float[] mean = new float[TRAITS];
  float[] inverseDeviation = new float[TRAITS];
  float bias;
  float[] traitWeights = new float[TRAITS];
  short[] gramWeights = new short[PromptReading.BUCKETS];
  float gramScale;
  byte[] embedding = new byte[EMBEDDED * DIMS];
  float[] rowScale = new float[EMBEDDED];
  float traitReach;
  Landmarks landmarks = NO_LANDMARKS;
  Forest forest = Forest.NONE;
  /** Traits of open questions: mean, inverse deviation and weight of each, one block after the other. */
  float[] openTraits = new float[3 * TRAITS];
  /** Weight of each word that an open question has. */
  float[] openWords = new float[PromptReading.WORD_BUCKETS];
  /** Weight of each word of a word problem, by the better half of the scored models against the others. */
  float[] openHalves = new float[PromptReading.WORD_BUCKETS];
  boolean problemsOnly;
  /** Over the places that a sentence vector gives; null where the model was trained without. */
  @Nullable Landmarks semantic;
  /** Mean and deviation of each of {@link Member}. */
  float[] members = new float[2 * Member.values().length];
  /** How much each member counts. */
  float[] shares = new float[Member.values().length];
  Curve closed = Curve.EMPTY;
  Curve open = Curve.EMPTY;
  Curve closedSemantic = Curve.EMPTY;
  Curve openSemantic = Curve.EMPTY;
  @Nullable QualityModel quality;
  String[] named = new String[0];

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
    if (data.readInt() != TRAITS_HASH || data.readInt() != DIMS || data.readInt() != PromptReading.BUCKETS) {
      throw new IOException("the trained file was made for other traits; train anew");
    }
    LearnedModel model = new LearnedModel();
    fill(data, model.mean);
    fill(data, model.inverseDeviation);
    fill(data, model.traitWeights);
    fill(data, model.rowScale);
    fill(data, model.members);
    fill(data, model.shares);
    fill(data, model.openTraits);
    fill(data, model.openWords);
    fill(data, model.openHalves);
    model.bias = data.readFloat();
    model.gramScale = data.readFloat();
    model.traitReach = data.readFloat();
    for (int i = 0; i < model.gramWeights.length; i++) {
      model.gramWeights[i] = data.readShort();
    }
    data.readFully(model.embedding);
    model.landmarks = Landmarks.read(data, WIDTH);
    model.forest = Forest.read(data, WIDTH, 1);
    model.closed = curve(data);
    model.open = curve(data);
    int parts = data.readInt();
    model.problemsOnly = (parts & 1) != 0;
    if ((parts & 2) != 0) {
      model.semantic = Landmarks.read(data, SEMANTIC_WIDTH);
      model.closedSemantic = curve(data);
      model.openSemantic = curve(data);
    }
    if ((parts & 4) != 0) {
      model.quality = QualityModel.read(data, QualityModel.WIDTH);
    }
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
      data.writeInt(TRAITS_HASH);
      data.writeInt(DIMS);
      data.writeInt(PromptReading.BUCKETS);
      for (float[] values : List.of(mean, inverseDeviation, traitWeights, rowScale, members, shares, openTraits, openWords, openHalves, new float[] {bias, gramScale, traitReach})) {
        write(data, values);
      }
      for (short weight : gramWeights) {
        data.writeShort(weight);
      }
      data.write(embedding);
      landmarks.write(data);
      forest.write(data);
      write(data, closed);
      write(data, open);
      data.writeInt((problemsOnly ? 1 : 0) + (semantic == null ? 0 : 2) + (quality == null ? 0 : 4));
      if (semantic != null) {
        semantic.write(data);
        write(data, closedSemantic);
        write(data, openSemantic);
      }
      if (quality != null) {
        quality.write(data);
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
    return score(reading, null);
  }

  /** The same with the prompt's sentence vector, where there is one and the model was trained with such. */
  public double score(PromptReading reading, float @Nullable [] vector) {
    boolean with = vector != null && semantic != null;
    double raw = raw(reading, with ? vector : null);
    return reading.closed ? (with ? closedSemantic : closed).at(raw) : (with ? openSemantic : open).at(raw);
  }

  /** The same for a lettered question whose {@link #place} is known: the greater part of the work. */
  double score(PromptReading reading, float @Nullable [] vector, float[] place) {
    if (!reading.closed) {
      return score(reading, vector);
    }
    boolean with = vector != null && semantic != null;
    double raw = learned(reading, place) + (with ? part(Member.SEMANTIC, semantic(reading, vector)) : 0);
    return (with ? closedSemantic : closed).at(raw);
  }

  /** Whether it can make use of a sentence vector. */
  public boolean readsVectors() {
    return semantic != null;
  }

  /** What the models that it was trained on would score, null if it was trained on none. */
  public @Nullable QualityModel quality() {
    return quality;
  }

  /** Before calibration; comparable within lettered questions and within open ones. */
  double raw(PromptReading reading, float @Nullable [] vector) {
    return reading.closed ? learned(reading) + (vector == null ? 0 : part(Member.SEMANTIC, semantic(reading, vector))) : open(reading, vector);
  }

  double learned(PromptReading reading) {
    return learned(reading, place(reading));
  }

  private double learned(PromptReading reading, float[] place) {
    return part(Member.LINEAR, linear(reading)) + part(Member.LANDMARKS, landmarks.of(place)) + part(Member.FOREST, forest.of(place));
  }

  private double open(PromptReading reading, float @Nullable [] vector) {
    double byLength = part(Member.OPEN_LENGTH, reading.openLength) + workedOut(reading);
    if (!moves(reading)) {
      return byLength;
    }
    double moved = held(Member.OPEN_TRAITS, openTraits(reading)) + held(Member.OPEN_WORDS, openWords(reading)) + held(Member.OPEN_HALVES, openHalves(reading)) + (vector == null ? 0 : held(Member.OPEN_SEMANTIC, semantic(reading, vector)));
    if (shares[Member.OPEN_LEARNED.ordinal()] > 0) {
      moved += held(Member.OPEN_LEARNED, learned(reading));
    }
    return byLength + moved;
  }

  private boolean moves(PromptReading reading) {
    return !problemsOnly || reading.wordProblem;
  }

  private double workedOut(PromptReading reading) {
    return problemsOnly && reading.workedOut ? WORKED_OUT : 0;
  }

  private double part(Member member, double value) {
    return shares[member.ordinal()] * (value - members[2 * member.ordinal()]) / members[2 * member.ordinal() + 1];
  }

  private double held(Member member, double value) {
    double most = OPEN_CLIP * shares[member.ordinal()];
    return Math.max(-most, Math.min(most, part(member, value)));
  }

  double openTraits(PromptReading reading) {
    double sum = 0;
    for (int i = 0; i < TRAITS; i++) {
      sum += openTraits[2 * TRAITS + i] * openStandard(reading, i);
    }
    return sum;
  }

  float openStandard(PromptReading reading, int trait) {
    return Math.max(-3, Math.min(3, (reading.traits[trait] - openTraits[trait]) * openTraits[TRAITS + trait]));
  }

  double openWords(PromptReading reading) {
    return sumOnce(openWords, reading);
  }

  double openHalves(PromptReading reading) {
    return sumOnce(openHalves, reading);
  }

  /** Each word counts once. */
  private static double sumOnce(float[] weights, PromptReading reading) {
    long[] seen = new long[PromptReading.WORD_BUCKETS / 64];
    double sum = 0;
    for (int i = 0; i < reading.wordCount; i++) {
      int word = reading.words[i];
      if ((seen[word >> 6] & 1L << word) == 0) {
        seen[word >> 6] |= 1L << word;
        sum += weights[word];
      }
    }
    return sum;
  }

  double semantic(PromptReading reading, float[] vector) {
    return semantic == null ? 0 : semantic.of(semanticPlace(reading, vector));
  }

  float[] semanticPlace(PromptReading reading, float[] vector) {
    float[] place = new float[SEMANTIC_WIDTH];
    for (int i = 0; i < TRAITS; i++) {
      place[i] = SEMANTIC_REACH * standard(reading, i);
    }
    System.arraycopy(vector, 0, place, TRAITS, VECTOR);
    return place;
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

  /** The place, then the prompt's form. */
  float[] formedPlace(PromptReading reading) {
    return formed(place(reading), reading);
  }

  float[] formed(float[] place, PromptReading reading) {
    float[] formed = Arrays.copyOf(place, QualityModel.WIDTH);
    for (int i = WIDTH; i < formed.length; i++) {
      formed[i] = FORM_REACH * reading.form[i - WIDTH];
    }
    return formed;
  }

  /** A loop of its own, so that it is compiled to vector instructions wherever it is called from. */
  private static void addFour(float[] topic, float[] table, int first, int second, int third, int fourth) {
    for (int j = 0; j < DIMS; j++) {
      topic[j] = topic[j] + table[first + j] + table[second + j] + table[third + j] + table[fourth + j];
    }
  }

  /** Four rows at a time, each sum in the order of the text: half the time, and not a bit of difference. */
  private void add(float[] topic, int[] buckets, int count) {
    float[] table = rows;
    int i = 0;
    for (; i + 3 < count; i += 4) {
      addFour(topic, table, buckets[i] * DIMS, buckets[i + 1] * DIMS, buckets[i + 2] * DIMS, buckets[i + 3] * DIMS);
    }
    for (; i < count; i++) {
      int row = buckets[i] * DIMS;
      for (int j = 0; j < DIMS; j++) {
        topic[j] += table[row + j];
      }
    }
  }

  /** The strongest traits and words of the linear member, of an open question those of its own members, with their parts in the sum, rounded to thousandths. Only words of the public training questions are ever named, so that no prompt leaks. */
  Map<String, Double> strongest(PromptReading reading, int most) {
    Map<String, Double> strongest = new LinkedHashMap<>();
    String[] names = new String[most];
    double[] parts = new double[most];
    double moved = reading.closed || !moves(reading) ? 0 : 1;
    double byTraits = moved * shares[Member.OPEN_TRAITS.ordinal()] / members[2 * Member.OPEN_TRAITS.ordinal() + 1];
    double byWords = moved * shares[Member.OPEN_WORDS.ordinal()] / members[2 * Member.OPEN_WORDS.ordinal() + 1];
    if (!reading.closed) {
      keep(names, parts, "length", part(Member.OPEN_LENGTH, reading.openLength));
      keep(names, parts, reading.wordProblem ? "word_problem" : "code_or_maths", workedOut(reading));
    }
    for (int i = 0; i < TRAITS; i++) {
      keep(names, parts, PromptReading.TRAITS.get(i), reading.closed ? traitWeights[i] * standard(reading, i) : byTraits * openTraits[2 * TRAITS + i] * openStandard(reading, i));
    }
    double byHalves = moved * shares[Member.OPEN_HALVES.ordinal()] / members[2 * Member.OPEN_HALVES.ordinal() + 1];
    double scale = gramScale / Math.sqrt(1 + reading.wordCount + reading.pairCount);
    for (int i = 0; i < reading.wordCount; i++) {
      String name = nameOf[reading.words[i]];
      if (name != null) {
        double part = reading.closed ? gramWeights[reading.words[i]] * scale : openWords[reading.words[i]] * byWords + openHalves[reading.words[i]] * byHalves;
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

  static void fill(DataInputStream data, float[] values) throws IOException {
    for (int i = 0; i < values.length; i++) {
      values[i] = data.readFloat();
      if (!Float.isFinite(values[i])) {
        throw new IOException("the trained file has a weight that is no number");
      }
    }
  }

  static void write(DataOutputStream data, float[] values) throws IOException {
    for (float value : values) {
      data.writeFloat(value);
    }
  }

  static int size(DataInputStream data, int most) throws IOException {
    int size = data.readInt();
    if (size < 0 || size > most) {
      throw new IOException("the trained file states a size of " + size + ", at most " + most + " is allowed");
    }
    return size;
  }

  private static void write(DataOutputStream data, Curve curve) throws IOException {
    data.writeInt(curve.x.length);
    write(data, curve.x);
    write(data, curve.y);
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
