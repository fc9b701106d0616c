package io.dromedary;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.dromedary.camel.BundleNames;
import io.dromedary.camel.DoorComponent;
import io.dromedary.camel.HostDoor;
import io.dromedary.catalog.ConfigError;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.apache.camel.CamelContext;
import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.spi.Resource;
import org.apache.camel.spring.boot.CamelContextConfiguration;
import org.apache.camel.support.PluginHelper;
import org.apache.camel.support.ResourceHelper;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.context.ApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;

/**
 * The routes in another application's Camel context, beside its own: every id and every endpoint within the JVM carries a prefix, and what the bundle says for all of its routes (let errors through) is said to each of them by name,
 * so that the host's routes keep their own error handling. Only {@code direct:chat} keeps its name: it is what the host calls. Doors do without Rest DSL, whose configuration is one for the whole context and the host's.
 */
@Configuration(proxyBeanMethods = false)
@ConditionalOnProperty(BundleLocation.HOSTED)
class HostBundle {
  /** The servlet of our doors, beside whatever the host has. */
  static final String SERVLET = "Dromedary";
  private static final Logger LOG = LoggerFactory.getLogger(HostBundle.class);
  private static final String DOOR = "dromedary-door";
  private static final String ENDING = ".camel.yaml";
  private static final Set<String> VERBS = Set.of("get", "post", "put", "delete", "patch", "head");
  private static final Pattern BEAN = Pattern.compile("\\$\\{bean:(\\w+)");
  /** What Kamelets refer to; their files are read by Camel itself. */
  private static final List<String> OF_KAMELETS = List.of("providerAccounts", "thoughtMemory", "sandbox", "miniLm");
  private static final YAMLMapper YAML = new YAMLMapper();

  private final String prefix;

  HostBundle(BundleNames names) {
    this.prefix = names.prefix();
  }

  @Bean
  CamelContextConfiguration dromedaryRoutes(Environment environment, EmbeddedSettings settings, ApplicationContext beans) {
    String patterns = environment.getRequiredProperty("dromedary.bundle.routes");
    boolean wanted = environment.getProperty("dromedary.doors.enabled", Boolean.class, false);
    boolean doors = wanted && beans.containsBean("dromedaryHttpBinding");
    if (wanted && !doors) {
      LOG.warn("the HTTP doors stay shut though dromedary.doors.enabled is true: they need Tomcat, and this application has no servlets; direct:chat works");
    }
    return new CamelContextConfiguration() {
      @Override
      public void beforeApplicationStart(CamelContext context) {
        OF_KAMELETS.stream().filter(name -> beans.containsBean(BundleNames.hosted(name))).forEach(name -> context.getRegistry().bind(name, Object.class, () -> beans.getBean(BundleNames.hosted(name))));
        if (doors) {
          context.addComponent(DOOR, new DoorComponent());
        }
        try {
          PluginHelper.getRoutesLoader(context).loadRoutes(bundle(context, patterns, settings, doors));
          context.addRoutes(new RouteBuilder() {
            @Override
            public void configure() {
              from("direct:chat").routeId(prefix + "chat-for-the-host").routeConfigurationId(prefix + "inner").process(new HostDoor(context, "direct:" + prefix + "chat"));
            }
          });
        } catch (ConfigError told) {
          throw told;
        } catch (Exception e) {
          throw new IllegalStateException("Dromedary's routes (" + patterns + ") cannot be loaded: " + e.getMessage(), e);
        }
      }

      @Override
      public void afterApplicationStart(CamelContext context) {
        // Nothing is left to do.
      }
    };
  }

  private List<Resource> bundle(CamelContext context, String patterns, EmbeddedSettings settings, boolean doors) throws Exception {
    Map<String, JsonNode> files = new LinkedHashMap<>();
    Set<String> groups = new TreeSet<>();
    for (String pattern : patterns.split(",")) {
      for (Resource resource : PluginHelper.getPackageScanResourceResolver(context).findResources(pattern.strip())) {
        String group = group(resource.getLocation());
        groups.add(group);
        if (!settings.without().contains(group)) {
          files.put(resource.getLocation(), read(resource));
        }
      }
    }
    settings.without().stream().filter(group -> !groups.contains(group)).findFirst().ifPresent(unknown -> {
      throw new ConfigError("dromedary.embedded.without names `" + unknown + "`, which is no file of routes; there are: " + String.join(", ", groups));
    });
    List<Resource> all = new ArrayList<>();
    for (Map.Entry<String, ArrayNode> file : hosted(files, doors, settings.closedDoors()).entrySet()) {
      all.add(ResourceHelper.fromBytes(file.getKey(), YAML.writeValueAsBytes(file.getValue())));
    }
    return all;
  }

  private static String group(String location) {
    String name = location.substring(Math.max(location.lastIndexOf('/'), location.lastIndexOf(':')) + 1);
    return name.endsWith(ENDING) ? name.substring(0, name.length() - ENDING.length()) : name;
  }

  private static JsonNode read(Resource resource) throws IOException {
    try (InputStream in = resource.getInputStream()) {
      return YAML.readTree(in);
    }
  }

  /** The same files for a context that is not ours. @throws ConfigError when what is left out is called by what is not */
  private Map<String, ArrayNode> hosted(Map<String, JsonNode> files, boolean doors, List<String> closed) {
    Set<String> there = new HashSet<>();
    files.values().forEach(file -> file.forEach(item -> there.add(item.at("/route/from/uri").asText())));
    Map<String, ArrayNode> hosted = new LinkedHashMap<>();
    files.forEach((location, file) -> {
      ArrayNode items = YAML.createArrayNode();
      for (JsonNode item : file) {
        if (item.path("rest") instanceof ObjectNode rest) {
          if (doors) {
            doors(rest, there, closed).forEach(items::add);
          }
        } else if (!item.has("restConfiguration")) {
          missing(item, there, location);
          items.add(hosted(item));
        }
      }
      if (!items.isEmpty()) {
        hosted.put(location, items);
      }
    });
    return hosted;
  }

  private static void missing(JsonNode node, Set<String> there, String location) {
    if (node.isTextual() && node.textValue().matches("direct:[\\w-]+") && !there.contains(node.textValue())) {
      throw new ConfigError("dromedary.embedded.without leaves out the file with the route " + node.textValue() + ", which " + group(location) + " calls; leave that out too, or neither");
    }
    node.forEach(child -> missing(child, there, location));
  }

  private JsonNode hosted(JsonNode item) {
    JsonNode named = renamed(item);
    if (named.path("route") instanceof ObjectNode route) {
      route.put("routeConfigurationId", route.has("routeConfigurationId") ? prefix + route.get("routeConfigurationId").textValue() : prefix + "inner");
    } else if (named.path("routeConfiguration") instanceof ObjectNode configuration && !configuration.has("id")) {
      configuration.put("id", prefix + "inner");
    }
    return named;
  }

  /** With the prefix on ids and on the endpoints that live in the JVM, and with the names that our beans have here. */
  private JsonNode renamed(JsonNode node) {
    if (node instanceof ObjectNode object) {
      ObjectNode renamed = YAML.createObjectNode();
      object.properties().forEach(field -> {
        JsonNode value = field.getValue();
        renamed.set(field.getKey(), !value.isTextual() ? renamed(value) : switch (field.getKey()) {
          case "id" -> TextNode.valueOf(prefix + value.textValue());
          case "ref" -> TextNode.valueOf(BundleNames.hosted(value.textValue()));
          default -> renamed(value);
        });
      });
      return renamed;
    }
    if (node instanceof ArrayNode array) {
      ArrayNode renamed = YAML.createArrayNode();
      array.forEach(child -> renamed.add(renamed(child)));
      return renamed;
    }
    if (!node.isTextual()) {
      return node;
    }
    String text = node.textValue();
    for (String scheme : new String[] {"direct:", "timer:"}) {
      if (text.startsWith(scheme)) {
        return TextNode.valueOf(scheme + prefix + text.substring(scheme.length()));
      }
    }
    if (text.startsWith("bean:") || text.matches("#[A-Za-z]\\w*")) {
      int name = text.startsWith("#") ? 1 : "bean:".length();
      return TextNode.valueOf(text.substring(0, name) + BundleNames.hosted(text.substring(name)));
    }
    return text.contains("${bean:") ? TextNode.valueOf(BEAN.matcher(text).replaceAll(found -> "\\${bean:" + BundleNames.hosted(found.group(1)))) : node;
  }

  /** One route per operation, at our own servlet; those whose route was left out are left out too. */
  private List<JsonNode> doors(ObjectNode rest, Set<String> there, List<String> closed) {
    List<JsonNode> routes = new ArrayList<>();
    rest.properties().forEach(verb -> {
      if (VERBS.contains(verb.getKey())) {
        for (JsonNode operation : verb.getValue()) {
          String path = (rest.path("path").asText() + operation.path("path").asText()).replaceAll("/+", "/");
          String to = operation.path("to").asText();
          if (there.contains(to) && closed.stream().noneMatch(shut -> path.equals(shut) || path.startsWith(shut.endsWith("/") ? shut : shut + "/"))) {
            routes.add(door(prefix + operation.path("id").asText(), verb.getKey().toUpperCase(Locale.ROOT), path, to));
          }
        }
      }
    });
    return routes;
  }

  private JsonNode door(String id, String method, String path, String to) {
    ObjectNode item = YAML.createObjectNode();
    ObjectNode from = item.putObject("route").put("id", id).put("routeConfigurationId", prefix + "inner").putObject("from").put("uri", DOOR + ":/" + path);
    from.putObject("parameters").put("servletName", SERVLET).put("httpMethodRestrict", method).put("httpBinding", "#dromedaryHttpBinding");
    from.putArray("steps").addObject().put("to", "direct:" + prefix + to.substring("direct:".length()));
    return item;
  }
}
