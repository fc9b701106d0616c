package io.dromedary.reload;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.dromedary.catalog.ConfigError;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The files of routes in a directory, as they were at one moment: what stands in them, whether it fits together, and in what they differ from those of another moment. What a route does is not known here.
 *
 * @param folder the directory's name, for messages
 * @param texts by file name
 * @param items all of them, in the order of files and lines
 */
public record RouteFiles(String folder, Map<String, String> texts, List<Item> items) {
  public static final String ENDING = ".camel.yaml";
  private static final YAMLMapper YAML = new YAMLMapper();
  private static final Pattern TARGET = Pattern.compile("direct:[\\w-]+");

  /**
   * One item of a file's list.
   *
   * @param kind {@code route}, {@code rest}, {@code routeTemplate} and the like
   * @param id "" for those that need none
   */
  public record Item(String file, String kind, String id, JsonNode definition) {
    public boolean isRoute() {
      return kind.equals("route");
    }

    /** The ids of a door's operations. */
    public List<String> operations() {
      List<String> ids = new ArrayList<>();
      definition.path(kind).forEach(verb -> {
        if (verb.isArray()) {
          verb.forEach(operation -> ids.add(operation.path("id").asText()));
        }
      });
      return ids;
    }

    /** Where a route begins, without parameters. */
    public String from() {
      return definition.at("/route/from/uri").asText();
    }
  }

  /** In what two moments differ; a route that only moved between files has not changed. */
  public record Change(List<Item> added, List<Item> changed, List<Item> removed, List<Item> others) {
    public boolean isEmpty() {
      return added.isEmpty() && changed.isEmpty() && removed.isEmpty() && others.isEmpty();
    }
  }

  /** The bytes of all files, with their names: what a version is the hash of. */
  public static byte[] bytes(Map<String, String> texts) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    texts.forEach((name, text) -> all.writeBytes((name + "\n" + text + "\n").getBytes(StandardCharsets.UTF_8)));
    return all.toByteArray();
  }

  /** The files of that ending, by name. */
  public static Map<String, String> read(Path directory, String ending) throws IOException {
    Map<String, String> texts = new TreeMap<>();
    for (Path file : files(directory, ending)) {
      texts.put(file.getFileName().toString(), Files.readString(file));
    }
    return texts;
  }

  /** Another number when a file was changed, exchanged, added or taken away; 0 while the directory cannot be read. */
  public static long stamp(Path directory, String ending) {
    try {
      long stamp = 1;
      for (Path file : files(directory, ending)) {
        stamp = stamp * 31 + file.getFileName().hashCode();
        BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
        stamp = stamp * 31 + attributes.lastModifiedTime().toMillis();
        stamp = stamp * 31 + attributes.size();
        stamp = stamp * 31 + Objects.hashCode(attributes.fileKey());
      }
      return stamp;
    } catch (IOException gone) {
      return 0;
    }
  }

  private static List<Path> files(Path directory, String ending) throws IOException {
    try (Stream<Path> all = Files.list(directory)) {
      return all.filter(file -> file.getFileName().toString().endsWith(ending) && Files.isRegularFile(file)).sorted().toList();
    }
  }

  /**
   * Takes them apart.
   *
   * @param known those of before: files that have not changed are not read again
   * @param elsewhere whether something that is not in these files begins there; null where that is not known yet, and targets are not looked for
   * @throws ConfigError naming file and line of the first thing that is not as it must be
   */
  public static RouteFiles parse(String folder, Map<String, String> texts, @Nullable RouteFiles known, @Nullable Predicate<String> elsewhere) {
    List<Item> items = new ArrayList<>();
    texts.forEach((file, text) -> {
      if (known != null && text.equals(known.texts.get(file))) {
        known.items.stream().filter(item -> item.file().equals(file)).forEach(items::add);
        return;
      }
      JsonNode list;
      try {
        list = YAML.readTree(text);
      } catch (JsonProcessingException e) {
        throw new ConfigError(folder + "/" + file + ":" + (e.getLocation() == null ? 1 : e.getLocation().getLineNr()) + ": not valid YAML: " + firstLine(e.getOriginalMessage()), e);
      }
      if (list.isMissingNode() || list.isNull()) {
        return;
      }
      if (!list.isArray()) {
        throw new ConfigError(folder + "/" + file + ":1: must be a list of routes, `- route:` each");
      }
      for (JsonNode item : list) {
        if (!item.isObject() || item.size() != 1) {
          throw new ConfigError(folder + "/" + file + ":1: each item of the list must be one `- route:` or another of Camel's kinds, not " + clip(item.toString()));
        }
        String kind = item.fieldNames().next();
        items.add(new Item(file, kind, item.path(kind).path("id").asText(), item));
      }
    });
    RouteFiles files = new RouteFiles(folder, texts, List.copyOf(items));
    files.fitTogether();
    if (elsewhere != null) {
      files.checkTargets(elsewhere);
    }
    return files;
  }

  private void fitTogether() {
    Map<String, Item> ids = new HashMap<>();
    Map<String, Item> beginnings = new HashMap<>();
    for (Item item : items) {
      if (item.isRoute()) {
        if (item.id().isEmpty() || item.id().indexOf('~') >= 0) {
          throw new ConfigError(place(item) + "every route needs an `id` (without `~`), by which it is known when it has changed");
        }
        Item other = beginnings.put(item.from(), item);
        if (other != null && item.from().startsWith("direct:")) {
          throw new ConfigError(place(item) + "route `" + item.id() + "` begins at " + item.from() + ", as does `" + other.id() + "` in " + folder + "/" + other.file());
        }
      }
      if (!item.id().isEmpty()) {
        Item other = ids.put(item.id(), item);
        if (other != null) {
          throw new ConfigError(place(item) + "the id `" + item.id() + "` is also in " + place(other).replaceFirst(": $", ""));
        }
      }
    }
  }

  /** @throws ConfigError naming file and line of the first target at which nothing begins, neither here nor elsewhere */
  public void checkTargets(Predicate<String> elsewhere) {
    Set<String> beginnings = items.stream().filter(Item::isRoute).map(Item::from).collect(Collectors.toSet());
    for (Item item : items) {
      for (String target : targets(item.definition(), new TreeSet<>())) {
        if (!beginnings.contains(target) && !elsewhere.test(target)) {
          throw new ConfigError(folder + "/" + item.file() + ":" + line(item.file(), Pattern.compile(Pattern.quote(target) + "\\b")) + ": no route begins at " + target);
        }
      }
    }
  }

  private static Set<String> targets(JsonNode node, Set<String> found) {
    if (node.isTextual() && TARGET.matcher(node.textValue()).matches()) {
      found.add(node.textValue());
    }
    node.forEach(child -> targets(child, found));
    return found;
  }

  /** {@code routes/x.camel.yaml:12: }, for what is to be said of that item. */
  public String place(Item item) {
    return folder + "/" + item.file() + ":" + (item.id().isEmpty() ? 1 : line(item.file(), Pattern.compile("^\\s*-?\\s*id:\\s*[\"']?" + Pattern.quote(item.id()) + "[\"']?\\s*$"))) + ": ";
  }

  private int line(String file, Pattern what) {
    String[] lines = texts.getOrDefault(file, "").split("\n", -1);
    for (int i = 0; i < lines.length; i++) {
      Matcher matcher = what.matcher(lines[i]);
      if (matcher.find()) {
        return i + 1;
      }
    }
    return 1;
  }

  /** What must happen to these for them to be those. */
  public Change to(RouteFiles fresh) {
    Map<String, Item> mine = byKey(items);
    Map<String, Item> theirs = byKey(fresh.items);
    List<Item> added = new ArrayList<>();
    List<Item> changed = new ArrayList<>();
    List<Item> removed = new ArrayList<>();
    List<Item> others = new ArrayList<>();
    theirs.forEach((key, item) -> {
      Item old = mine.get(key);
      if (old == null) {
        (item.isRoute() || item.kind().equals("rest") ? added : others).add(item);
      } else if (!old.definition().equals(item.definition())) {
        (item.isRoute() ? changed : others).add(item);
      }
    });
    mine.forEach((key, item) -> {
      if (!theirs.containsKey(key)) {
        (item.isRoute() || item.kind().equals("rest") ? removed : others).add(item);
      }
    });
    return new Change(added, changed, removed, others);
  }

  /** What has no id is known by what it says. */
  private static Map<String, Item> byKey(List<Item> items) {
    Map<String, Item> keys = new LinkedHashMap<>();
    items.forEach(item -> keys.put(item.kind() + " " + (item.id().isEmpty() ? item.definition().toString() : item.id()), item));
    return keys;
  }

  private static String firstLine(String message) {
    int end = message.indexOf('\n');
    return end < 0 ? message : message.substring(0, end);
  }

  private static String clip(String text) {
    return text.length() > 80 ? text.substring(0, 80) + "..." : text;
  }
}
