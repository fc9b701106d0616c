package io.dromedary.agent;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.catalog.FieldReader;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** Reads agents out of {@code agents.yaml} or JSON, which say them in the same words; collects all that is wrong, with its place. */
final class AgentReader extends FieldReader {
  static final int TURNS = 20;
  static final int CHARS = 40_000;
  private static final Set<String> FIELDS = new LinkedHashSet<>(List.of("name", "org", "project", "description", "system", "role", "model", "profile", "temperature", "max-tokens", "tags", "history", "use-cache"));
  private static final Set<String> HISTORY = new LinkedHashSet<>(List.of("turns", "chars"));
  private static final Set<String> PROFILES = new LinkedHashSet<>(List.of("balanced", "cost", "quality", "speed"));
  private static final int LONGEST_PROMPT = 100_000;

  AgentReader(boolean fromFile) {
    super(fromFile);
  }

  /** By owner and name. @throws IllegalArgumentException naming the file and all that is wrong in it */
  static Map<String, Agent> file(String file, byte[] yaml) {
    JsonNode root = yaml(file, yaml);
    AgentReader reader = new AgentReader(true);
    Map<String, Agent> agents = new LinkedHashMap<>();
    if (!root.isMissingNode()) {
      JsonNode list = root.path("agents");
      if (!root.isObject() || root.size() > (root.has("agents") ? 1 : 0) || !(list.isArray() || list.isNull() || list.isMissingNode())) {
        reader.fault("agents", "must be the one key at the top, with a list");
      }
      for (int i = 0; i < list.size(); i++) {
        Agent agent = reader.agent(list.get(i), "agents[" + i + "]");
        if (agent != null && agents.putIfAbsent(agent.key(), agent) != null) {
          reader.fault("agents[" + i + "].name", "is there twice: " + agent.name());
        }
      }
    }
    reader.refuse(file);
    return agents;
  }

  /** Null when it has no name. */
  @Nullable Agent agent(JsonNode node, String path) {
    if (!node.isObject()) {
      fault(path, "must be an agent: {name, system, ...}");
      return null;
    }
    known(node, path, FIELDS);
    String name = name(node, "name", path);
    String org = present(node, "org").isMissingNode() ? "" : name(node, "org", path);
    String project = present(node, "project").isMissingNode() ? "" : name(node, "project", path);
    if (!org.isEmpty() && !project.isEmpty()) {
      fault(below(path, "org"), "and `project` cannot stand together: an agent is one project's, or one organisation's, or everybody's");
    }
    String system = prose(node, "system", path, LONGEST_PROMPT);
    String role = prose(node, "role", path, 2_000);
    String model = text(node, "model", path, 200);
    if (model.startsWith(Agent.PREFIX)) {
      fault(below(path, "model"), "cannot be an agent itself");
    }
    String profile = oneOf(node, "profile", path, PROFILES);
    JsonNode temperature = present(node, "temperature");
    if (!temperature.isMissingNode() && !(temperature.isNumber() && temperature.doubleValue() >= 0 && temperature.doubleValue() <= 2)) {
      fault(below(path, "temperature"), "must be a number from 0 to 2");
    }
    JsonNode history = present(node, "history");
    boolean off = history.isBoolean() && !history.booleanValue();
    if (!history.isMissingNode() && !off && !history.isObject()) {
      fault(below(path, "history"), "must be {turns, chars} or false");
    } else if (history.isObject()) {
      known(history, below(path, "history"), HISTORY);
    }
    int turns = off ? 0 : (int) count(history, "turns", below(path, "history"), TURNS, 1_000);
    int chars = off ? 0 : (int) count(history, "chars", below(path, "history"), CHARS, 4_000_000);
    long maxTokens = count(node, "max-tokens", path, 0, 1_000_000);
    String owner = !project.isEmpty() ? "project:" + project : org.isEmpty() ? "*" : "org:" + org;
    String prompt = role.isEmpty() ? system : system.isEmpty() ? "Your role: " + role : "Your role: " + role + "\n\n" + system;
    return name.isEmpty() ? null : new Agent(owner, name, prose(node, "description", path, 1_000), prompt, model.isEmpty() ? "auto" : model, profile, temperature.isNumber() ? temperature.doubleValue() : null, maxTokens,
        List.copyOf(new TreeSet<>(names(node, "tags", path))), turns, chars, flag(node, "use-cache", path, true), fromFile, node.deepCopy());
  }

  /** Several lines, as they stand. */
  private String prose(JsonNode node, String field, String path, int longest) {
    JsonNode value = present(node, field);
    if (value.isMissingNode()) {
      return "";
    }
    if (!value.isTextual() || value.textValue().isBlank() || value.textValue().length() > longest || value.textValue().indexOf(0) >= 0) {
      fault(below(path, field), "must be a text of 1 to " + longest + " characters");
      return "";
    }
    return value.textValue();
  }

  private long count(JsonNode node, String field, String path, long absent, long most) {
    JsonNode value = present(node, field);
    if (value.isMissingNode()) {
      return absent;
    }
    if (!value.isIntegralNumber() || !value.canConvertToLong() || value.longValue() < 1 || value.longValue() > most) {
      fault(below(path, field), "must be a whole number from 1 to " + most);
      return absent;
    }
    return value.longValue();
  }
}
