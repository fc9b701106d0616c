package io.dromedary;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Caller;

/** A part of {@code GET /v1/limits}: each bean of this type adds what its room knows, in the beans' order. */
interface LimitsSection {
  void add(ObjectNode page, Caller caller);
}
