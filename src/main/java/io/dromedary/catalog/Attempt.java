package io.dromedary.catalog;

import io.dromedary.chat.Usage;
import io.dromedary.chat.Usd;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One provider call under a request. Its start is durable before the call; its {@link Outcome} is set once and settled with the request.
 */
public final class Attempt {
  /** How a call ended. */
  public enum Status {
    /** The provider answered whole. */
    ANSWERED,
    /** It brought no answer. */
    FAILED,
    /** A stream that broke off after its first content. */
    CUT,
    /** The caller went away, or the gateway stopped. */
    CANCELLED
  }

  /** What a call was made for: the gateway's own calls are metered too, and shown apart (M5). */
  public enum Purpose {
    /** To answer the caller. */
    ANSWER,
    /** To judge: how hard a request is, or whether an answer will do. */
    JUDGE,
    /** To see how another model would have answered; nobody waits for it. */
    SHADOW
  }

  /**
   * What came of it.
   *
   * @param usage what the provider charges for; {@link Usage#NONE} when it accepted nothing
   * @param cost {@code usage} at the attempt's price; zero when unpriced
   * @param failure the failure's kind in lower case, "" if none
   * @param providerStatus the provider's HTTP status, 0 if none came
   */
  public record Outcome(Status status, Usage usage, Usd cost, String failure, int providerStatus, @Nullable Duration firstToken, Duration total) {}

  private final String id;
  private final int number;
  private final Candidate candidate;
  private final @Nullable Price price;
  private final Usd reserved;
  private final Instant startedAt;
  private final Purpose purpose;
  private final List<Draw> draws;
  private volatile @Nullable Outcome outcome;
  private volatile Tariff.@Nullable Terms terms;
  private volatile @Nullable Duration patience;
  private volatile List<String> dropped = List.of();

  /**
   * @param id unique: {@code <requestId>.<number>}
   * @param number 1 for the first
   * @param price in force when the request arrived, null when unpriced
   * @param reserved the most that this call can cost
   */
  public Attempt(String id, int number, Candidate candidate, @Nullable Price price, Usd reserved, Instant startedAt) {
    this(id, number, candidate, price, reserved, startedAt, Purpose.ANSWER, List.of());
  }

  /**
   * One that may have been made for the gateway's own purposes, and drawn from purses.
   *
   * @param draws the purses that {@code reserved} is held in until it is settled; all of them or none
   */
  public Attempt(String id, int number, Candidate candidate, @Nullable Price price, Usd reserved, Instant startedAt, Purpose purpose, List<Draw> draws) {
    this.purpose = purpose;
    this.id = id;
    this.number = number;
    this.candidate = candidate;
    this.price = price;
    this.reserved = reserved;
    this.startedAt = startedAt;
    this.draws = draws;
  }

  public String id() {
    return id;
  }

  public int number() {
    return number;
  }

  public Candidate candidate() {
    return candidate;
  }

  public @Nullable Price price() {
    return price;
  }

  public Usd reserved() {
    return reserved;
  }

  public Instant startedAt() {
    return startedAt;
  }

  public List<Draw> draws() {
    return draws;
  }

  public Purpose purpose() {
    return purpose;
  }

  /** Says on which terms it runs, when not simply at the list price. */
  public void terms(Tariff.Terms terms) {
    this.terms = terms;
  }

  /** What it would have cost at the list price, where it ran on capacity that is paid for by the hour; null elsewhere and until its end. */
  public @Nullable Usd spared() {
    Tariff.Terms on = terms;
    Outcome end = outcome;
    return on == null || on.instead() == null || end == null ? null : on.instead().cost(end.usage());
  }

  /** The most time it may take until its first content, because others wait behind it; null for no such limit. */
  public @Nullable Duration patience() {
    return patience;
  }

  public void patience(@Nullable Duration most) {
    this.patience = most;
  }

  /** Request parameters that this provider does not take and that were left out. */
  public List<String> dropped() {
    return dropped;
  }

  public void dropped(List<String> parameters) {
    this.dropped = List.copyOf(parameters);
  }

  public @Nullable Outcome outcome() {
    return outcome;
  }

  /** Sets the outcome; the first one stays. */
  public synchronized void ended(Status status, Usage usage, String failure, int providerStatus, @Nullable Duration firstToken, Duration total) {
    if (outcome == null) {
      Usd cost = price == null ? Usd.ZERO : price.cost(usage);
      outcome = new Outcome(status, usage, cost, failure, providerStatus, firstToken, total);
      Tariff.Terms on = terms;
      if (on != null && on.used() != null) {
        on.used().accept(usage.total());
      }
    }
  }
}
