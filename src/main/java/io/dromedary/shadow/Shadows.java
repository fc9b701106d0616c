package io.dromedary.shadow;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Bill;
import io.dromedary.catalog.Candidates;
import io.dromedary.chat.Answer;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Json;
import io.dromedary.chat.ModelRequest;
import io.dromedary.chat.Problem;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.chat.StableHash;
import java.lang.System.Logger.Level;
import java.time.Instant;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Chooses which answered requests are shadowed, and notes what came of it. A request only leaves its shadow behind: what is too much at once is not asked and counted, and nothing here throws at a caller.
 */
public final class Shadows {
  /** Compares two answers. */
  public interface Comparison {
    /** From 0 to 1; null when it could not be told in time. */
    @Nullable Double of(ShadowPolicy.Measure measure, String served, String shadow);
  }

  /** Hears what becomes of shadows, for metrics. */
  public interface Observer {
    /** @param bill of the shadow's call, null when none was made */
    void ended(String model, String outcome, @Nullable Double agreement, @Nullable Bill bill);
  }

  /** What waiting and running shadows may keep in memory together. */
  private static final long MOST_CHARS = 32L << 20;
  private static final System.Logger LOG = System.getLogger(Shadows.class.getName());

  private final Supplier<ShadowPolicy> policy;
  private final Predicate<String> on;
  private final ShadowStore store;
  private final Comparison comparison;
  private final Observer observer;
  private final int most;
  private final AtomicInteger held = new AtomicInteger();
  private final AtomicLong chars = new AtomicLong();
  private volatile boolean closed;

  /**
   * @param on whether a project's requests are shadowed at all
   * @param most shadows that may wait and run at once
   */
  public Shadows(Supplier<ShadowPolicy> policy, Predicate<String> on, ShadowStore store, Comparison comparison, Observer observer, int most) {
    this.policy = policy;
    this.on = on;
    this.store = store;
    this.comparison = comparison;
    this.observer = observer;
    this.most = most;
  }

  /** The shadow of an answered request, null for one that has none. Never waits, never throws. */
  public @Nullable Shadow chosen(@Nullable Bill bill, @Nullable ModelRequest request, @Nullable Answer answer) {
    ShadowPolicy now = policy.get();
    if (!now.on() || bill == null || closed || !bill.status().equals("ok") || bill.attempts().isEmpty() || !(request instanceof ChatRequest asked) || !(answer instanceof ChatResponse whole)) {
      return null;
    }
    ShadowPolicy.Mirror mirror = now.of(bill.project(), bill.topic().domain());
    // the same question is in or out on every node and after every restart
    if (!mirror.on() || mirror.model().equals(bill.servedModel()) || StableHash.place("shadow", bill.project() + '\n' + bill.promptHash()) * 100 >= mirror.share() || !on.test(bill.project())) {
      return null;
    }
    String said = said(whole);
    long size = size(asked.json()) + said.length();
    // both are counted before either is looked at, so that what is given back is what was taken
    boolean tooMany = held.incrementAndGet() > most;
    boolean tooLarge = chars.addAndGet(size) > MOST_CHARS;
    if (tooMany || tooLarge) {
      release(size);
      observer.ended(mirror.model(), "dropped", null, null);
      return null;
    }
    return new Shadow(asked, mirror.model(), bill, said, size);
  }

  private void release(long size) {
    held.decrementAndGet();
    chars.addAndGet(-size);
  }

  private static long size(JsonNode node) {
    if (node.isTextual()) {
      return node.textValue().length();
    }
    long size = 8;
    for (JsonNode child : node) {
      size += size(child);
    }
    return size;
  }

  private static String said(ChatResponse answer) {
    JsonNode calls = answer.json().path("choices").path(0).path("message").path("tool_calls");
    StringBuilder said = new StringBuilder(answer.text());
    for (JsonNode call : calls) {
      said.append('\n').append(call.path("function").path("name").asText()).append(' ').append(call.path("function").path("arguments").asText());
    }
    return said.toString();
  }

  /** The request as one of its own, now that it is its turn: whole, with an id, a deadline and no caller. @throws Problem 503 when the gateway stops: what has not begun is left */
  public ChatRequest begin(Shadow shadow) {
    if (closed) {
      throw new Problem(503, "service_unavailable_error", "the gateway is stopping").code("abandoned");
    }
    ChatRequest asked = shadow.getAsked();
    Instant now = Instant.now();
    return new ChatRequest(asked.id() + Shadow.SUFFIX, asked.wholeBody(), asked.hints(), now, now.plus(policy.get().timeout()), () -> closed, asked.policy(), asked.call());
  }

  /** Says that the shadow's answer is the one that its own bill is about. */
  public void asked(@Nullable Candidates candidates) {
    if (candidates != null && !candidates.attempts().isEmpty()) {
      candidates.serve(candidates.attempts().get(candidates.attempts().size() - 1));
    }
  }

  /**
   * The shadow is over: notes what came of it and makes room for another.
   *
   * @param bill of its call, null when none was made
   * @param thrown why there is no answer, null when there is one
   */
  public void over(Shadow shadow, @Nullable Bill bill, @Nullable Answer answer, @Nullable Throwable thrown) {
    release(shadow.chars());
    String outcome = bill == null ? outcome(thrown) : bill.status().equals("ok") ? "answered" : failure(bill);
    if (outcome.equals("error")) {
      LOG.log(Level.WARNING, "the shadow of request " + shadow.getAsked().id() + " met a mistake of the gateway's own", thrown);
    }
    ChatResponse whole = answer instanceof ChatResponse response ? response : null;
    ShadowPolicy.Measure measure = policy.get().measure();
    Double agreement = whole == null ? null : comparison.of(measure, shadow.answer(), said(whole));
    observer.ended(shadow.getModel(), outcome, agreement, bill);
    try {
      store.keep(shadow, bill, outcome, agreement, measure.name().toLowerCase(Locale.ROOT));
    } catch (IllegalStateException notKept) {
      LOG.log(Level.WARNING, "what came of the shadow of request " + shadow.getAsked().id() + " could not be kept: " + notKept.getMessage());
    }
  }

  private static String failure(Bill bill) {
    Attempt.Outcome last = bill.attempts().get(bill.attempts().size() - 1).outcome();
    return last == null || last.failure().isEmpty() ? "error" : last.failure();
  }

  private static String outcome(@Nullable Throwable thrown) {
    if (thrown instanceof Problem problem) {
      return problem.code() == null ? "error" : problem.code();
    }
    return thrown instanceof ProviderFailure failure ? failure.kind().name().toLowerCase(Locale.ROOT) : "error";
  }

  /** No shadow begins from now on, and those under way are broken off: nobody waits for them. */
  public void close() {
    closed = true;
  }

  /** Shadows that wait or run. */
  public int held() {
    return held.get();
  }

  /** Puts onto a request's page what its shadow said, and onto the shadow's whose it is. */
  public ObjectNode onPage(ObjectNode page) {
    return store.onPage(page);
  }

  /** {@code GET /admin/shadows?project=…}: the pairs of models that were compared, and what is shadowed now. @throws Problem 400 for another parameter */
  public ObjectNode report(Inbound in) {
    for (String name : in.query().keySet()) {
      if (!name.equals("project")) {
        throw Problem.badField(Problem.clip(name), "there is no parameter `" + Problem.clip(name) + "` here; there is project");
      }
    }
    ShadowPolicy now = policy.get();
    ObjectNode page = Json.object().put("object", "shadow.report").put("measure", now.measure().name().toLowerCase(Locale.ROOT)).put("under_way", held());
    mirror(page.putObject("shadows"), now.usual());
    for (Map.Entry<String, Map<String, ShadowPolicy.Mirror>> of : Map.of("domains", now.domains(), "projects", now.projects()).entrySet()) {
      ObjectNode each = page.withObjectProperty("shadows").putObject(of.getKey());
      of.getValue().forEach((name, mirror) -> mirror(each.putObject(name), mirror));
    }
    page.set("pairs", store.pairs(in.query().get("project")));
    return page;
  }

  private static void mirror(ObjectNode node, ShadowPolicy.Mirror mirror) {
    if (mirror.model() != null) {
      node.put("model", mirror.model());
    }
    if (mirror.share() != null) {
      node.put("share", mirror.share());
    }
  }
}
