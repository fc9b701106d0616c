package io.dromedary.complexity;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;

/**
 * What each of the models that it was trained on is expected to score at a prompt, 0 to 1: the mean of a {@link Forest}, {@link Kinds} and {@link Profiles} over the router's places, moved away from the model's usual
 * score by {@link #spread}, since each of the three is cautious and errs elsewhere: their mean is too cautious.
 *
 * <p>For any other model there is the prompt's {@link Read#ease}: on the scale of log odds, how much better than usual the trained models do at it together (the one-parameter model of Rasch: log odds = ability -
 * difficulty). A model whose usual quality is known is expected to move by as much, times {@link #slope}, which is fitted on trained models left out in turn.
 */
public final class QualityModel {
  static final int WIDTH = LearnedModel.WIDTH + PromptReading.FORM.size();
  private static final double FEWEST = 0.02;
  final String[] names;
  final float[] usual;
  final Forest forest;
  final Kinds kinds;
  final Profiles profiles;
  final float spread;
  final float slope;

  QualityModel(String[] names, float[] usual, Forest forest, Kinds kinds, Profiles profiles, float spread, float slope) {
    this.names = names;
    this.usual = usual;
    this.forest = forest;
    this.kinds = kinds;
    this.profiles = profiles;
    this.spread = spread;
    this.slope = slope;
  }

  /** What is expected at one prompt. */
  public final class Read {
    private final double[] expected;
    private final double ease;

    Read(double[] expected) {
      this.expected = expected;
      this.ease = QualityModel.ease(expected, usual, -1);
    }

    /** How much easier than usual, in log odds: 0 is usual, below it is harder. */
    public double ease() {
      return ease;
    }

    /** Expected score of a trained model by its place in {@link QualityModel#models}. */
    public double of(int model) {
      return Math.max(0, Math.min(1, expected[model]));
    }

    /** Expected quality of a model that was not trained on but whose usual quality is known. */
    public double of(double usualQuality) {
      return usualQuality <= FEWEST || usualQuality >= 1 - FEWEST ? usualQuality : logistic(logit(usualQuality) + slope * ease);
    }
  }

  /** Names of the models it was trained on. */
  public List<String> models() {
    return List.of(names);
  }

  /** What a trained model scored on the average of the prompts it was trained on. */
  public double usual(int model) {
    return usual[model];
  }

  /** The same with what was fitted afterwards. */
  QualityModel with(double spread, double slope) {
    return new QualityModel(names, usual, forest, kinds, profiles, (float) spread, (float) slope);
  }

  Read read(float[] place) {
    return new Read(expected(place));
  }

  double[] expected(float[] place) {
    double[] sum = new double[names.length];
    forest.add(place, sum);
    kinds.add(place, sum);
    profiles.add(place, sum);
    for (int i = 0; i < sum.length; i++) {
      sum[i] = usual[i] + spread * (sum[i] / 3 - usual[i]);
    }
    return sum;
  }

  /** Mean shift of log odds over the models except one. */
  static double ease(double[] expected, float[] usual, int except) {
    double sum = 0;
    int count = 0;
    for (int i = 0; i < expected.length; i++) {
      if (i != except) {
        sum += logit(expected[i]) - logit(usual[i]);
        count++;
      }
    }
    return count == 0 ? 0 : sum / count;
  }

  static double logit(double chance) {
    double held = Math.max(FEWEST, Math.min(1 - FEWEST, chance));
    return Math.log(held / (1 - held));
  }

  static double logistic(double value) {
    return 1 / (1 + Math.exp(-value));
  }

  void write(DataOutputStream data) throws IOException {
    data.writeInt(names.length);
    for (String name : names) {
      data.writeUTF(name);
    }
    LearnedModel.write(data, usual);
    data.writeFloat(spread);
    data.writeFloat(slope);
    forest.write(data);
    kinds.write(data);
    profiles.write(data);
  }

  static QualityModel read(DataInputStream data, int width) throws IOException {
    String[] names = new String[LearnedModel.size(data, 1000)];
    for (int i = 0; i < names.length; i++) {
      names[i] = data.readUTF();
    }
    float[] usual = new float[names.length];
    float[] moves = new float[2];
    LearnedModel.fill(data, usual);
    LearnedModel.fill(data, moves);
    return new QualityModel(names, usual, Forest.read(data, width, names.length), Kinds.read(data, width, names.length), Profiles.read(data, width, names.length), moves[0], moves[1]);
  }

  @Override
  public String toString() {
    return "QualityModel" + Arrays.toString(names);
  }
}
