package io.dromedary;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import io.dromedary.catalog.ConfigError;
import io.dromedary.chat.Json;
import io.dromedary.limit.LimitRules;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/** The windows of provider accounts, {@code dromedary.providers.<id>.windows}, as Spring's binder has them. */
@ConfigurationProperties("dromedary")
record AccountWindows(@DefaultValue Map<String, Account> providers) {
  record Account(@DefaultValue List<Map<String, Object>> windows) {}

  /** @throws ConfigError naming the key, its value and what is allowed */
  Map<String, LimitRules> rules(Predicate<String> knownModel) {
    Map<String, LimitRules> rules = new LinkedHashMap<>();
    providers.forEach((provider, account) -> {
      if (!account.windows().isEmpty()) {
        ArrayNode windows = Json.object().putArray("windows");
        account.windows().forEach(window -> windows.add(json(window)));
        try {
          rules.put(provider, LimitRules.ofAccount("config/application.yaml: dromedary.providers." + provider, windows, knownModel));
        } catch (IllegalArgumentException e) {
          throw new ConfigError(String.valueOf(e.getMessage()), e);
        }
      }
    });
    return Map.copyOf(rules);
  }

  /** The binder makes texts of numbers and maps of lists. */
  private static JsonNode json(Object value) {
    if (value instanceof Map<?, ?> map) {
      boolean list = !map.isEmpty() && map.keySet().stream().allMatch(key -> String.valueOf(key).matches("\\d+"));
      if (list) {
        ArrayNode array = Json.object().arrayNode();
        map.values().forEach(item -> array.add(json(item)));
        return array;
      }
      ObjectNode object = Json.object();
      map.forEach((key, item) -> object.set(String.valueOf(key), json(item)));
      return object;
    }
    if (value instanceof List<?> items) {
      ArrayNode array = Json.object().arrayNode();
      items.forEach(item -> array.add(json(item)));
      return array;
    }
    String text = String.valueOf(value);
    return text.matches("\\d{1,18}") ? Json.object().numberNode(Long.parseLong(text)) : TextNode.valueOf(text);
  }
}
