package io.dromedary.budget;

import io.dromedary.catalog.Purse;
import io.dromedary.chat.Problem;
import io.dromedary.chat.Usd;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** A purse as this node knows it: what its last transaction saw in it. That may be old, but what is used never falls, so a purse found spent is spent. */
final class LivePurse implements Purse {
  private final String key;
  private final Facts facts;
  private final ZoneId zone;
  private final LongSupplier limit;
  private final @Nullable BigDecimal soft;
  private final @Nullable CreditRule credit;
  private final Consumer<BudgetSignals.Signal> signals;
  private final Set<BudgetSignals.Kind> told = EnumSet.noneOf(BudgetSignals.Kind.class);
  private final AtomicLong lookedAt = new AtomicLong();
  private volatile @Nullable Balance seen;

  /** A budget's current period. */
  LivePurse(String key, Facts facts, ZoneId zone, LongSupplier limit, @Nullable BigDecimal soft, Consumer<BudgetSignals.Signal> signals) {
    this(key, facts, zone, limit, soft, null, signals);
  }

  /** A prepaid balance: its limit is what was paid in, and nothing more. */
  LivePurse(String key, Facts facts, CreditRule credit, Consumer<BudgetSignals.Signal> signals) {
    this(key, facts, java.time.ZoneOffset.UTC, () -> 0, null, credit, signals);
  }

  private LivePurse(String key, Facts facts, ZoneId zone, LongSupplier limit, @Nullable BigDecimal soft, @Nullable CreditRule credit, Consumer<BudgetSignals.Signal> signals) {
    this.key = key;
    this.facts = facts;
    this.zone = zone;
    this.limit = limit;
    this.soft = soft;
    this.credit = credit;
    this.signals = signals;
  }

  @Override
  public String key() {
    return key;
  }

  @Override
  public Facts facts() {
    return facts;
  }

  @Override
  public long limitNanos() {
    return limit.getAsLong();
  }

  @Nullable Balance seen() {
    return seen;
  }

  /** Is it time to look into the store again? True for one who asks in each such time. */
  boolean isDue(long nanoTime, Duration every) {
    long last = lookedAt.get();
    return (last == 0 || nanoTime - last > every.toNanos()) && lookedAt.compareAndSet(last, nanoTime);
  }

  /** Is it plain without asking the store that this much cannot be drawn? Only of budgets: a balance may have been topped up. */
  boolean isSpentFor(long nanos) {
    Balance balance = seen;
    return credit == null && balance != null && nanos > limitNanos() - balance.used();
  }

  /** Is it past its soft threshold, or its balance critical, as far as this node knows? */
  boolean isShort() {
    Balance balance = seen;
    if (balance == null) {
      return false;
    }
    if (credit != null) {
      return credit.criticalNanos() >= 0 && left(balance) <= credit.criticalNanos();
    }
    return soft != null && balance.used() + balance.reserved() >= softNanos(limitNanos());
  }

  private long softNanos(long limitNanos) {
    return soft == null ? Long.MAX_VALUE : soft.multiply(BigDecimal.valueOf(limitNanos)).setScale(0, RoundingMode.CEILING).longValueExact();
  }

  private static long left(Balance balance) {
    return balance.granted() - balance.used() - balance.reserved();
  }

  @Override
  public void changed(Balance balance) {
    Balance before = seen;
    seen = balance;
    if (credit != null) {
      if (before != null && balance.granted() > before.granted()) {
        synchronized (told) {
          told.clear();
        }
      }
      if (left(balance) <= credit.criticalNanos()) {
        tell(BudgetSignals.Kind.CREDIT_CRITICAL, balance);
      } else if (left(balance) <= credit.lowNanos()) {
        tell(BudgetSignals.Kind.CREDIT_LOW, balance);
      }
    } else if (isShort()) {
      tell(BudgetSignals.Kind.BUDGET_LOW, balance);
    }
  }

  private void tell(BudgetSignals.Kind kind, Balance balance) {
    synchronized (told) {
      if (!told.add(kind)) {
        return;
      }
    }
    signals.accept(new BudgetSignals.Signal(kind, facts.project(), facts.name(), facts.subject(), facts.period(), balance.used(), balance.reserved(), credit == null ? limitNanos() : balance.granted(),
        facts.endsAtMs()));
  }

  Problem refusal(long askedNanos) {
    Balance balance = seen;
    return refusal(balance == null ? new Balance(0, 0, 0) : balance, askedNanos);
  }

  @Override
  public Problem refusal(Balance balance, long askedNanos) {
    tell(credit == null ? BudgetSignals.Kind.BUDGET_SPENT : BudgetSignals.Kind.CREDIT_SPENT, balance);
    return word(balance, askedNanos);
  }

  /** What such a refusal says, without being one: nobody hears of it. */
  Problem word(Balance balance, long askedNanos) {
    return credit == null ? overBudget(balance, askedNanos) : overCredit(balance, askedNanos);
  }

  private Problem overBudget(Balance balance, long asked) {
    long most = limitNanos();
    String name = "budget `" + facts.name() + "`" + (facts.subject().isEmpty() ? "" : " of `" + Problem.clip(facts.subject()) + "`");
    String resets = facts.endsAtMs() == 0 ? "it does not reset; raise it, or ask a model that costs nothing" : "it resets " + day(facts.endsAtMs(), zone);
    String used = dollars(balance.used()) + " of " + dollars(most) + " USD";
    if (balance.used() >= most) {
      return spent(name + " is spent: " + used + "; " + resets);
    }
    return spent(name + " is too low for this request: " + used + " are spent" + held(balance) + ", and the call may cost up to " + dollars(asked) + " USD; lower `max_tokens` or ask a cheaper model; " + resets);
  }

  private Problem overCredit(Balance balance, long asked) {
    String name = "the credit of `" + facts.name() + "`";
    if (left(balance) <= 0 && balance.reserved() == 0) {
      return spent(name + " is spent: " + dollars(balance.used()) + " of " + dollars(balance.granted()) + " USD paid in; top it up");
    }
    return spent(name + " is too low for this request: " + dollars(balance.granted() - balance.used()) + " USD are left" + held(balance) + ", and the call needs " + dollars(asked)
        + " USD; top it up, lower `max_tokens` or ask a cheaper model");
  }

  private static String held(Balance balance) {
    return balance.reserved() == 0 ? "" : ", " + dollars(balance.reserved()) + " USD are held for requests under way";
  }

  static Problem spent(String message) {
    return new Problem(429, "insufficient_quota", message).code("budget_exceeded").shouldRetry(false);
  }

  static String day(long ms, ZoneId zone) {
    var at = Instant.ofEpochMilli(ms).atZone(zone);
    return at.toLocalDate() + (zone.equals(java.time.ZoneOffset.UTC) ? "" : " in " + zone);
  }

  /** At least two decimals, and as many as it takes. */
  static String dollars(long nanos) {
    BigDecimal plain = Usd.ofNanos(nanos).plain();
    return (plain.scale() < 2 ? plain.setScale(2) : plain).toPlainString();
  }
}
