package io.dromedary;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Caller;
import io.dromedary.chat.Json;
import java.util.List;

/** {@code GET /v1/limits}: what the caller may still use, put together from sections. */
public final class LimitsPage {
  private final List<LimitsSection> sections;

  LimitsPage(List<LimitsSection> sections) {
    this.sections = List.copyOf(sections);
  }

  public ObjectNode of(Caller caller) {
    ObjectNode page = Json.object().put("object", "limits").put("project", caller.project());
    sections.forEach(section -> section.add(page, caller));
    return page;
  }
}
