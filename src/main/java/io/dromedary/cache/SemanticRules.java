package io.dromedary.cache;

import io.dromedary.chat.Caller;

/** Who may be answered by what was said to a like question, and how like it must be. */
public interface SemanticRules {
  boolean allows(Caller caller);

  /** From 0 to 1; callers may raise it and never lower it. */
  double threshold(Caller caller);
}
