package io.dromedary.provider.local;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.langchain4j.data.embedding.Embedding;
import dev.langchain4j.model.embedding.EmbeddingModel;
import dev.langchain4j.model.embedding.onnx.AbstractInProcessEmbeddingModel;
import dev.langchain4j.model.embedding.onnx.OnnxBertBiEncoder;
import dev.langchain4j.model.embedding.onnx.PoolingMode;
import dev.langchain4j.model.embedding.onnx.allminilml6v2q.AllMiniLmL6V2QuantizedEmbeddingModel;
import dev.langchain4j.model.output.Response;
import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Candidate;
import io.dromedary.chat.Answer;
import io.dromedary.chat.EmbeddingRequest;
import io.dromedary.chat.EmbeddingResponse;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.chat.ProviderFailure.Kind;
import io.dromedary.chat.Usage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * all-MiniLM-L6-v2, quantised to 8 bits, by ONNX in this process (Reimers and Gurevych, "Sentence-BERT", EMNLP 2019): vectors of 384 numbers and unit length, without a network and at no cost. The model is loaded at the first
 * request. Work is done by a few threads, a slice of texts at a time, so that a long list makes no other request wait for all of it.
 */
public final class MiniLm implements AutoCloseable {
  public static final String PROVIDER = "local";
  private static final String MODEL = "all-minilm-l6-v2";
  private static final String FILES = "all-minilm-l6-v2-q";
  private static final int DIMENSIONS = 384;
  /** What the model can read, with a mark at either end; texts are cut there, so one that fills it may have been longer. */
  private static final int POSITIONS = 512;
  private static final int MOST_TOKENS = POSITIONS - 3;
  /** No text of that length has so few tokens; it need not be split into words to know. */
  private static final int MOST_CHARS = 20_000;
  private static final int SLICE = 16;
  /** Some 130 tokens: what is said first tells most, and time grows with the length. */
  private static final int VECTOR_CHARS = 600;
  private static final int QUEUE = 256;
  private static final long PROBE_NANOS = 500_000_000;
  private static final Logger LOG = LoggerFactory.getLogger(MiniLm.class);

  /** Initialised at the first use, by one thread. The only class that names the library: without it on the class path all others still load. */
  private static final class Loaded {
    private static final EmbeddingModel MODEL = load();

    /** The library's own class for this model cuts texts after 128 tokens without a word, as its tokenizer's file says; a vector of half a text is a wrong answer. Here the same model reads all positions it has. */
    private static EmbeddingModel load() {
      ClassLoader loader = AllMiniLmL6V2QuantizedEmbeddingModel.class.getClassLoader();
      try (InputStream model = loader.getResourceAsStream(FILES + ".onnx"); InputStream tokenizer = loader.getResourceAsStream(FILES + "-tokenizer.json")) {
        ObjectNode words = (ObjectNode) Json.read(Objects.requireNonNull(tokenizer, "tokenizer").readAllBytes());
        words.withObject("/truncation").put("max_length", POSITIONS);
        OnnxBertBiEncoder encoder = new OnnxBertBiEncoder(Objects.requireNonNull(model, "model"), new ByteArrayInputStream(Json.bytes(words)), PoolingMode.MEAN);
        return new AbstractInProcessEmbeddingModel(Runnable::run) {
          @Override
          protected OnnxBertBiEncoder model() {
            return encoder;
          }
        };
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    static One embed(String text) {
      Response<Embedding> made = MODEL.embed(text);
      return new One(made.content().vector(), made.tokenUsage().inputTokenCount());
    }
  }

  private record One(float[] vector, int tokens) {}

  private record Made(List<float[]> vectors, long tokens) {}

  private final ThreadPoolExecutor workers;
  private final Path nativeDir;

  /**
   * Loads nothing yet.
   *
   * @param threads that compute at once
   * @param nativeDir where the tokenizer's native library is unpacked to; a directory that only we can write
   */
  public MiniLm(int threads, Path nativeDir) {
    this.nativeDir = nativeDir;
    this.workers = new ThreadPoolExecutor(threads, threads, 30, TimeUnit.SECONDS, new ArrayBlockingQueue<>(QUEUE), task -> {
      Thread thread = new Thread(task, "dromedary-minilm");
      thread.setDaemon(true);
      return thread;
    });
    workers.allowCoreThreadTimeOut(true);
  }

  /** Is the model on the class path? A library user may leave its 127 MB out. */
  public static boolean present() {
    try {
      Class.forName("dev.langchain4j.model.embedding.onnx.allminilml6v2q.AllMiniLmL6V2QuantizedEmbeddingModel", false, MiniLm.class.getClassLoader());
      return true;
    } catch (ClassNotFoundException leftOut) {
      return false;
    }
  }

  /**
   * Embeds each text.
   *
   * @throws Problem 400 for token lists, a text that is too long, other dimensions than 384; 404 for another model
   * @throws ProviderFailure when it is too busy, takes too long, cannot be loaded here, or the caller left
   */
  public Answer embed(EmbeddingRequest request, Candidate candidate, Attempt attempt) {
    long started = System.nanoTime();
    try {
      Made made = made(request, candidate.model().name(), started);
      Usage usage = Usage.ofPrompt(made.tokens(), 0, 0, 0, 0);
      attempt.ended(Attempt.Status.ANSWERED, usage, "", 200, since(started), since(started));
      return EmbeddingResponse.of(candidate.model().id(), made.vectors(), request.base64(), usage);
    } catch (ProviderFailure failure) {
      attempt.ended(failure.kind() == Kind.CANCELLED ? Attempt.Status.CANCELLED : Attempt.Status.FAILED, Usage.NONE, failure.kind().name().toLowerCase(Locale.ROOT), 0, null, since(started));
      throw failure;
    } catch (RuntimeException refused) {
      attempt.ended(Attempt.Status.FAILED, Usage.NONE, "not_called", 0, null, since(started));
      throw refused;
    }
  }

  /**
   * A whole text's vector, for those who can do without.
   *
   * @return null when it is too busy, takes longer than that, the text is too long, or it does not work here
   */
  public float @Nullable [] wholeVector(String text, Duration most) {
    if (text.length() > MOST_CHARS) {
      return null;
    }
    try {
      return await(() -> compute(List.of(text), 0), System.nanoTime() + most.toNanos()).vectors().get(0);
    } catch (ProviderFailure | Problem without) {
      return null;
    }
  }

  /**
   * The vector of a text's beginning, for those who can do without: null when it is not ready in time, the workers have others waiting, or the model does not work here. Loads the model at the first call, which comes
   * back without a vector.
   */
  public float @Nullable [] vector(String text, Duration within) {
    if (workers.getQueue().size() > workers.getMaximumPoolSize()) {
      return null;
    }
    String start = text.length() <= VECTOR_CHARS ? text : text.substring(0, VECTOR_CHARS);
    try {
      Future<Made> future = workers.submit(() -> compute(List.of(start), 0));
      try {
        return future.get(within.toNanos(), TimeUnit.NANOSECONDS).vectors().get(0);
      } catch (TimeoutException late) {
        future.cancel(false);
        return null;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return null;
    } catch (RejectedExecutionException | ExecutionException e) {
      LOG.debug("no sentence vector", e);
      return null;
    }
  }

  private Made made(EmbeddingRequest request, String model, long started) {
    if (!model.equals(MODEL)) {
      throw Problem.modelNotFound(PROVIDER + "/" + model);
    }
    if (request.dimensions().orElse(DIMENSIONS) != DIMENSIONS) {
      throw Problem.badField("dimensions", "`dimensions` must be " + DIMENSIONS + " for `" + PROVIDER + "/" + MODEL + "`, whose vectors cannot be shortened");
    }
    List<String> texts = request.texts(0, request.inputs().size());
    for (int i = 0; i < texts.size(); i++) {
      if (texts.get(i).length() > MOST_CHARS) {
        throw tooLong(i);
      }
    }
    long deadline = started + request.remaining(Instant.now()).toNanos();
    long probeAt = started + PROBE_NANOS;
    List<float[]> vectors = new ArrayList<>(texts.size());
    long tokens = 0;
    for (int from = 0; from < texts.size(); from += SLICE) {
      int first = from;
      List<String> slice = texts.subList(from, Math.min(texts.size(), from + SLICE));
      Made made = await(() -> compute(slice, first), deadline);
      vectors.addAll(made.vectors());
      tokens += made.tokens();
      if (System.nanoTime() - probeAt > 0) {
        probeAt = System.nanoTime() + PROBE_NANOS;
        if (request.callerGone().getAsBoolean()) {
          throw ProviderFailure.of(Kind.CANCELLED, PROVIDER, "the caller hung up");
        }
      }
    }
    return new Made(vectors, tokens);
  }

  private Made await(Callable<Made> work, long deadline) {
    Future<Made> future;
    try {
      future = workers.submit(work);
    } catch (RejectedExecutionException full) {
      throw ProviderFailure.of(Kind.NOT_CALLED, PROVIDER, "the in-process model has " + QUEUE + " requests waiting already, its limit");
    }
    try {
      return future.get(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
    } catch (TimeoutException late) {
      future.cancel(false);
      throw ProviderFailure.of(Kind.TIMEOUT, PROVIDER, "the in-process model did not come to this request in time");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw ProviderFailure.of(Kind.CANCELLED, PROVIDER, "the gateway is stopping");
    } catch (ExecutionException e) {
      if (e.getCause() instanceof Problem problem) {
        throw problem;
      }
      // No native library for this machine, or no memory: it will not get better by itself.
      LOG.error("the in-process embedding model does not work here", e.getCause());
      throw ProviderFailure.of(Kind.DOWN, PROVIDER, "the in-process model does not work on this machine; the log says why", e.getCause());
    }
  }

  private Made compute(List<String> texts, int first) {
    beforeLoading(nativeDir);
    List<float[]> vectors = new ArrayList<>(texts.size());
    long tokens = 0;
    for (int i = 0; i < texts.size(); i++) {
      One made = Loaded.embed(texts.get(i));
      if (made.tokens() > MOST_TOKENS) {
        throw tooLong(first + i);
      }
      vectors.add(made.vector());
      tokens += made.tokens();
    }
    return new Made(vectors, tokens);
  }

  /** What the tokenizer's library reads when it is loaded: unpack where nobody else can write, take no other library than the one in the jar, and tell nobody. */
  public static void beforeLoading(Path nativeDir) {
    setUnlessSet("ENGINE_CACHE_DIR", nativeDir.toAbsolutePath().toString());
    setUnlessSet("RUST_FLAVOR", "cpu");
    setUnlessSet("OPT_OUT_TRACKING", "true");
    setUnlessSet("ai.djl.offline", "true");
  }

  private static void setUnlessSet(String property, String value) {
    if (System.getProperty(property) == null) {
      System.setProperty(property, value);
    }
  }

  private static Problem tooLong(int index) {
    return Problem.badRequest("`input[" + index + "]` is longer than the " + MOST_TOKENS + " tokens that `" + PROVIDER + "/" + MODEL + "` reads; split it").param("input").code("context_length_exceeded");
  }

  private static Duration since(long started) {
    return Duration.ofNanos(System.nanoTime() - started);
  }

  @Override
  public void close() {
    workers.shutdownNow();
  }
}
