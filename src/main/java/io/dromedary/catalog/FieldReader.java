package io.dromedary.catalog;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.dromedary.chat.Problem;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** Reads the fields of things that stand in a YAML file and may be made by the admin too, as JSON in the same words; collects all that is wrong, with its place. */
public abstract class FieldReader {
  private static final YAMLMapper YAML = YAMLMapper.builder().enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION).build();

  private record Fault(String key, String what) {
    @Override
    public String toString() {
      return "`" + key + "` " + what;
    }
  }

  /** False for what the admin made. */
  protected final boolean fromFile;
  private final List<Fault> faults = new ArrayList<>();

  protected FieldReader(boolean fromFile) {
    this.fromFile = fromFile;
  }

  /** A file's content, a missing node for an empty one. @throws IllegalArgumentException naming the file and the line, if it is no YAML */
  public static JsonNode yaml(String file, byte[] bytes) {
    try {
      JsonNode root = YAML.readTree(bytes);
      return root == null || root.isNull() ? MissingNode.getInstance() : root;
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(file + " is no YAML: " + e.getOriginalMessage() + (e.getLocation() == null ? "" : " (line " + e.getLocation().getLineNr() + ")"));
    } catch (IOException e) {
      throw new IllegalArgumentException(file + " cannot be read: " + e.getMessage());
    }
  }

  /** What the admin sent, in the words of the file: {@code share_cache} is {@code share-cache}. @throws Problem 400 for a field that stands there in both */
  public static ObjectNode words(ObjectNode sent) {
    ObjectNode words = sent.objectNode();
    sent.properties().forEach(field -> words.set(field.getKey().replace('_', '-'), field.getValue()));
    if (words.size() < sent.size()) {
      throw Problem.badRequest("a field stands there twice, with _ and with -").code("invalid_value");
    }
    return words;
  }

  public final boolean isFaulty() {
    return !faults.isEmpty();
  }

  /** All that is wrong, in one sentence. */
  public final String told() {
    return faults.stream().map(Fault::toString).collect(Collectors.joining("; "));
  }

  /** @throws IllegalArgumentException naming the file and all that is wrong in it, if anything is */
  public final void refuse(String file) {
    if (isFaulty()) {
      throw new IllegalArgumentException(faults.stream().map(fault -> file + ": " + fault).collect(Collectors.joining("; ")));
    }
  }

  /** @throws Problem 400 naming all fields that are wrong, if any is */
  public final void refuse() {
    if (isFaulty()) {
      throw Problem.badField(faults.get(0).key(), told());
    }
  }

  public final void fault(String key, String what) {
    faults.add(new Fault(key, what));
  }

  protected static String below(String path, String name) {
    return path.isEmpty() ? name : path + "." + name;
  }

  public final void known(JsonNode node, String path, Set<String> allowed) {
    node.fieldNames().forEachRemaining(name -> {
      if (!allowed.contains(name)) {
        fault(below(path, Problem.clip(name)), "is unknown; allowed: " + String.join(", ", allowed));
      }
    });
  }

  /** Null is as good as nothing. */
  protected static JsonNode present(JsonNode node, String field) {
    JsonNode value = node.path(field);
    return value.isNull() ? MissingNode.getInstance() : value;
  }

  public final JsonNode list(JsonNode node, String field, String path) {
    JsonNode list = present(node, field);
    if (!list.isMissingNode() && !list.isArray()) {
      fault(below(path, field), "must be a list");
      return MissingNode.getInstance();
    }
    return list;
  }

  protected final boolean flag(JsonNode node, String field, String path, boolean absent) {
    JsonNode value = present(node, field);
    if (!value.isMissingNode() && !value.isBoolean()) {
      fault(below(path, field), "must be true or false");
    }
    return value.asBoolean(absent);
  }

  /** "" when it is none. */
  protected final String name(JsonNode node, String field, String path) {
    JsonNode value = node.path(field);
    // YAML has numbers where people mean names; JSON has quotes for that
    String name = value.isTextual() || fromFile && value.isValueNode() ? value.asText("") : "";
    if (!isName(name)) {
      fault(below(path, field), "must be 1 to 64 letters, digits, `.`, `_` or `-`");
      return "";
    }
    return name;
  }

  protected final Set<String> names(JsonNode node, String field, String path) {
    Set<String> names = new TreeSet<>();
    for (JsonNode name : list(node, field, path)) {
      if (!name.isValueNode() || !isName(name.asText(""))) {
        fault(below(path, field), "must be names of letters, digits, `.`, `_` or `-`");
      }
      names.add(name.asText(""));
    }
    return Set.copyOf(names);
  }

  /** One line; "" when there is none. */
  protected final String text(JsonNode node, String field, String path, int longest) {
    JsonNode value = present(node, field);
    String text = value.isValueNode() ? value.asText("") : "";
    if (!value.isMissingNode() && (text.isBlank() || text.length() > longest || text.chars().anyMatch(Character::isISOControl))) {
      fault(below(path, field), "must be a text of 1 to " + longest + " characters");
      return "";
    }
    return text;
  }

  /** One of these words; "" when there is none. */
  protected final String oneOf(JsonNode node, String field, String path, Set<String> words) {
    JsonNode value = present(node, field);
    if (!value.isMissingNode() && !words.contains(value.asText(""))) {
      fault(below(path, field), "must be one of " + String.join(", ", words));
      return "";
    }
    return value.asText("");
  }

  /** Is it 1 to 64 letters, digits, dots, underscores and hyphens? */
  public static boolean isName(String text) {
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
}
