package io.dromedary.catalog;

/**
 * That a call draws its cost from a purse.
 *
 * @param atLeastNanos what must be free in it even if the call costs less: the balance that a high-cost model wants to see
 */
public record Draw(Purse purse, long atLeastNanos) {
  public Draw(Purse purse) {
    this(purse, 0);
  }
}
