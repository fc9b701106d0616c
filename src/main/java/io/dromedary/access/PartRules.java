package io.dromedary.access;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.function.BiConsumer;

/**
 * What may stand in a part of a project or key that another room reads: {@code limits}, {@code budgets} or {@code credit}. A part without rules is refused, so that nothing stands in a file that nobody enforces (M4).
 */
public interface PartRules {
  /** The part's name, such as {@code limits}. */
  String part();

  /**
   * Says all that is wrong.
   *
   * @param part what stands there, never missing
   * @param ofKey true for a key's own part, false for a project's
   * @param faults takes the place below the part ("" for the part itself, such as {@code [2].hard} or {@code .in-flight}) and what is wrong, such as {@code must be a whole number from 1 to 100000}
   */
  void check(JsonNode part, boolean ofKey, BiConsumer<String, String> faults);
}
