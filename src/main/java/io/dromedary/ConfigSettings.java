package io.dromedary;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/** The settings under {@code dromedary.config}: where the configuration files lie, and whether they are watched. See {@code config/application.yaml}. */
@ConfigurationProperties("dromedary.config")
public record ConfigSettings(@DefaultValue("config") String dir, @DefaultValue("true") boolean watch) {
  /** The file of that name there, or the copy in the jar. */
  ConfigFile file(String name) {
    return new ConfigFile(java.nio.file.Path.of(dir, name), "config/" + name);
  }
}
