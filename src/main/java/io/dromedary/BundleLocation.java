package io.dromedary;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.env.EnvironmentPostProcessor;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.core.env.MapPropertySource;

/** Decides once, at start, whether the routes beside the application or the packed copies are used: never both, since ids would clash, and a missing directory would stop the start. */
public final class BundleLocation implements EnvironmentPostProcessor {
  @Override
  public void postProcessEnvironment(ConfigurableEnvironment environment, SpringApplication application) {
    String routes = Files.isDirectory(Path.of("routes")) ? "file:routes/*.camel.yaml" : "classpath:routes/*.camel.yaml";
    environment.getPropertySources().addLast(new MapPropertySource("dromedary-bundle", Map.of("dromedary.bundle.routes", routes)));
  }
}
