package io.dromedary.access;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.catalog.FieldReader;
import io.dromedary.chat.Caller;
import io.dromedary.chat.Globs;
import io.dromedary.chat.Policy;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** One version of who may ask, validated whole: the projects and, by the start of their digest, their keys. */
final class Callers {

  /** A key that may be used. */
  static final class Key {
    final byte[] sha256;
    final long expiresAtMs;
    final Globs endpoints;
    final Caller caller;
    private volatile long lastHour = -1;

    Key(byte[] sha256, @Nullable Instant expires, Globs endpoints, Caller caller) {
      this.sha256 = sha256;
      this.expiresAtMs = expires == null ? Long.MAX_VALUE : expires.toEpochMilli();
      this.endpoints = endpoints;
      this.caller = caller;
    }

    /** True for the first use in that hour; two at once may both be told so. */
    boolean usedIn(long hour) {
      if (lastHour == hour) {
        return false;
      }
      lastHour = hour;
      return true;
    }
  }

  private final Map<String, Project> projects = new LinkedHashMap<>();
  private final Map<String, ProjectKey> keys = new LinkedHashMap<>();
  private final Map<Integer, List<Key>> byDigest = new HashMap<>();
  private final Set<String> digests = new HashSet<>();

  /**
   * Reads the file.
   *
   * @throws IllegalArgumentException naming the file and all that is wrong in it
   */
  static Callers parse(String file, byte[] yaml, List<PartRules> rules) {
    Callers callers = new Callers();
    ProjectReader reader = new ProjectReader(rules, true);
    callers.read(FieldReader.yaml(file, yaml), reader);
    reader.refuse(file);
    return callers;
  }

  private void read(JsonNode root, ProjectReader reader) {
    if (root.isMissingNode()) {
      return;
    }
    if (!root.isObject()) {
      reader.fault("projects", "must be the one key at the top");
      return;
    }
    reader.known(root, "", Set.of("projects"));
    JsonNode list = reader.list(root, "projects", "");
    for (int i = 0; i < list.size(); i++) {
      String path = "projects[" + i + "]";
      Project project = reader.project(list.get(i), path);
      if (project == null) {
        continue;
      }
      if (!add(project)) {
        reader.fault(path + ".id", "is there twice: " + project.id());
        continue;
      }
      JsonNode own = reader.list(list.get(i), "keys", path);
      for (int k = 0; k < own.size(); k++) {
        ProjectKey key = reader.key(own.get(k), path + ".keys[" + k + "]", project.id());
        if (key != null) {
          String clash = add(key);
          if (clash != null) {
            reader.fault(path + ".keys[" + k + "]." + clash, clash.equals("id") ? "is there twice: " + key.id() : "is the same key as another; every key belongs to one project");
          }
        }
      }
    }
  }

  /** @return false if there is one of that name */
  boolean add(Project project) {
    return projects.putIfAbsent(project.id(), project) == null;
  }

  /** Its project must be there. @return what is taken already: {@code id} or {@code sha256}; null if it was added */
  @Nullable String add(ProjectKey key) {
    if (keys.containsKey(name(key.project(), key.id()))) {
      return "id";
    }
    if (!digests.add(key.sha256())) {
      return "sha256";
    }
    keys.put(name(key.project(), key.id()), key);
    if (!key.revoked()) {
      byte[] digest = HexFormat.of().parseHex(key.sha256());
      byDigest.computeIfAbsent(start(digest), s -> new ArrayList<>(1)).add(new Key(digest, key.expires(), key.endpoints(), caller(projects.get(key.project()), key)));
    }
    return null;
  }

  private static Caller caller(Project project, ProjectKey key) {
    Set<String> tags = new TreeSet<>(project.tags());
    tags.addAll(key.tags());
    return new Caller(project.id(), key.id(), false, Set.copyOf(tags), project.org(), key.user(), Policy.of(project.profile(), project.rule(), key.rule()));
  }

  private static String name(String project, String key) {
    return project + "/" + key;
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

  List<ProjectKey> keys() {
    return List.copyOf(keys.values());
  }

  @Nullable ProjectKey key(String project, String id) {
    return keys.get(name(project, id));
  }

  /** The key with this digest, compared in constant time. */
  @Nullable Key key(byte[] sha256) {
    Key found = null;
    for (Key key : byDigest.getOrDefault(start(sha256), List.of())) {
      if (MessageDigest.isEqual(key.sha256, sha256)) {
        found = key;
      }
    }
    return found;
  }

  private static int start(byte[] digest) {
    return digest[0] << 24 | (digest[1] & 0xFF) << 16 | (digest[2] & 0xFF) << 8 | digest[3] & 0xFF;
  }
}
