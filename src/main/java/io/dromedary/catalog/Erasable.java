package io.dromedary.catalog;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** A place where words of prompts or answers, or who said them, are kept. Every room that has one says so by a bean of this kind; an erasure and each project's retention go through all of them. */
public interface Erasable {
  /** What lies there, such as {@code interactions}. */
  String what();

  /**
   * Forgets what it has: the more is said, the less. Amounts of money stay. Where it cannot tell users apart it forgets everybody's.
   *
   * @param project null for all projects
   * @param user null for all users
   * @param before only what is older, null for every age
   * @return how many entries that were
   */
  int erase(@Nullable String project, @Nullable String user, @Nullable Instant before);
}
