/**
 * Room: what may be spent. Budgets per request, day, week, month and in total, and prepaid credit, as {@code callers.yaml} has them. Routes may call the beans {@code budgets} (the cheaper profile of a caller that is
 * over its soft threshold), {@code budgetPages} and {@code credits}. How much is in a purse is the ledger's to say; this room says which purses a call draws from.
 */
@NullMarked
package io.dromedary.budget;

import org.jspecify.annotations.NullMarked;
