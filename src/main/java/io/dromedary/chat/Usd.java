package io.dromedary.chat;

import com.fasterxml.jackson.annotation.JsonValue;
import java.math.BigDecimal;

/** An amount of US dollars in whole nano-dollars (10^-9 USD): exact to add, rounded nowhere but in {@link Price a price's} one division. */
public record Usd(long nanos) implements Comparable<Usd> {
  public static final Usd ZERO = new Usd(0);

  public static Usd ofNanos(long nanos) {
    return nanos == 0 ? ZERO : new Usd(nanos);
  }

  /** @throws ArithmeticException if the amount is finer than a nano-dollar or larger than 9.2 billion dollars */
  public static Usd of(String dollars) {
    return of(new BigDecimal(dollars));
  }

  public static Usd of(BigDecimal dollars) {
    return ofNanos(dollars.movePointRight(9).longValueExact());
  }

  public Usd plus(Usd other) {
    return ofNanos(Math.addExact(nanos, other.nanos));
  }

  public Usd minus(Usd other) {
    return ofNanos(Math.subtractExact(nanos, other.nanos));
  }

  public BigDecimal dollars() {
    return BigDecimal.valueOf(nanos, 9);
  }

  @Override
  public int compareTo(Usd other) {
    return Long.compare(nanos, other.nanos);
  }

  /** Plain decimal dollars without trailing zeros, such as {@code 0.0031}; exact. */
  @JsonValue
  public BigDecimal plain() {
    BigDecimal stripped = dollars().stripTrailingZeros();
    return stripped.scale() < 0 ? stripped.setScale(0) : stripped;
  }

  @Override
  public String toString() {
    return plain().toPlainString();
  }
}
