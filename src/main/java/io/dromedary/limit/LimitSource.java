package io.dromedary.limit;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.chat.Caller;

/** Where the {@code limits} of projects and keys come from. */
public interface LimitSource {
  /** Another number after each change. */
  long version();

  /** The {@code limits} node of the caller's project; a missing one if there is none. */
  JsonNode project(Caller caller);

  /** The {@code limits} node of the caller's key; a missing one if there is none. */
  JsonNode key(Caller caller);
}
