package io.dromedary.agent;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.dromedary.chat.Problem;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Reads agents out of {@code agents.yaml} or JSON, which say them in the same words; collects all that is wrong, with its place. */
final class AgentReader {
  /** One thing that is wrong. */
  record Fault(String key, String what) {}

  static final int TURNS = 20;
  static final int CHARS = 40_000;
  private static final YAMLMapper YAML = YAMLMapper.builder().enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION).build();
  private static final Set<String> FIELDS = new LinkedHashSet<>(List.of("name", "org", "project", "description", "system", "role", "model", "profile", "temperature", "max-tokens", "tags", "history", "use-cache"));
  private static final Set<String> HISTORY = new LinkedHashSet<>(List.of("turns", "chars"));
  private static final List<String> PROFILES = List.of("balanced", "cost", "quality", "speed");
  private static final int LONGEST_PROMPT = 100_000;

  private final boolean fromFile;
  private final List<Fault> faults = new ArrayList<>();

  AgentReader(boolean fromFile) {
    this.fromFile = fromFile;
  }

  List<Fault> faults() {
    return faults;
  }

  /** By owner and name. @throws IllegalArgumentException naming the file and all that is wrong in it */
  static Map<String, Agent> file(String file, byte[] yaml) {
    JsonNode root;
    try {
      root = YAML.readTree(yaml);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(file + " is no YAML: " + e.getOriginalMessage() + (e.getLocation() == null ? "" : " (line " + e.getLocation().getLineNr() + ")"));
    } catch (IOException e) {
      throw new IllegalArgumentException(file + " cannot be read: " + e.getMessage());
    }
    AgentReader reader = new AgentReader(true);
    Map<String, Agent> agents = new LinkedHashMap<>();
    if (root != null && !root.isMissingNode() && !root.isNull()) {
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
    if (!reader.faults.isEmpty()) {
      throw new IllegalArgumentException(reader.faults.stream().map(fault -> file + ": `" + fault.key() + "` " + fault.what()).collect(Collectors.joining("; ")));
    }
    return agents;
  }

  private void fault(String key, String what) {
    faults.add(new Fault(key, what));
  }

  private static String below(String path, String name) {
    return path.isEmpty() ? name : path + "." + name;
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
    String system = text(node, "system", path, LONGEST_PROMPT);
    String role = text(node, "role", path, 2_000);
    String model = text(node, "model", path, 200);
    if (model.startsWith(Agent.PREFIX)) {
      fault(below(path, "model"), "cannot be an agent itself");
    }
    String profile = text(node, "profile", path, 16);
    if (!profile.isEmpty() && !PROFILES.contains(profile)) {
      fault(below(path, "profile"), "must be one of " + String.join(", ", PROFILES));
    }
    JsonNode temperature = present(node, "temperature");
    if (!temperature.isMissingNode() && !(temperature.isNumber() && temperature.doubleValue() >= 0 && temperature.doubleValue() <= 2)) {
      fault(below(path, "temperature"), "must be a number from 0 to 2");
    }
    List<String> tags = new ArrayList<>();
    JsonNode list = present(node, "tags");
    if (!list.isMissingNode() && !list.isArray()) {
      fault(below(path, "tags"), "must be a list");
    }
    for (JsonNode tag : list) {
      if (!tag.isTextual() || !isName(tag.textValue())) {
        fault(below(path, "tags"), "must be names of letters, digits, `.`, `_` or `-`");
      } else {
        tags.add(tag.textValue());
      }
    }
    JsonNode history = present(node, "history");
    boolean off = history.isBoolean() && !history.booleanValue();
    if (!history.isMissingNode() && !off && !history.isObject()) {
      fault(below(path, "history"), "must be {turns, chars} or false");
    } else if (history.isObject()) {
      known(history, below(path, "history"), HISTORY);
    }
    JsonNode cache = present(node, "use-cache");
    if (!cache.isMissingNode() && !cache.isBoolean()) {
      fault(below(path, "use-cache"), "must be true or false");
    }
    int turns = off ? 0 : (int) count(history, "turns", below(path, "history"), TURNS, 1_000);
    int chars = off ? 0 : (int) count(history, "chars", below(path, "history"), CHARS, 4_000_000);
    long maxTokens = count(node, "max-tokens", path, 0, 1_000_000);
    String owner = !project.isEmpty() ? "project:" + project : org.isEmpty() ? "*" : "org:" + org;
    String prompt = role.isEmpty() ? system : system.isEmpty() ? "Your role: " + role : "Your role: " + role + "\n\n" + system;
    return name.isEmpty() ? null : new Agent(owner, name, text(node, "description", path, 1_000), prompt, model.isEmpty() ? "auto" : model, profile, temperature.isNumber() ? temperature.doubleValue() : null, maxTokens,
        List.copyOf(tags), turns, chars, cache.asBoolean(true), fromFile, node.deepCopy());
  }

  private void known(JsonNode node, String path, Set<String> allowed) {
    node.fieldNames().forEachRemaining(name -> {
      if (!allowed.contains(name)) {
        fault(below(path, Problem.clip(name)), "is unknown; allowed: " + String.join(", ", allowed));
      }
    });
  }

  private static JsonNode present(JsonNode node, String field) {
    JsonNode value = node.path(field);
    return value.isNull() ? MissingNode.getInstance() : value;
  }

  private String name(JsonNode node, String field, String path) {
    JsonNode value = node.path(field);
    String name = value.isTextual() || fromFile && value.isValueNode() ? value.asText("") : "";
    if (!isName(name)) {
      fault(below(path, field), "must be 1 to 64 letters, digits, `.`, `_` or `-`");
      return "";
    }
    return name;
  }

  private String text(JsonNode node, String field, String path, int longest) {
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

  static boolean isName(String text) {
    if (text.isEmpty() || text.length() > 64) {
      return false;
    }
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (!(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-')) {
        return false;
      }
    }
    return true;
  }

  /** What is wrong, in one sentence; for what the admin sends. */
  static Problem refused(List<Fault> faults) {
    return Problem.badField(faults.get(0).key(), faults.stream().map(fault -> "`" + fault.key() + "` " + fault.what()).collect(Collectors.joining("; ")));
  }

  static ObjectNode words(ObjectNode asked) {
    ObjectNode words = asked.objectNode();
    asked.properties().forEach(field -> words.set(field.getKey().replace('_', '-'), field.getValue()));
    return words;
  }
}
