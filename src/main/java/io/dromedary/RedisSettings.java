package io.dromedary;

import java.time.Duration;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/** The settings under {@code dromedary.redis}; see {@code config/application.yaml} for units and effects. */
@ConfigurationProperties("dromedary.redis")
record RedisSettings(@DefaultValue("") String url, @DefaultValue("100ms") Duration timeout, @DefaultValue("1s") Duration connectTimeout, @DefaultValue("1s") Duration rest) {
  @Override
  public String toString() {
    return "RedisSettings[" + (url.isEmpty() ? "none" : "***") + "]";
  }
}
