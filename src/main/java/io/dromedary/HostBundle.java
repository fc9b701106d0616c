package io.dromedary;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.dromedary.camel.HostDoor;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import org.apache.camel.CamelContext;
import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.spi.Resource;
import org.apache.camel.spring.boot.CamelContextConfiguration;
import org.apache.camel.support.PluginHelper;
import org.apache.camel.support.ResourceHelper;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;

/**
 * The routes in another application's Camel context, beside its own: every id carries a prefix, and what the bundle says for all of its routes (let errors through) is said to each of them by name, so that the host's routes keep their
 * own error handling. The endpoints keep their names: {@code direct:chat} is what the host calls.
 */
@Configuration(proxyBeanMethods = false)
@ConditionalOnProperty(BundleLocation.HOSTED)
class HostBundle {
  static final String ID_PREFIX = "dromedary-";
  private static final String INNER = ID_PREFIX + "inner";
  private static final String CHAT = "direct:chat";
  /** The bundle's own route of that name. */
  private static final String CHAT_DOOR = "direct:" + ID_PREFIX + "chat";
  private static final YAMLMapper YAML = new YAMLMapper();

  @Bean
  CamelContextConfiguration dromedaryRoutes(Environment environment) {
    String patterns = environment.getRequiredProperty("dromedary.bundle.routes");
    boolean doors = environment.getProperty("dromedary.doors.enabled", Boolean.class, false);
    return new CamelContextConfiguration() {
      @Override
      public void beforeApplicationStart(CamelContext context) {
        try {
          PluginHelper.getRoutesLoader(context).loadRoutes(bundle(context, patterns, doors));
          context.addRoutes(new RouteBuilder() {
            @Override
            public void configure() {
              from(CHAT).routeId(ID_PREFIX + "chat-for-the-host").routeConfigurationId(INNER).process(new HostDoor(context, CHAT_DOOR));
            }
          });
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

  private static List<Resource> bundle(CamelContext context, String patterns, boolean doors) throws Exception {
    List<Resource> all = new ArrayList<>();
    for (String pattern : patterns.split(",")) {
      for (Resource resource : PluginHelper.getPackageScanResourceResolver(context).findResources(pattern.strip())) {
        all.add(ResourceHelper.fromBytes(resource.getLocation(), YAML.writeValueAsBytes(hosted(read(resource), doors))));
      }
    }
    return all;
  }

  private static JsonNode read(Resource resource) throws IOException {
    try (InputStream in = resource.getInputStream()) {
      return YAML.readTree(in);
    }
  }

  /** The same file for a context that is not ours. */
  static ArrayNode hosted(JsonNode file, boolean doors) {
    ArrayNode hosted = YAML.createArrayNode();
    for (JsonNode item : file) {
      if (item.path("route") instanceof ObjectNode route) {
        prefixIds(route);
        if (route.path("from") instanceof ObjectNode from && from.path("uri").asText().equals(CHAT)) {
          from.put("uri", CHAT_DOOR);
        }
        route.put("routeConfigurationId", route.has("routeConfigurationId") ? ID_PREFIX + route.get("routeConfigurationId").textValue() : INNER);
      } else if (item.path("routeConfiguration") instanceof ObjectNode configuration) {
        prefixIds(configuration);
        if (!configuration.has("id")) {
          configuration.put("id", INNER);
        }
      } else if ((item.has("rest") || item.has("restConfiguration")) && !doors) {
        continue;
      } else {
        prefixIds(item);
      }
      hosted.add(item);
    }
    return hosted;
  }

  private static void prefixIds(JsonNode node) {
    if (node instanceof ObjectNode object && object.path("id").isTextual()) {
      object.put("id", ID_PREFIX + object.get("id").textValue());
    }
    node.forEach(HostBundle::prefixIds);
  }
}
