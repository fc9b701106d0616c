package io.dromedary;

import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/** The settings under {@code dromedary.features}: how the feature flags are where nobody has set them at run time. */
@ConfigurationProperties("dromedary.features")
public record FeatureSettings(@DefaultValue Map<String, Flag> flags) {
  /**
   * One flag.
   *
   * @param percentage of projects it is on for
   */
  public record Flag(@Nullable Boolean enabled, @Nullable Integer percentage) {}
}
