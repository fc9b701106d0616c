package io.dromedary;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.env.EnvironmentPostProcessor;
import org.springframework.boot.env.YamlPropertySourceLoader;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.core.env.EnumerablePropertySource;
import org.springframework.core.env.MapPropertySource;
import org.springframework.core.env.MutablePropertySources;
import org.springframework.core.env.PropertySource;
import org.springframework.core.io.ClassPathResource;

/**
 * Adds the packed settings, below all others: whole where Dromedary is the application, only its own keys where it is a library in another, whose server, logging and Camel settings are not ours to choose.
 *
 * <p>Decides once, at start, whether the routes beside the application or the packed copies are used: never both, since ids would clash, and a missing directory would stop the start. With the dot Camel looks into a directory
 * that is a link.
 */
public final class BundleLocation implements EnvironmentPostProcessor {
  /** Set where another application has Dromedary as a library. */
  static final String HOSTED = "dromedary.hosted";
  private static final String PACKED = "io/dromedary/application.yaml";

  @Override
  public void postProcessEnvironment(ConfigurableEnvironment environment, SpringApplication application) {
    boolean hosted = Stream.of(Dromedary.class, Commands.Parts.class).noneMatch(application.getAllSources()::contains);
    MutablePropertySources sources = environment.getPropertySources();
    Map<String, Object> found = new LinkedHashMap<>();
    found.put("dromedary.bundle.routes", !hosted && Files.isDirectory(Path.of("routes")) ? "file:routes/./*.camel.yaml" : "classpath:routes/*.camel.yaml");
    if (hosted) {
      found.put(HOSTED, "true");
      found.put("dromedary.enabled", "true");
      if (BundleLocation.class.getClassLoader().getResource("db/migration") == null && !environment.containsProperty("spring.flyway.locations")) {
        // Flyway comes with us; a host without migrations of its own would find a table of Flyway's in its database
        found.put("spring.flyway.enabled", "false");
      }
      found.put("dromedary.doors.enabled", "false");
      found.put("dromedary.doors.path", "/dromedary");
    }
    sources.addLast(new MapPropertySource("dromedary-bundle", found));
    for (PropertySource<?> packed : packed()) {
      sources.addLast(hosted ? ours((EnumerablePropertySource<?>) packed) : packed);
    }
  }

  private static List<PropertySource<?>> packed() {
    ClassPathResource file = new ClassPathResource(PACKED, BundleLocation.class.getClassLoader());
    try {
      return new YamlPropertySourceLoader().load("dromedary-packed", file);
    } catch (IOException e) {
      throw new UncheckedIOException(PACKED + " cannot be read from the jar", e);
    }
  }

  private static PropertySource<?> ours(EnumerablePropertySource<?> packed) {
    Map<String, Object> ours = new LinkedHashMap<>();
    for (String name : packed.getPropertyNames()) {
      if (name.startsWith("dromedary.")) {
        ours.put(name, packed.getProperty(name));
      }
    }
    return new MapPropertySource(packed.getName(), ours);
  }
}
