package io.dromedary.access;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.dromedary.chat.Caller;
import java.io.IOException;
import java.security.MessageDigest;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** One version of {@code callers.yaml}, validated whole: the projects and, by the start of their digest, their keys. */
final class Callers {
  private static final YAMLMapper YAML = YAMLMapper.builder().enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION).build();
  private static final Set<String> PROJECT_FIELDS = new TreeSet<>(Set.of("id", "tags", "keys", "limits", "budgets", "credit", "share-cache"));
  private static final Set<String> KEY_FIELDS = new TreeSet<>(Set.of("id", "sha256", "expires", "revoked"));

  /** A key that may be shown. */
  record Key(byte[] sha256, @Nullable Instant expires, Caller caller) {}

  private final Map<String, Project> projects = new LinkedHashMap<>();
  private final Map<Integer, List<Key>> keys = new HashMap<>();
  private final String file;
  private final List<String> faults = new ArrayList<>();

  private Callers(String file) {
    this.file = file;
  }

  /** @throws IllegalArgumentException naming the file and all that is wrong in it */
  static Callers parse(String file, byte[] yaml) {
    JsonNode root;
    try {
      root = YAML.readTree(yaml);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(file + " is no YAML: " + e.getOriginalMessage() + (e.getLocation() == null ? "" : " (line " + e.getLocation().getLineNr() + ")"));
    } catch (IOException e) {
      throw new IllegalArgumentException(file + " cannot be read: " + e.getMessage());
    }
    Callers callers = new Callers(file);
    callers.read(root);
    if (!callers.faults.isEmpty()) {
      throw new IllegalArgumentException(String.join("; ", callers.faults));
    }
    return callers;
  }

  boolean isEmpty() {
    return projects.isEmpty();
  }

  List<Project> projects() {
    return List.copyOf(projects.values());
  }

  @Nullable Project project(String id) {
    return projects.get(id);
  }

  /** The key with this digest, compared in constant time. */
  @Nullable Key key(byte[] sha256) {
    Key found = null;
    for (Key key : keys.getOrDefault(start(sha256), List.of())) {
      if (MessageDigest.isEqual(key.sha256(), sha256)) {
        found = key;
      }
    }
    return found;
  }

  private static int start(byte[] digest) {
    return digest[0] << 24 | (digest[1] & 0xFF) << 16 | (digest[2] & 0xFF) << 8 | digest[3] & 0xFF;
  }

  private void fault(String key, String what) {
    faults.add(file + ": `" + key + "` " + what);
  }

  private void read(@Nullable JsonNode root) {
    if (root == null || root.isMissingNode() || root.isNull()) {
      return;
    }
    if (!root.isObject()) {
      fault("projects", "must be the one key at the top");
      return;
    }
    known(root, "", Set.of("projects"));
    JsonNode list = root.path("projects");
    if (list.isMissingNode() || list.isNull()) {
      return;
    }
    if (!list.isArray()) {
      fault("projects", "must be a list");
      return;
    }
    Set<String> digests = new HashSet<>();
    for (int i = 0; i < list.size(); i++) {
      project(list.get(i), "projects[" + i + "]", digests);
    }
  }

  private void known(JsonNode node, String path, Set<String> allowed) {
    node.fieldNames().forEachRemaining(name -> {
      if (!allowed.contains(name)) {
        fault(path.isEmpty() ? name : path + "." + name, "is unknown; allowed: " + String.join(", ", allowed));
      }
    });
  }

  private void project(JsonNode node, String path, Set<String> digests) {
    if (!node.isObject()) {
      fault(path, "must be a project: {id, keys, ...}");
      return;
    }
    known(node, path, PROJECT_FIELDS);
    String id = node.path("id").asText("");
    if (!isName(id)) {
      fault(path + ".id", "must be 1 to 64 letters, digits, `.`, `_` or `-`");
      return;
    }
    if (projects.containsKey(id)) {
      fault(path + ".id", "is there twice: " + id);
      return;
    }
    Set<String> tags = new TreeSet<>();
    for (JsonNode tag : list(node, "tags", path)) {
      if (!isName(tag.asText(""))) {
        fault(path + ".tags", "must be names of letters, digits, `.`, `_` or `-`");
      }
      tags.add(tag.asText(""));
    }
    JsonNode share = node.path("share-cache");
    if (!share.isMissingNode() && !share.isBoolean()) {
      fault(path + ".share-cache", "must be true or false");
    }
    projects.put(id, new Project(id, Set.copyOf(tags), inFlight(node, path), share.asBoolean(false), present(node, "limits"), present(node, "budgets"), present(node, "credit")));
    Set<String> ids = new HashSet<>();
    JsonNode list = list(node, "keys", path);
    for (int i = 0; i < list.size(); i++) {
      key(list.get(i), path + ".keys[" + i + "]", id, Set.copyOf(tags), ids, digests);
    }
  }

  private static JsonNode present(JsonNode node, String field) {
    JsonNode value = node.path(field);
    return value.isNull() ? MissingNode.getInstance() : value;
  }

  private JsonNode list(JsonNode node, String field, String path) {
    JsonNode list = present(node, field);
    if (!list.isMissingNode() && !list.isArray()) {
      fault(path + "." + field, "must be a list");
      return MissingNode.getInstance();
    }
    return list;
  }

  private int inFlight(JsonNode node, String path) {
    JsonNode limits = present(node, "limits");
    if (!limits.isMissingNode() && !limits.isObject()) {
      fault(path + ".limits", "must be a map such as {in-flight: 32}");
      return Project.DEFAULT_IN_FLIGHT;
    }
    JsonNode value = present(limits, "in-flight");
    if (value.isMissingNode()) {
      return Project.DEFAULT_IN_FLIGHT;
    }
    if (!value.isInt() || value.intValue() < 1 || value.intValue() > 100_000) {
      fault(path + ".limits.in-flight", "must be a whole number from 1 to 100000");
    }
    return value.asInt();
  }

  private void key(JsonNode node, String path, String project, Set<String> tags, Set<String> ids, Set<String> digests) {
    if (!node.isObject()) {
      fault(path, "must be a key: {id, sha256, expires?, revoked?}");
      return;
    }
    known(node, path, KEY_FIELDS);
    String id = node.path("id").asText("");
    if (!isName(id)) {
      fault(path + ".id", "must be 1 to 64 letters, digits, `.`, `_` or `-`");
    } else if (!ids.add(id)) {
      fault(path + ".id", "is there twice: " + id);
    }
    String sha256 = node.path("sha256").asText("").toLowerCase(Locale.ROOT);
    if (!isDigest(sha256)) {
      // never quoted: someone may have put the key itself here
      fault(path + ".sha256", "must be the SHA-256 of the key, 64 hex digits (printf %s \"$KEY\" | sha256sum)");
      return;
    }
    if (!digests.add(sha256)) {
      fault(path + ".sha256", "is the same key as another; every key belongs to one project");
      return;
    }
    JsonNode revoked = node.path("revoked");
    if (!revoked.isMissingNode() && !revoked.isBoolean()) {
      fault(path + ".revoked", "must be true or false");
    }
    Instant expires = expires(present(node, "expires"), path + ".expires");
    if (!revoked.asBoolean(false)) {
      byte[] digest = HexFormat.of().parseHex(sha256);
      keys.computeIfAbsent(start(digest), s -> new ArrayList<>(1)).add(new Key(digest, expires, new Caller(project, id, false, tags)));
    }
  }

  private @Nullable Instant expires(JsonNode value, String path) {
    if (value.isMissingNode()) {
      return null;
    }
    String text = value.asText("");
    try {
      return text.length() == 10 ? LocalDate.parse(text).atStartOfDay(ZoneOffset.UTC).toInstant() : Instant.parse(text);
    } catch (DateTimeParseException e) {
      fault(path, "must be a date such as 2027-01-01 or 2027-01-01T00:00:00Z");
      return null;
    }
  }

  private static boolean isDigest(String text) {
    if (text.length() != 64) {
      return false;
    }
    for (int i = 0; i < 64; i++) {
      if (Character.digit(text.charAt(i), 16) < 0 || text.charAt(i) > 'f') {
        return false;
      }
    }
    return true;
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
}
