package io.dromedary.cache;

import io.dromedary.catalog.Bill;
import io.dromedary.catalog.Recall;
import io.dromedary.chat.Answer;
import io.dromedary.chat.Caller;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.EmbeddingResponse;
import io.dromedary.chat.KeptResponse;
import io.dromedary.chat.ModelRequest;
import io.dromedary.chat.Problem;
import io.dromedary.chat.ProviderFailure;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** Recalls answers and remembers them: the bean of {@code recall-answer} and {@code account}. */
public final class AnswerRecall {
  private final AnswerCache cache;
  private final CachePolicy policy;
  private final Coalescer coalescer;
  private final Clock clock;
  private final boolean enabled;
  private final Duration ttl;
  private final @Nullable SharedAnswers shared;
  private final @Nullable SemanticAnswers semantic;

  /**
   * @param ttl how old an answer may get wherever it is kept
   * @param shared the second level, null without one
   * @param semantic answers to like questions, null without
   */
  public AnswerRecall(AnswerCache cache, CachePolicy policy, Coalescer coalescer, Clock clock, boolean enabled, Duration ttl, @Nullable SharedAnswers shared, @Nullable SemanticAnswers semantic) {
    this.cache = cache;
    this.policy = policy;
    this.coalescer = coalescer;
    this.clock = clock;
    this.enabled = enabled;
    this.ttl = ttl;
    this.shared = shared;
    this.semantic = semantic;
  }

  /** @throws Problem 400 for a cache header that means nothing */
  public Recall begin(Caller caller, ModelRequest request) {
    CachePolicy.Mode mode = policy.mode(request);
    boolean touches = enabled && (mode.reads() || mode.stores());
    Recollection recollection = new Recollection(touches ? mode : CachePolicy.Mode.NO_STORE, touches ? CacheKey.of(scope(caller), request) : "", caller.project(), scope(caller));
    if (semantic != null && touches && !mode.reads()) {
      recollection.question(semantic.question(caller, recollection.scope(), request));
    }
    return recollection;
  }

  /** Answers of one project, given under one policy: a key that may use fewer models is not told what the others said. */
  static String scope(Caller caller) {
    String policy = caller.policy().tag();
    return policy.isEmpty() ? caller.project() : caller.project() + " " + policy;
  }

  /**
   * Decides what is recalled. Without a find, the first of several equal requests goes on to ask; the others wait here for its answer (C4).
   *
   * @param found what the cache had, null if nothing
   * @return the answer to give, null when it must be asked for
   * @throws Problem 404 when only the cache may be asked
   * @throws RuntimeException the failure of the equal request that was waited for
   */
  public @Nullable KeptResponse recall(Recall recall, @Nullable CachedAnswer found, ModelRequest request) {
    Recollection recollection = (Recollection) recall;
    // An answer from another level came late into this one's memory; its age counts from the day it was given.
    boolean fresh = found != null && !found.storedAt().plus(ttl).isBefore(clock.instant());
    CachedAnswer recalled = fresh ? found.hit() : waited(recollection, request);
    if (recalled == null) {
      return null;
    }
    recollection.found(recalled);
    return recalled.kept();
  }

  private @Nullable CachedAnswer waited(Recollection recollection, ModelRequest request) {
    if (recollection.mode() == CachePolicy.Mode.ONLY) {
      throw policy.notInCache();
    }
    if (!recollection.mode().coalesces()) {
      return null;
    }
    Coalescer.Turn turn = coalescer.join(recollection.key());
    recollection.turn(turn);
    if (!turn.leads()) {
      return turn.await(request.remaining(clock.instant()));
    }
    // One that has just been answered may have been kept between our look and our turn.
    CachedAnswer now = cache.get(recollection.key());
    if (now == null) {
      return null;
    }
    turn.answered(now);
    return now.hit();
  }

  private @Nullable CachedAnswer kept(Caller caller, @Nullable Answer answer, Bill bill) {
    Instant now = Instant.now(clock);
    if (answer instanceof ChatResponse whole) {
      return CachedAnswer.of(caller.project(), whole, bill.servedModel(), bill.provider(), bill.cost(), now);
    }
    return answer instanceof EmbeddingResponse vectors ? CachedAnswer.of(caller.project(), vectors, bill.servedModel(), bill.provider(), bill.cost(), now) : null;
  }

  /** The request is over: keeps its answer if it is whole and good, and tells those that wait for it. */
  public void over(@Nullable Recall recall, @Nullable Caller caller, @Nullable Answer answer, @Nullable Bill bill, @Nullable Throwable thrown) {
    if (!(recall instanceof Recollection recollection)) {
      return;
    }
    Coalescer.Turn turn = recollection.turn();
    boolean good = bill != null && !recollection.hit() && "ok".equals(bill.status()) && caller != null && (turn != null || recollection.mode().stores());
    CachedAnswer kept = good ? kept(caller, answer, bill) : null;
    if (kept != null) {
      if (recollection.mode().stores() && (!(answer instanceof ChatResponse chat) || policy.keeps(chat)) && policy.keeps(kept)) {
        cache.put(recollection.key(), kept);
        if (shared != null) {
          shared.offer(recollection.key(), kept);
        }
        SemanticAnswers.Question question = recollection.question();
        if (semantic != null && question != null) {
          semantic.offer(question, recollection.key(), kept);
        }
      }
      if (turn != null) {
        turn.answered(kept);
      }
    } else if (turn != null) {
      boolean sharedFate = thrown instanceof Problem || thrown instanceof ProviderFailure failure && failure.kind() != ProviderFailure.Kind.CANCELLED;
      if (sharedFate) {
        turn.failed((RuntimeException) thrown);
      } else {
        turn.close();
      }
    }
  }
}
