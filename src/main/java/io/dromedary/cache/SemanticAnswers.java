package io.dromedary.cache;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.RemovalCause;
import io.dromedary.chat.Caller;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ModelRequest;
import io.dromedary.chat.Problem;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers to questions that were asked before in other words. A vector model finds the nearest prompt among those that may answer for each other, {@link SameQuestion} decides whether it asks the same.
 *
 * <p>Who may answer for whom is no matter of likeness: a partition's name is the {@link CacheKey} of the request without its last message's text, so project, policy, model or profile, system prompt, tools, response format and
 * sampling are equal or nothing is found (C2). Only single-turn text questions take part.
 */
public final class SemanticAnswers implements AutoCloseable {
  /** Raises how like a question must be, for one request. */
  public static final String THRESHOLD = "x-dromedary-cache-threshold";
  private static final Logger LOG = LoggerFactory.getLogger(SemanticAnswers.class);
  private static final int WAITING = 1_000;
  private static final int LOOKED_AT = 8;
  private static final long SLACK_BYTES = 16L << 20;

  /**
   * @param maxBytes of memory for prompts, vectors and answers
   * @param maxChars prompts longer than this take no part: a vector says too little of them
   * @param maxTemperature requests above it ask for variety
   * @param lookUp the longest a look-up waits for its vector
   * @param file where it is kept over a restart, null for nowhere
   */
  public record Settings(long maxBytes, Duration ttl, int maxChars, double maxTemperature, Duration lookUp, @Nullable Path file) {}

  /** How it does. */
  public record Stats(long entries, long partitions, long hits, long misses, long refused, long late, long dropped) {}

  /**
   * Why there was a hit or none.
   *
   * @param entry the nearest that was judged
   * @param verdict what was thought of it
   */
  record Found(SemanticEntry entry, SameQuestion.Verdict verdict, boolean hit) {
    /** What refuses it: a check, or that it is not like enough; null for a hit. */
    @Nullable String refusedBy() {
      return hit ? null : verdict.refusedBy() == null ? "threshold" : verdict.refusedBy();
    }
  }

  /** What is asked, and among which. */
  static final class Question {
    private final String partition;
    private final String project;
    private final String text;
    private final double threshold;
    private float @Nullable [] vector;

    private Question(String partition, String project, String text, double threshold) {
      this.partition = partition;
      this.project = project;
      this.text = text;
      this.threshold = threshold;
    }

    double threshold() {
      return threshold;
    }
  }

  private final Embedder embedder;
  private final SemanticRules rules;
  private final Settings settings;
  private final Clock clock;
  private final Cache<String, SemanticEntry> entries;
  private final ConcurrentHashMap<String, Partition> partitions = new ConcurrentHashMap<>();
  private final Cache<String, float[]> words = Caffeine.newBuilder().maximumSize(20_000).build();
  private final SameQuestion check;
  private final ThreadPoolExecutor writer;
  private final @Nullable SemanticFile file;
  private final @Nullable SharedMeanings shared;
  private final LongAdder hits = new LongAdder();
  private final LongAdder misses = new LongAdder();
  private final LongAdder refused = new LongAdder();
  private final LongAdder late = new LongAdder();
  private final LongAdder dropped = new LongAdder();

  /** Of this node alone. */
  public SemanticAnswers(Embedder embedder, SemanticRules rules, Settings settings, Clock clock) {
    this(embedder, rules, settings, clock, null);
  }

  /**
   * Loads the model and what is in the file, both aside: until then nothing is found.
   *
   * @param shared asked when this node knows nothing, null without one
   */
  public SemanticAnswers(Embedder embedder, SemanticRules rules, Settings settings, Clock clock, @Nullable SharedMeanings shared) {
    this.shared = shared;
    this.embedder = embedder;
    this.rules = rules;
    this.settings = settings;
    this.clock = clock;
    this.check = new SameQuestion(this::alike);
    this.file = settings.file() == null ? null : new SemanticFile(settings.file());
    entries = Caffeine.newBuilder().maximumWeight(settings.maxBytes()).weigher((String key, SemanticEntry entry) -> entry.weight()).expireAfterWrite(settings.ttl()).executor(Runnable::run)
        .removalListener((@Nullable String key, @Nullable SemanticEntry entry, RemovalCause cause) -> left(entry)).build();
    writer = new ThreadPoolExecutor(1, 1, 30, TimeUnit.SECONDS, new ArrayBlockingQueue<>(WAITING), Aside.threads("dromedary-semantic"));
    writer.execute(this::load);
  }

  private void load() {
    embedder.embed("warm", Duration.ofMinutes(1));
    if (file == null) {
      return;
    }
    try {
      if (file.read(entry -> {
        if (!expired(entry)) {
          insert(entry);
        }
      })) {
        LOG.warn("the semantic cache's file was not whole: what was broken is dropped, {} answers are left", entries.estimatedSize());
      }
    } catch (IOException e) {
      LOG.warn("the semantic cache's file cannot be read; it starts empty", e);
    }
  }

  private boolean expired(SemanticEntry entry) {
    return entry.answer().storedAt().plus(settings.ttl()).isBefore(clock.instant());
  }

  private void insert(SemanticEntry entry) {
    partitions.compute(entry.partition(), (name, known) -> {
      Partition partition = known == null ? new Partition() : known;
      partition.put(entry);
      return partition;
    });
    entries.put(entry.key(), entry);
  }

  private void left(@Nullable SemanticEntry entry) {
    if (entry != null) {
      partitions.computeIfPresent(entry.partition(), (name, partition) -> {
        partition.remove(entry);
        return partition.size() == 0 ? null : partition;
      });
    }
  }

  private double alike(String a, String b) {
    float[] left = word(a);
    float[] right = word(b);
    return left == null || right == null ? 0 : cosine(left, right);
  }

  private float @Nullable [] word(String word) {
    float[] known = words.getIfPresent(word);
    if (known == null) {
      known = embedder.embed(word, settings.lookUp());
      if (known != null) {
        words.put(word, known);
      }
    }
    return known;
  }

  static double cosine(float[] a, float[] b) {
    double product = 0;
    double first = 0;
    double second = 0;
    for (int i = 0; i < a.length; i++) {
      product += a[i] * b[i];
      first += a[i] * a[i];
      second += b[i] * b[i];
    }
    return first == 0 || second == 0 ? 0 : product / Math.sqrt(first * second);
  }

  /** Judges a pair as a look-up would. */
  SameQuestion.Verdict verdict(String stored, String asked) {
    float[] a = embedder.embed(stored, Duration.ofMinutes(1));
    float[] b = embedder.embed(asked, Duration.ofMinutes(1));
    return check.judge(a == null || b == null ? 0 : cosine(a, b), Wording.of(stored), Wording.of(asked));
  }

  /**
   * What is asked, if it may be answered by a like question's answer; null for all that is no single-turn question in text.
   *
   * @throws Problem 400 for a threshold that is none
   */
  @Nullable Question question(Caller caller, String scope, ModelRequest request) {
    if (!(request instanceof ChatRequest chat) || !rules.allows(caller) || chat.hasTools() || chat.hasImages()) {
      return null;
    }
    ObjectNode json = chat.json();
    if (json.path("temperature").asDouble(0) > settings.maxTemperature() || json.path("n").asInt(1) > 1 || json.path("logprobs").asBoolean(false) || json.has("audio") || json.has("web_search_options") || json.has("prediction")) {
      return null;
    }
    ArrayNode messages = chat.messages();
    for (int i = 0; i < messages.size(); i++) {
      String role = messages.get(i).path("role").asText();
      boolean last = i == messages.size() - 1;
      if (last ? !role.equals("user") || !isText(messages.get(i).path("content")) : !role.equals("system") && !role.equals("developer")) {
        return null;
      }
    }
    String text = chat.lastUserText();
    if (text.length() < 3 || text.length() > settings.maxChars()) {
      return null;
    }
    ObjectNode without = json.deepCopy();
    ((ObjectNode) without.withArray("messages").get(messages.size() - 1)).put("content", "");
    return new Question(CacheKey.of(scope, chat.with(without)), caller.project(), text, threshold(caller, request));
  }

  private static boolean isText(JsonNode content) {
    if (content.isTextual()) {
      return true;
    }
    for (JsonNode part : content) {
      if (!part.path("type").asText().equals("text")) {
        return false;
      }
    }
    return content.isArray() && content.size() > 0;
  }

  private double threshold(Caller caller, ModelRequest request) {
    double least = rules.threshold(caller);
    String wished = request.hint(THRESHOLD);
    if (wished == null) {
      return least;
    }
    try {
      double raised = new BigDecimal(wished.strip()).doubleValue();
      if (raised >= 0 && raised <= 1) {
        return Math.max(least, raised);
      }
    } catch (NumberFormatException no) {
      // said below
    }
    throw Problem.badField(THRESHOLD, "the header `" + THRESHOLD + "` must be a number from 0 to 1, not `" + Problem.clip(wished) + "`; below the project's own (" + least + ") it has no effect");
  }

  /** The nearest that was judged; null when there was nothing near or the vector was late. */
  @Nullable Found look(Question question) {
    Partition partition = partitions.get(question.partition);
    float[] vector = question.vector == null ? embedder.embed(question.text, settings.lookUp()) : question.vector;
    question.vector = vector;
    if (vector == null) {
      late.increment();
      return null;
    }
    Wording asked = Wording.of(question.text);
    Found best = partition == null ? null : best(null, partition.nearest(vector, LOOKED_AT), question, asked);
    if (shared != null && (best == null || !best.hit())) {
      List<Partition.Near> elsewhere = new ArrayList<>();
      for (SemanticEntry entry : shared.nearest(question.partition, question.project, vector, SameQuestion.least(question.threshold))) {
        elsewhere.add(new Partition.Near(entry, entry.cosine(vector)));
      }
      elsewhere.sort((a, b) -> Double.compare(b.similarity(), a.similarity()));
      best = best(best, elsewhere, question, asked);
      shared.counts(best != null && best.hit());
    }
    if (best != null && best.hit()) {
      hits.increment();
      entries.getIfPresent(best.entry().key());
    } else {
      misses.increment();
      if (best != null && best.verdict().cosine() >= question.threshold && best.verdict().refusedBy() != null) {
        refused.increment();
      }
    }
    return best;
  }

  /** The best of these and one that is known. */
  private @Nullable Found best(@Nullable Found known, List<Partition.Near> nearest, Question question, Wording asked) {
    Found best = known;
    for (Partition.Near near : nearest) {
      if (best != null && SameQuestion.most(near.similarity()) < (best.hit() ? best.verdict().similarity() : Math.min(question.threshold, best.verdict().similarity()))) {
        break;
      }
      if (expired(near.entry())) {
        continue;
      }
      SameQuestion.Verdict verdict = check.judge(near.similarity(), near.entry().wording(), asked);
      Found found = new Found(near.entry(), verdict, verdict.same(question.threshold));
      if (best == null || found.hit() && !best.hit() || found.hit() == best.hit() && verdict.similarity() > best.verdict().similarity()) {
        best = found;
      }
    }
    return best;
  }

  /** The prompt under this key, if this node still has it and it is the project's. */
  @Nullable String text(String key, String project) {
    SemanticEntry entry = entries.asMap().get(key);
    return entry == null || !entry.answer().project().equals(project) ? null : entry.text();
  }

  /** Keeps it soon, unless too many wait; returns at once. */
  void offer(Question question, String key, CachedAnswer answer) {
    try {
      writer.execute(() -> keep(question, key, answer));
    } catch (RejectedExecutionException full) {
      dropped.increment();
    }
  }

  void keep(Question question, String key, CachedAnswer answer) {
    float[] vector = question.vector == null ? embedder.embed(question.text, Duration.ofSeconds(5)) : question.vector;
    if (vector == null) {
      dropped.increment();
      return;
    }
    SemanticEntry entry = new SemanticEntry(question.partition, key, question.text, SemanticEntry.quantise(vector), answer);
    insert(entry);
    if (shared != null) {
      shared.offer(entry, vector);
    }
    if (file != null) {
      try {
        file.append(entry);
        if (file.bytes() > 2 * settings.maxBytes() + SLACK_BYTES) {
          file.rewrite(entries.asMap().values());
        }
      } catch (IOException e) {
        LOG.warn("the semantic cache's file cannot be written: {}", e.toString());
      }
    }
  }

  /** Lets these go, from the file too. @return how many */
  public int purge(AnswerCache.Purge purge) {
    int[] purged = {0};
    entries.asMap().entrySet().removeIf(each -> {
      boolean goes = (purge.key() == null || purge.key().equals(each.getKey())) && AnswerCache.matches(each.getValue().answer(), purge, clock.instant());
      purged[0] += goes ? 1 : 0;
      return goes;
    });
    if (file != null && purged[0] > 0) {
      try {
        writer.submit(() -> {
          file.rewrite(entries.asMap().values());
          return null;
        }).get(20, TimeUnit.SECONDS);
      } catch (ExecutionException | TimeoutException | RejectedExecutionException e) {
        LOG.error("purged answers may still stand in the semantic cache's file {}; delete it while the gateway is stopped", settings.file(), e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
    return purged[0];
  }

  public Stats stats() {
    entries.cleanUp();
    return new Stats(entries.estimatedSize(), partitions.size(), hits.sum(), misses.sum(), refused.sum(), late.sum(), dropped.sum());
  }

  @Override
  public void close() {
    Aside.end(writer, Duration.ofSeconds(2));
    embedder.close();
  }
}
