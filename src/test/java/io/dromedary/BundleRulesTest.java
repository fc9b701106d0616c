package io.dromedary;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import io.dromedary.testing.Gateway;
import java.io.IOException;
import java.io.InputStream;
import java.io.StringReader;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.camel.CamelContext;
import org.apache.camel.model.ModelCamelContext;
import org.apache.camel.model.ProcessDefinition;
import org.apache.camel.model.ProcessorDefinition;
import org.apache.camel.model.RouteDefinition;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.yaml.snakeyaml.DumperOptions.FlowStyle;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.nodes.CollectionNode;
import org.yaml.snakeyaml.nodes.MappingNode;
import org.yaml.snakeyaml.nodes.Node;
import org.yaml.snakeyaml.nodes.NodeTuple;
import org.yaml.snakeyaml.nodes.SequenceNode;

/** The bundle's rules for YAML: what a person who opens a route in Kaoto may rely on, and what keeps it sealed. */
class BundleRulesTest {
  private static final YAMLMapper YAML = YAMLMapper.builder().enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION).build();
  private static final Map<Path, JsonNode> ROUTES = routeFiles();
  private static final Map<Path, JsonNode> KAMELETS = files("kamelets", ".kamelet.yaml");
  private static final Set<String> KINDS = Set.of("action", "source", "sink");
  private static final Set<String> LANGUAGES = Set.of("simple", "constant", "jsonpath", "header", "variable", "exchangeProperty", "tokenize", "csimple", "datasonnet", "jq", "xpath", "groovy", "ref", "language");
  /** Schemes that stay in this JVM, or are checked by their own rule. */
  private static final Set<String> INSIDE = Set.of("direct", "bean", "seda", "timer", "kamelet");
  private static final Set<String> OUTER_ENTRIES = Set.of("rest", "rest-api", "servlet", "platform-http", "kafka", "jms", "activemq", "activemq6", "amqp", "sjms2", "file");
  /** Entries that take messages, one or many at once, and hand each to {@code direct:chat}. */
  private static final Set<String> QUEUES = Set.of("kafka", "jms");
  /** What routes of the host application may call (CONTRACT). */
  private static final List<String> PUBLIC = List.of("chat");
  private static final Pattern PLACE = Pattern.compile("\\{\\{([^}:?]+)[^}]*}}");
  private static final Pattern BEAN_IN_SIMPLE = Pattern.compile("\\$\\{bean:([\\w]+)\\?method=(\\w+)(\\([^}]*(?:}[^}]*)*?\\))?}");
  private static final Pattern DIRECT = Pattern.compile("direct:[\\w-]+(\\$\\{)?");

  private static Map<Path, JsonNode> files(String folder, String ending) {
    try (Stream<Path> all = Files.walk(Path.of(folder))) {
      Map<Path, JsonNode> read = new LinkedHashMap<>();
      for (Path file : all.filter(f -> f.toString().endsWith(ending)).sorted().toList()) {
        read.put(file, YAML.readTree(Files.readAllBytes(file)));
      }
      assertThat(read).isNotEmpty();
      return read;
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  /** Those of the stores are loaded only where they are named; Camel would find them in a folder below routes/. */
  private static Map<Path, JsonNode> routeFiles() {
    Map<Path, JsonNode> routes = files("routes", ".camel.yaml");
    routes.putAll(files("config/stores", ".camel.yaml"));
    return routes;
  }

  private static Map<Path, JsonNode> bundle() {
    Map<Path, JsonNode> all = new LinkedHashMap<>(ROUTES);
    all.putAll(KAMELETS);
    return all;
  }

  /** A route or route template, with where it stands. */
  private record Route(Path file, JsonNode definition) {
    String id() {
      return definition.path("id").asText();
    }

    String from() {
      return definition.at("/from/uri").asText();
    }

    JsonNode steps() {
      return definition.at("/from/steps");
    }
  }

  private static List<Route> routes() {
    List<Route> routes = new ArrayList<>();
    ROUTES.forEach((file, root) -> root.forEach(item -> {
      for (String kind : new String[] {"route", "routeTemplate"}) {
        if (item.has(kind)) {
          routes.add(new Route(file, item.get(kind)));
        }
      }
    }));
    return routes;
  }

  /** Every object below, with the key it stands under. */
  private static void walk(String key, JsonNode node, BiConsumer<String, JsonNode> each) {
    if (node.isArray()) {
      node.forEach(item -> walk(key, item, each));
      return;
    }
    each.accept(key, node);
    node.fields().forEachRemaining(field -> walk(field.getKey(), field.getValue(), each));
  }

  /** Every list of steps below: those of a route, a branch, a Kamelet, an onException. */
  private static List<JsonNode> stepLists(JsonNode root) {
    List<JsonNode> lists = new ArrayList<>();
    walk("", root, (key, node) -> {
      if (node.path("steps").isArray()) {
        lists.add(node.get("steps"));
      }
    });
    return lists;
  }

  private static String eip(JsonNode step) {
    return step.fieldNames().next();
  }

  private static Stream<String> texts(JsonNode root) {
    List<String> texts = new ArrayList<>();
    walk("", root, (key, node) -> {
      if (node.isTextual()) {
        texts.add(node.textValue());
      }
    });
    return texts.stream();
  }

  @Test
  void ids_are_unique_over_the_bundle() {
    List<String> ids = new ArrayList<>();
    ROUTES.values().forEach(root -> walk("", root, (key, node) -> {
      if (node.path("id").isTextual()) {
        ids.add(node.path("id").textValue());
      }
    }));
    assertThat(ids).hasSizeGreaterThan(30).doesNotHaveDuplicates().allSatisfy(id -> assertThat(id).matches("[a-z0-9]+(-[a-z0-9]+)*"));
  }

  @Test
  void every_route_says_what_it_does_and_every_step_in_at_most_six_words() {
    assertThat(routes()).hasSizeGreaterThan(25).allSatisfy(route -> assertThat(route.definition().path("description").asText()).as("description of route %s", route.id()).isNotBlank());
    List<String> wrong = new ArrayList<>();
    bundle().forEach((file, root) -> stepLists(root).forEach(steps -> steps.forEach(step -> {
      String label = step.path(eip(step)).path("description").asText();
      if (label.isBlank() || label.trim().split("\\s+").length > 6) {
        wrong.add(file + ": " + eip(step) + " `" + label + "`");
      }
    })));
    assertThat(wrong).as("steps whose label is missing or longer than six words").isEmpty();
  }

  @Test
  void every_direct_target_exists() {
    Set<String> targets = new HashSet<>();
    routes().forEach(route -> targets.add(route.from()));
    List<String> missing = new ArrayList<>();
    bundle().forEach((file, root) -> texts(root).filter(text -> text.startsWith("direct:")).forEach(text -> {
      Matcher found = DIRECT.matcher(text);
      assertThat(found.lookingAt()).as("%s: %s", file, text).isTrue();
      boolean there = found.group(1) == null ? targets.contains(text) : targets.stream().anyMatch(target -> target.startsWith(text.substring(0, text.indexOf("${"))));
      if (!there) {
        missing.add(file + ": " + text);
      }
    }));
    assertThat(missing).isEmpty();
  }

  @Test
  void every_bean_that_a_step_calls_exists_and_has_the_method() {
    try (Gateway gateway = Gateway.bare().start()) {
      CamelContext camel = gateway.bean(CamelContext.class);
      List<String> wrong = new ArrayList<>();
      List<String> seen = new ArrayList<>();
      bundle().forEach((file, root) -> {
        Map<String, Class<?>> own = kameletBeans(root, wrong);
        for (Call call : calls(root)) {
          seen.add(call.bean());
          Class<?> type = own.get(call.bean());
          if (type == null) {
            Object bean = camel.getRegistry().lookupByName(call.bean());
            type = bean == null ? null : bean.getClass();
          }
          if (type == null) {
            wrong.add(file + ": there is no bean `" + call.bean() + "`");
          } else if (!call.method().isEmpty() && !has(type, call)) {
            wrong.add(file + ": `" + call.bean() + "` (" + type.getSimpleName() + ") has no public method " + call.method() + " with " + call.arguments() + " arguments");
          }
        }
      });
      assertThat(wrong).isEmpty();
      assertThat(new TreeSet<>(seen)).contains("ingress", "callerRegistry", "rankedFailover", "recalledAnswer", "{{client}}");

      for (RouteDefinition loaded : ((ModelCamelContext) camel).getRouteDefinitions()) {
        String uri = loaded.getInput().getEndpointUri();
        if (OUTER_ENTRIES.contains(uri.substring(0, uri.indexOf(':')))) {
          ProcessorDefinition<?> first = loaded.getOutputs().stream().filter(output -> !output.isAbstract()).findFirst().orElseThrow();
          boolean handsOn = first instanceof org.apache.camel.model.ToDefinition to && beginsWithIngress(to.getUri());
          assertThat(handsOn || first instanceof ProcessDefinition process && "ingress".equals(process.getRef())).as("the loaded entry %s (%s) begins with the ingress", loaded.getId(), uri).isTrue();
        }
      }
      Set<String> providers = new TreeSet<>(gateway.bean(DromedarySettings.class).providers().keySet());
      providers.add(ProviderWiring.SANDBOX);
      assertThat(routes().stream().map(Route::from)).as("a route for every account").containsAll(providers.stream().map(id -> "direct:provider-" + id).toList());
    }
  }

  private static boolean beginsWithIngress(String uri) {
    return routes().stream().anyMatch(route -> route.from().equals(uri) && isIngress(route.steps().path(0)));
  }

  private record Call(String bean, String method, int arguments) {
    /** @param text {@code name} or {@code name(argument, argument)} */
    static Call of(String bean, String text) {
      int open = text.indexOf('(');
      if (open < 0) {
        return new Call(bean, text, -1);
      }
      String inner = text.substring(open + 1, text.lastIndexOf(')'));
      int depth = 0;
      int commas = 0;
      for (char c : inner.toCharArray()) {
        depth += c == '(' || c == '{' ? 1 : c == ')' || c == '}' ? -1 : 0;
        commas += c == ',' && depth == 0 ? 1 : 0;
      }
      return new Call(bean, text.substring(0, open), inner.isBlank() ? 0 : commas + 1);
    }
  }

  private static boolean has(Class<?> type, Call call) {
    return Arrays.stream(type.getMethods()).anyMatch(m -> m.getName().equals(call.method()) && (call.arguments() < 0 || m.getParameterCount() == call.arguments()) && Modifier.isPublic(m.getModifiers()));
  }

  private static Map<String, Class<?>> kameletBeans(JsonNode root, List<String> wrong) {
    Map<String, Class<?>> own = new LinkedHashMap<>();
    root.at("/spec/template/beans").forEach(bean -> {
      try {
        own.put("{{" + bean.path("name").asText() + "}}", Class.forName(bean.path("type").asText().replace("#class:", "")));
      } catch (ClassNotFoundException e) {
        wrong.add(root.at("/metadata/name").asText() + ": no class " + bean.path("type").asText());
      }
      bean.path("properties").forEach(value -> assertThat(value.asText()).as("no secret in a Kamelet").doesNotContain("${env", "{{env"));
    });
    return own;
  }

  private static List<Call> calls(JsonNode root) {
    List<Call> calls = new ArrayList<>();
    walk("", root, (key, node) -> {
      if (node.isTextual()) {
        Matcher inSimple = BEAN_IN_SIMPLE.matcher(node.textValue());
        while (inSimple.find()) {
          calls.add(Call.of(inSimple.group(1), inSimple.group(2) + (inSimple.group(3) == null ? "" : inSimple.group(3))));
        }
        if (key.equals("aggregationStrategy")) {
          calls.add(new Call(node.textValue().replace("#", ""), "", -1));
        }
        return;
      }
      if (node.path("ref").isTextual() && Set.of("bean", "process", "method", "customLoadBalancer").contains(key)) {
        calls.add(Call.of(node.get("ref").textValue(), node.path("method").asText("")));
      }
      if (node.path("uri").asText("").startsWith("bean:")) {
        calls.add(Call.of(node.get("uri").textValue().substring(5), node.at("/parameters/method").asText("")));
      }
    });
    return calls;
  }

  private static boolean isIngress(JsonNode step) {
    return step.at("/process/ref").asText().equals("ingress");
  }

  /** A route that only hands on: what it hands on to is the entry. */
  private static String handedOn(Route route) {
    return route.steps().size() == 1 && route.steps().at("/0/to/uri").isTextual() ? route.steps().at("/0/to/uri").textValue() : route.from();
  }

  @Tag("X1")
  @Test
  void every_entry_begins_with_the_ingress() {
    Map<String, Route> byUri = new LinkedHashMap<>();
    routes().forEach(route -> byUri.put(route.from(), route));
    Set<String> entries = new TreeSet<>();
    ROUTES.values().forEach(root -> root.forEach(item -> walk("", item.path("rest"), (key, node) -> {
      if (node.has("to")) {
        entries.add(node.get("to").isTextual() ? node.get("to").textValue() : node.at("/to/uri").asText());
      }
    })));
    assertThat(entries).hasSizeGreaterThan(8);
    PUBLIC.forEach(name -> entries.add("direct:" + name));
    routes().stream().map(Route::from).filter(uri -> !INSIDE.contains(uri.substring(0, uri.indexOf(':'))) && !QUEUES.contains(uri.substring(0, uri.indexOf(':')))).map(uri -> handedOn(byUri.get(uri))).forEach(entries::add);
    assertThat(entries).allSatisfy(entry -> {
      assertThat(byUri).as("the entry %s has a route", entry).containsKey(entry);
      assertThat(isIngress(byUri.get(entry).steps().path(0))).as("the entry %s begins with the ingress", entry).isTrue();
      assertThat(byUri.get(entry).definition().path("routeConfigurationId").asText()).as("the entry %s is a door", entry).isEqualTo("door");
    });
  }

  @Tag("X1")
  @Test
  void every_queue_drops_all_headers_first_and_asks_by_a_door_that_begins_with_the_ingress() {
    List<Route> queues = routes().stream().filter(route -> QUEUES.contains(route.from().substring(0, route.from().indexOf(':')))).toList();
    assertThat(queues).isNotEmpty().allSatisfy(queue -> {
      assertThat(queue.definition().at("/from/parameters/headerFilterStrategy").asText()).as("%s: no header of a message becomes one of Camel's", queue.id()).isEqualTo("#noHeadersIn");
      assertThat(queue.steps().path(0).at("/process/description").asText()).as("%s: the first step", queue.id()).isEqualTo("Take in, drop all headers");
      assertThat(texts(queue.steps()).filter(text -> text.startsWith("direct:"))).as("%s asks nobody else", queue.id()).containsOnly("direct:answer-message");
    });
    Route asks = routes().stream().filter(route -> route.from().equals("direct:answer-message")).findFirst().orElseThrow();
    assertThat(texts(asks.steps()).filter(text -> text.startsWith("direct:"))).as("messages go in by the door of all").containsExactly("direct:chat");
  }

  @Tag("X1")
  @Test
  void no_header_leaves_the_house_or_comes_back() {
    List<String> wrong = new ArrayList<>();
    bundle().forEach((file, root) -> stepLists(root).forEach(steps -> {
      boolean clean = true;
      for (int i = 0; i < steps.size(); i++) {
        JsonNode step = steps.get(i);
        String kind = eip(step);
        if (kind.equals("removeHeaders")) {
          clean = step.at("/removeHeaders/pattern").asText().equals("*");
        }
        if (kind.equals("setHeader") || kind.equals("setHeaders")) {
          clean = false;
          assertThat(step.path(kind).path("name").asText()).as("%s: a header's name is fixed", file).matches("[\\w.-]+");
          if (!removedLater(steps, i)) {
            wrong.add(file + ": a header is set and not removed again in the same list of steps");
          }
        }
        if (file.startsWith("routes") && leaves(step) && !isRemoval(steps.path(i + 1))) {
          wrong.add(file + ": what comes back from `" + target(step) + "` keeps its headers");
        }
        if (leaves(step) && external(step) && (i == 0 || !isRemoval(steps.get(i - 1)) && !steps.get(i - 1).has("setHeader"))) {
          wrong.add(file + ": `" + target(step) + "` gets headers that no fixed list names");
        }
      }
      assertThat(clean).as("%s: a list of steps ends without headers of its own", file).isTrue();
    }));
    assertThat(wrong).isEmpty();
  }

  private static boolean removedLater(JsonNode steps, int from) {
    for (int i = from + 1; i < steps.size(); i++) {
      if (isRemoval(steps.get(i))) {
        return true;
      }
    }
    return false;
  }

  private static boolean isRemoval(JsonNode step) {
    return step.at("/removeHeaders/pattern").asText().equals("*");
  }

  private static String target(JsonNode step) {
    for (String kind : new String[] {"to", "toD", "wireTap"}) {
      if (step.has(kind)) {
        return step.path(kind).path("uri").asText();
      }
    }
    return step.has("enrich") || step.has("pollEnrich") ? step.findValue("constant").path("expression").asText("dynamic") : "";
  }

  /** A provider's Kamelet, a sink, a cache: whatever is not a step of our own. */
  private static boolean leaves(JsonNode step) {
    String target = target(step);
    return target.startsWith("kamelet:") || external(step);
  }

  private static boolean external(JsonNode step) {
    String target = target(step);
    return !target.isEmpty() && !step.has("enrich") && (target.startsWith("{{") || !INSIDE.contains(target.substring(0, Math.max(0, target.indexOf(':')))));
  }

  @Tag("X3")
  @Test
  void no_step_computes_where_to_call_but_the_account_of_a_ranked_candidate() {
    List<String> computed = new ArrayList<>();
    bundle().forEach((file, root) -> stepLists(root).forEach(steps -> steps.forEach(step -> {
      if (step.has("toD")) {
        computed.add(target(step));
      }
    })));
    assertThat(computed).containsExactlyInAnyOrder("direct:provider-${variable.provider}", "direct:embeddings-${variable.provider}", "direct:lots-${variable.provider}");
  }

  @Test
  void a_route_file_has_one_comment_and_it_comes_first() throws IOException {
    for (Path file : ROUTES.keySet()) {
      List<String> lines = Files.readAllLines(file);
      assertThat(lines.get(0)).as("%s: the first line", file).startsWith("# ");
      assertThat(lines.subList(1, lines.size())).as("%s: Kaoto keeps only the comment at the top", file).noneMatch(line -> line.strip().startsWith("#") || line.contains(" # "));
    }
    for (Path file : KAMELETS.keySet()) {
      assertThat(Files.readAllLines(file)).as("%s: Kaoto keeps no comment in a Kamelet", file).noneMatch(line -> line.strip().startsWith("#"));
    }
  }

  @Test
  void yaml_is_written_the_way_kaoto_saves_it() throws IOException {
    for (Path file : bundle().keySet()) {
      block(file, new Yaml(new LoaderOptions()).compose(new StringReader(Files.readString(file))));
      assertThat(Files.readAllLines(file)).as("%s", file).noneMatch(line -> line.contains("\t") || line.endsWith(" "));
    }
    ROUTES.forEach((file, root) -> explicit(file, "", root));
    KAMELETS.forEach((file, root) -> explicit(file, "", root.at("/spec/template")));
  }

  private static void block(Path file, Node node) {
    if (node instanceof CollectionNode<?> collection && !collection.getValue().isEmpty()) {
      assertThat(collection.getFlowStyle()).as("%s, line %d: block style", file, node.getStartMark().getLine() + 1).isNotEqualTo(FlowStyle.FLOW);
    }
    if (node instanceof MappingNode mapping) {
      for (NodeTuple tuple : mapping.getValue()) {
        block(file, tuple.getValueNode());
      }
    } else if (node instanceof SequenceNode sequence) {
      sequence.getValue().forEach(item -> block(file, item));
    }
  }

  private static void explicit(Path file, String parent, JsonNode node) {
    if (node.isArray()) {
      node.forEach(item -> explicit(file, parent, item));
    }
    node.fields().forEachRemaining(field -> {
      if (!parent.equals("parameters") && (LANGUAGES.contains(field.getKey()) && !field.getKey().equals("ref") || field.getKey().equals("method") && field.getValue().isObject())) {
        assertThat(parent).as("%s: `%s` stands under an explicit `expression:`", file, field.getKey()).isEqualTo("expression");
        assertThat(field.getValue().isObject()).as("%s: `%s` has its own `expression:`", file, field.getKey()).isTrue();
      }
      if (field.getKey().equals("steps") || field.getKey().equals("when")) {
        assertThat(field.getValue().isArray()).as("%s: `%s` is a list", file, field.getKey()).isTrue();
      }
      if (Set.of("to", "toD", "wireTap").contains(field.getKey()) && !parent.isEmpty() && !Set.of("get", "post", "put", "delete").contains(parent)) {
        assertThat(field.getValue().isObject()).as("%s: `%s` has `uri:`", file, field.getKey()).isTrue();
        assertThat(field.getValue().path("uri").asText()).as("%s: parameters stand under `parameters:`", file).doesNotContain("?");
      }
      explicit(file, field.getKey(), field.getValue());
    });
  }

  @Test
  void the_way_of_a_request_has_at_most_forty_lines_and_about_eight_steps() throws IOException {
    List<String> lines = Files.readAllLines(Path.of("routes/chat.camel.yaml"));
    int steps = 0;
    while (!lines.get(steps).strip().equals("steps:")) {
      steps++;
    }
    assertThat(lines.size() - steps - 1).as("lines below the route's `steps:`").isLessThanOrEqualTo(40);
    assertThat(routes().stream().filter(route -> route.id().equals("chat")).findFirst().orElseThrow().steps()).hasSizeBetween(6, 10);
  }

  @Test
  void a_kamelet_is_named_like_its_file_and_ends_in_its_kind() {
    KAMELETS.forEach((file, kamelet) -> {
      String name = file.getFileName().toString().replace(".kamelet.yaml", "");
      String kind = name.substring(name.lastIndexOf('-') + 1);
      assertThat(kamelet.at("/metadata/name").asText()).as("%s", file).isEqualTo(name);
      assertThat(KINDS).as("%s", file).contains(kind);
      assertThat(kamelet.at("/metadata/labels/camel.apache.org~1kamelet.type").asText()).as("%s", file).isEqualTo(kind);
      assertThat(kamelet.at("/spec/definition/title").asText()).as("%s: title", file).endsWith(" " + Character.toUpperCase(kind.charAt(0)) + kind.substring(1));
      assertThat(kamelet.at("/spec/definition/description").asText()).as("%s: description", file).isNotBlank();
    });
  }

  @Test
  void every_property_of_a_kamelet_is_described_titled_and_used_and_secrets_are_passwords() {
    KAMELETS.forEach((file, kamelet) -> {
      Set<String> used = new TreeSet<>();
      texts(kamelet.at("/spec/template")).forEach(text -> {
        Matcher places = PLACE.matcher(text);
        while (places.find()) {
          used.add(places.group(1));
        }
      });
      Set<String> known = new TreeSet<>();
      kamelet.at("/spec/definition/properties").fields().forEachRemaining(property -> {
        String name = property.getKey();
        known.add(name);
        assertThat(property.getValue().path("title").asText()).as("%s: title of %s", file, name).isNotBlank();
        assertThat(property.getValue().path("description").asText()).as("%s: description of %s", file, name).isNotBlank();
        assertThat(property.getValue().path("type").asText()).as("%s: type of %s", file, name).isNotBlank();
        assertThat(name).as("%s: `timeout` is a parameter of every Kamelet endpoint", file).isNotEqualTo("timeout");
        if (name.matches("(?i).*(key|secret|password|token|credential).*") && !name.matches("(?i).*tokens")) {
          assertThat(property.getValue().path("format").asText()).as("%s: %s is a secret", file, name).isEqualTo("password");
        }
        assertThat(used).as("%s: %s is used", file, name).contains(name);
      });
      kamelet.at("/spec/template/beans").forEach(bean -> known.add(bean.path("name").asText()));
      assertThat(known).as("%s: what the template uses is a property or a bean", file).containsAll(used);
    });
  }

  @Test
  void every_route_file_is_valid_by_camels_own_schema() throws IOException {
    JsonSchema bundle = JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V4).getSchema(camelSchema());
    ROUTES.forEach((file, root) -> assertThat(bundle.validate(root)).as("%s", file).isEmpty());
    KAMELETS.forEach((file, kamelet) -> {
      JsonNode from = YAML.createArrayNode().add(YAML.createObjectNode().set("from", kamelet.at("/spec/template/from")));
      assertThat(bundle.validate(from)).as("%s", file).isEmpty();
    });
  }

  private static JsonNode camelSchema() throws IOException {
    try (InputStream in = BundleRulesTest.class.getResourceAsStream("/schema/camelYamlDsl.json")) {
      return new ObjectMapper().readTree(in);
    }
  }
}
