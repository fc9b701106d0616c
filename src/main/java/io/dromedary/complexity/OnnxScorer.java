package io.dromedary.complexity;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.onnxruntime.NodeInfo;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import io.dromedary.catalog.Complexity;
import io.dromedary.catalog.Tier;
import io.dromedary.chat.ChatRequest;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * Any sequence classifier as an ONNX file with its tokenizer, such as a fine-tuned BERT: the score is the probability of one of its labels (softmax over the logits; a sigmoid where there is only one). Runs in this process, by the
 * libraries that the embedding model brings; thread-safe.
 */
public final class OnnxScorer implements ComplexityScorer, AutoCloseable {
  private static final int MOST_CHARS = 20_000;
  private static final Set<String> INPUTS = Set.of("input_ids", "attention_mask", "token_type_ids");

  private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
  private final OrtSession session;
  private final HuggingFaceTokenizer tokenizer;
  private final int label;
  private final int maxTokens;

  /**
   * Loads both files and tries them.
   *
   * @param label index of the label whose probability is the score; of a model with one output it must be 0
   * @throws IOException if either is broken, or the model is no sequence classifier
   */
  public OnnxScorer(byte[] model, byte[] tokenizer, int label, int maxTokens) throws IOException {
    this.label = label;
    this.maxTokens = maxTokens;
    HuggingFaceTokenizer words = null;
    OrtSession made = null;
    try {
      words = HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(tokenizer), Map.of("padding", "false", "truncation", "true", "maxLength", Integer.toString(maxTokens), "modelMaxLength", Integer.toString(maxTokens)));
      OrtSession.SessionOptions options = new OrtSession.SessionOptions();
      options.setIntraOpNumThreads(1);
      made = environment.createSession(model, options);
      this.tokenizer = words;
      this.session = made;
      for (Map.Entry<String, NodeInfo> input : made.getInputInfo().entrySet()) {
        if (!INPUTS.contains(input.getKey())) {
          throw new IOException("it has an input `" + input.getKey() + "`; known are " + String.join(", ", INPUTS.stream().sorted().toList()));
        }
      }
      double tried = probability("Hello");
      if (!Double.isFinite(tried)) {
        throw new IOException("its output is no number");
      }
    } catch (OrtException | RuntimeException | IOException e) {
      close(words, made);
      throw new IOException(words == null ? "the tokenizer: " + words(e) : "the model: " + words(e), e);
    }
  }

  private static String words(Exception e) {
    String message = String.valueOf(e.getMessage()).replace('\n', ' ');
    return message.length() <= 200 ? message : message.substring(0, 197) + "...";
  }

  private static void close(AutoCloseable... resources) {
    for (AutoCloseable resource : resources) {
      try {
        if (resource != null) {
          resource.close();
        }
      } catch (Exception gone) {
        // it was not usable anyway
      }
    }
  }

  @Override
  public String kind() {
    return "bert";
  }

  @Override
  public Complexity score(ChatRequest request) {
    Turn turn = Turn.of(request);
    double score;
    try {
      score = probability(turn.text());
    } catch (OrtException e) {
      throw new IllegalStateException(e);
    }
    Map<String, Object> signals = new LinkedHashMap<>(4);
    signals.put("label", label);
    if (turn.earlier()) {
      signals.put("scored_message", "the one before a short follow-up");
    }
    return new Complexity(score, Tier.of(score), "bert", signals);
  }

  private double probability(String text) throws OrtException {
    Encoding encoding = tokenizer.encode(text.length() <= MOST_CHARS ? text : text.substring(0, MOST_CHARS), true, false);
    Map<String, OnnxTensor> inputs = new HashMap<>(4);
    try {
      for (String name : session.getInputNames()) {
        long[] values = switch (name) {
          case "attention_mask" -> encoding.getAttentionMask();
          case "token_type_ids" -> encoding.getTypeIds();
          default -> encoding.getIds();
        };
        inputs.put(name, OnnxTensor.createTensor(environment, new long[][] {cut(values)}));
      }
      try (OrtSession.Result result = session.run(inputs)) {
        if (!(result.get(0) instanceof OnnxTensor logits) || logits.getInfo().getShape().length != 2 || logits.getInfo().getShape()[0] != 1) {
          throw new IllegalStateException("its first output must be logits of the shape [1, labels]");
        }
        return probability(logits.getFloatBuffer());
      }
    } finally {
      inputs.values().forEach(OnnxTensor::close);
    }
  }

  private long[] cut(long[] values) {
    return values.length <= maxTokens ? values.length == 0 ? new long[1] : values : java.util.Arrays.copyOf(values, maxTokens);
  }

  private double probability(FloatBuffer logits) {
    int labels = logits.remaining();
    if (label >= labels) {
      throw new IllegalStateException("it has " + labels + " labels, and label " + label + " is not among them (counted from 0)");
    }
    if (labels == 1) {
      return 1 / (1 + Math.exp(-logits.get(0)));
    }
    double most = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < labels; i++) {
      most = Math.max(most, logits.get(i));
    }
    double sum = 0;
    for (int i = 0; i < labels; i++) {
      sum += Math.exp(logits.get(i) - most);
    }
    return Math.exp(logits.get(label) - most) / sum;
  }

  @Override
  public void close() {
    close(session, tokenizer);
  }
}
