package io.dromedary;

import com.fasterxml.jackson.databind.node.ObjectNode;

/** A part of {@code GET /admin/cache}: a cache beyond this node's memory. */
interface CachePage {
  String name();

  ObjectNode page();
}
