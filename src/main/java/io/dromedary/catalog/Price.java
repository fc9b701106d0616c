package io.dromedary.catalog;

import io.dromedary.chat.Usage;
import io.dromedary.chat.Usd;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.time.LocalDate;
import java.util.List;

/**
 * What a model's tokens cost from a date on. Rates are nano-dollars per million tokens (0.15 USD per million = 150,000,000), so that any list price is a whole number.
 *
 * @param version names this price in the ledger: {@code <model>@<effectiveFrom>}
 * @param effectiveFrom the first day it is in force, UTC
 * @param source where the figures were read, with the date of reading
 * @param base rates for prompts up to the first threshold
 * @param longPrompt rates that replace {@code base} when a prompt has more input tokens than their threshold, ascending
 * @param perRequest nano-dollars for every call that used anything, beside its tokens
 */
public record Price(String version, LocalDate effectiveFrom, String source, Rates base, List<LongPrompt> longPrompt, long perRequest) {
  private static final long MILLION = 1_000_000;

  /** By tokens alone, as nearly all providers charge. */
  public Price(String version, LocalDate effectiveFrom, String source, Rates base, List<LongPrompt> longPrompt) {
    this(version, effectiveFrom, source, base, longPrompt, 0);
  }

  /**
   * Nano-dollars per million tokens, by kind.
   *
   * @param cacheRead tokens read from the provider's prompt cache; equals {@code input} where the provider gives no discount
   * @param cacheWrite tokens written to it; equals {@code input} where writing is free of charge
   */
  public record Rates(long input, long output, long cacheRead, long cacheWrite) {
    public static final Rates FREE = new Rates(0, 0, 0, 0);
  }

  /** Rates for prompts of more than {@code aboveInputTokens} tokens. */
  public record LongPrompt(long aboveInputTokens, Rates rates) {}

  /** Dollars per million tokens, as price pages print them, to nano-dollars per million. */
  public static long perMillion(BigDecimal dollars) {
    return dollars.movePointRight(9).longValueExact();
  }

  /**
   * Prices one call. Cached input is part of input and is charged at its own rate.
   *
   * @return the cost, rounded half up to a nano-dollar, once, at the end
   */
  public Usd cost(Usage usage) {
    Usd tokens = ofTokens(usage);
    return perRequest == 0 || usage.total() == 0 ? tokens : tokens.plus(Usd.ofNanos(perRequest));
  }

  private Usd ofTokens(Usage usage) {
    Rates rates = ratesFor(usage.input());
    try {
      long scaled = Math.addExact(
          Math.addExact(Math.multiplyExact(usage.uncachedInput(), rates.input()), Math.multiplyExact(usage.cacheRead(), rates.cacheRead())),
          Math.addExact(Math.multiplyExact(usage.cacheWrite(), rates.cacheWrite()), Math.multiplyExact(usage.output(), rates.output())));
      return Usd.ofNanos(Math.addExact(scaled, MILLION / 2) / MILLION);
    } catch (ArithmeticException tooLargeForLong) {
      BigInteger scaled = times(usage.uncachedInput(), rates.input()).add(times(usage.cacheRead(), rates.cacheRead()))
          .add(times(usage.cacheWrite(), rates.cacheWrite())).add(times(usage.output(), rates.output()));
      return Usd.ofNanos(scaled.add(BigInteger.valueOf(MILLION / 2)).divide(BigInteger.valueOf(MILLION)).longValueExact());
    }
  }

  /** The most that {@code inputTokens} and {@code maxOutputTokens} can cost, whatever the cache does. */
  public Usd upperBound(long inputTokens, long maxOutputTokens) {
    Rates rates = ratesFor(inputTokens);
    boolean writingCostsMore = rates.cacheWrite() > rates.input();
    return cost(new Usage(writingCostsMore ? 0 : inputTokens, 0, writingCostsMore ? inputTokens : 0, maxOutputTokens, 0, true));
  }

  /** The same at a part of its rates, such as half for a provider's batch. @param as what its version is marked with */
  public Price times(BigDecimal factor, String as) {
    return new Price(version + as, effectiveFrom, source + ", times " + factor.toPlainString(), times(base, factor),
        longPrompt.stream().map(tier -> new LongPrompt(tier.aboveInputTokens(), times(tier.rates(), factor))).toList(), times(perRequest, factor));
  }

  private static Rates times(Rates rates, BigDecimal factor) {
    return new Rates(times(rates.input(), factor), times(rates.output(), factor), times(rates.cacheRead(), factor), times(rates.cacheWrite(), factor));
  }

  private static long times(long nanos, BigDecimal factor) {
    return factor.multiply(BigDecimal.valueOf(nanos)).setScale(0, RoundingMode.HALF_UP).longValueExact();
  }

  private Rates ratesFor(long inputTokens) {
    Rates rates = base;
    for (LongPrompt tier : longPrompt) {
      if (inputTokens > tier.aboveInputTokens()) {
        rates = tier.rates();
      }
    }
    return rates;
  }

  private static BigInteger times(long tokens, long rate) {
    return BigInteger.valueOf(tokens).multiply(BigInteger.valueOf(rate));
  }
}
