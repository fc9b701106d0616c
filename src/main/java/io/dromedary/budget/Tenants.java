package io.dromedary.budget;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;

/** Who has budgets and credit: the projects and keys of {@code callers.yaml}, as the room that owns the file knows them. */
public interface Tenants {
  /**
   * A project, or one of its keys.
   *
   * @param key the key's id, "" for the project itself
   * @param budgets the node as it stands in the file, a missing node for none; likewise {@code credit}
   */
  record Tenant(String project, String key, JsonNode budgets, JsonNode credit) {
    String owner() {
      return key.isEmpty() ? project : project + ":" + key;
    }
  }

  /** Changes whenever the rest may have. */
  long version();

  List<Tenant> all();
}
