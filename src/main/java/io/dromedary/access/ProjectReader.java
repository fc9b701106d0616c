package io.dromedary.access;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.FieldReader;
import io.dromedary.chat.Globs;
import io.dromedary.chat.Policy;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Reads projects and keys out of YAML or JSON, which say them in the same words; collects all that is wrong, with its place. */
final class ProjectReader extends FieldReader {
  /** Of a key that was rotated: the one that takes its place. */
  static final String REPLACED_BY = "replaced-by";
  static final Set<String> PROJECT_FIELDS = fields("id", "org", "tags", "models", "providers", "require-tags", "regions", "profile", "limits", "budgets", "credit", "share-cache", "cache", "retention", "keys");
  static final Set<String> KEY_FIELDS = fields("id", "sha256", "last4", "expires", "revoked", "tags", "user", "models", "providers", "endpoints", "limits", "budgets", "credit", REPLACED_BY);
  private static final Set<String> PROFILES = fields("balanced", "cost", "quality", "speed");
  private static final int MOST_PATTERNS = 200;
  private static final int LONGEST_PATTERN = 200;
  private static final long MOST_DAYS = 36_500;

  private final List<PartRules> rules;

  /** @param fromFile false for what the admin made */
  ProjectReader(List<PartRules> rules, boolean fromFile) {
    super(fromFile);
    this.rules = rules;
  }

  private static Set<String> fields(String... names) {
    return new LinkedHashSet<>(List.of(names));
  }

  /** A project without its keys; null when it has no name. */
  @Nullable Project project(JsonNode node, String path) {
    if (!node.isObject()) {
      fault(path, "must be a project: {id, keys, ...}");
      return null;
    }
    known(node, path, PROJECT_FIELDS);
    String id = name(node, "id", path);
    if (id.isEmpty()) {
      return null;
    }
    boolean share = flag(node, "share-cache", path, false);
    String profile = oneOf(node, "profile", path, PROFILES);
    String org = present(node, "org").isMissingNode() ? "" : name(node, "org", path);
    Policy.Rule rule = new Policy.Rule("project `" + id + "`", globs(node, "models", path), globs(node, "providers", path), names(node, "require-tags", path), names(node, "regions", path));
    ObjectNode definition = node.deepCopy();
    definition.remove("keys");
    // Read from the definition by whom it concerns; here it is only checked.
    part(node, "cache", path, false);
    return new Project(id, org, names(node, "tags", path), rule, profile, inFlight(node, path), share, duration(node, "retention", path), part(node, "limits", path, false),
        part(node, "budgets", path, false), part(node, "credit", path, false), fromFile, definition);
  }

  /** Null when it has no name or no digest. */
  @Nullable ProjectKey key(JsonNode node, String path, String project) {
    if (!node.isObject()) {
      fault(path, "must be a key: {id, sha256, expires?, revoked?}");
      return null;
    }
    known(node, path, KEY_FIELDS);
    String id = name(node, "id", path);
    String sha256 = node.path("sha256").asText("").toLowerCase(Locale.ROOT);
    if (!isDigest(sha256)) {
      // never quoted: someone may have put the key itself here
      fault(below(path, "sha256"), "must be the SHA-256 of the key, 64 hex digits (printf %s \"$KEY\" | sha256sum)");
      return null;
    }
    String last4 = text(node, "last4", path, 4);
    text(node, REPLACED_BY, path, 64);
    boolean revoked = flag(node, "revoked", path, false);
    Policy.Rule rule = new Policy.Rule("key `" + id + "` of project `" + project + "`", globs(node, "models", path), globs(node, "providers", path), Set.of(), Set.of());
    ObjectNode definition = node.deepCopy();
    definition.remove(List.of("sha256", "last4", "revoked"));
    return id.isEmpty() ? null : new ProjectKey(project, id, sha256, last4, expires(node, path), revoked, names(node, "tags", path), text(node, "user", path, io.dromedary.chat.ModelRequest.LONGEST_USER),
        globs(node, "endpoints", path), rule, part(node, "limits", path, true), part(node, "budgets", path, true), part(node, "credit", path, true), fromFile, definition);
  }

  private Globs globs(JsonNode node, String field, String path) {
    List<String> patterns = new ArrayList<>();
    for (JsonNode pattern : list(node, field, path)) {
      String text = pattern.isTextual() ? pattern.textValue() : "";
      if (text.isBlank() || text.equals("!") || text.length() > LONGEST_PATTERN || text.chars().anyMatch(c -> c <= ' ')) {
        fault(below(path, field), "must be names in which * stands for any text, such as `openai/*`; a leading ! forbids");
        return Globs.ALL;
      }
      patterns.add(text);
    }
    if (patterns.size() > MOST_PATTERNS) {
      fault(below(path, field), "may have " + MOST_PATTERNS + " patterns, not " + patterns.size());
    }
    if (present(node, field).isArray() && patterns.isEmpty()) {
      fault(below(path, field), "is empty, which would allow nothing; leave it out to allow all, or revoke the keys");
    }
    return Globs.of(patterns);
  }

  /** What another room reads is checked by that room; what nobody reads is refused. */
  private JsonNode part(JsonNode node, String field, String path, boolean ofKey) {
    JsonNode part = present(node, field);
    if (part.isMissingNode()) {
      return part;
    }
    boolean read = false;
    for (PartRules rule : rules) {
      if (rule.part().equals(field)) {
        read = true;
        rule.check(part, ofKey, (place, what) -> fault(below(path, field) + place, what));
      }
    }
    if (!read && (ofKey || !field.equals("limits"))) {
      fault(below(path, field), "is enforced by no part of this gateway, so it may not stand here");
    } else if (!read) {
      known(part, below(path, field), Set.of("in-flight"));
    }
    return part;
  }

  private int inFlight(JsonNode node, String path) {
    JsonNode limits = present(node, "limits");
    if (!limits.isMissingNode() && !limits.isObject()) {
      fault(below(path, "limits"), "must be a map such as {in-flight: 32}");
      return Project.DEFAULT_IN_FLIGHT;
    }
    JsonNode value = present(limits, "in-flight");
    if (value.isMissingNode()) {
      return Project.DEFAULT_IN_FLIGHT;
    }
    if (!value.isInt() || value.intValue() < 1 || value.intValue() > 100_000) {
      fault(below(path, "limits.in-flight"), "must be a whole number from 1 to 100000");
    }
    return value.asInt();
  }

  private @Nullable Duration duration(JsonNode node, String field, String path) {
    JsonNode value = present(node, field);
    if (value.isMissingNode()) {
      return null;
    }
    String text = value.asText("");
    if (text.matches("[0-9]{1,5}[dh]")) {
      long count = Long.parseLong(text.substring(0, text.length() - 1));
      if (count > 0 && count <= MOST_DAYS) {
        return text.endsWith("d") ? Duration.ofDays(count) : Duration.ofHours(count);
      }
    }
    fault(below(path, field), "must be a time such as 30d or 12h, at most " + MOST_DAYS + "d");
    return null;
  }

  private @Nullable Instant expires(JsonNode node, String path) {
    JsonNode value = present(node, "expires");
    if (value.isMissingNode()) {
      return null;
    }
    String text = value.asText("");
    try {
      return text.length() == 10 ? LocalDate.parse(text).atStartOfDay(ZoneOffset.UTC).toInstant() : Instant.parse(text);
    } catch (DateTimeException e) {
      fault(below(path, "expires"), "must be a date such as 2027-01-01 or 2027-01-01T00:00:00Z");
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
}
