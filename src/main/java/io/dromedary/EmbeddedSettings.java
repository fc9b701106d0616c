package io.dromedary;

import java.util.List;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * The settings under {@code dromedary.embedded}: Dromedary as a library in another Camel application. See {@code config/application.yaml}.
 *
 * @param idPrefix before the ids and the inner endpoints of our routes
 * @param without files of routes that are not loaded, by name
 * @param closedDoors paths that are not opened though doors are
 * @param project whose the requests of the host's routes are that say nothing themselves
 */
@ConfigurationProperties("dromedary.embedded")
public record EmbeddedSettings(@DefaultValue("dromedary-") String idPrefix, @DefaultValue List<String> without, @DefaultValue List<String> closedDoors, @DefaultValue("") String project) {
  public EmbeddedSettings {
    if (!idPrefix.matches("[A-Za-z0-9][A-Za-z0-9_.-]*")) {
      throw new IllegalArgumentException("dromedary.embedded.id-prefix is `" + idPrefix + "`; it must be letters, digits, `.`, `_` and `-`, such as `llm-`");
    }
  }
}
