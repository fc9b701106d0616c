package io.dromedary;

import io.dromedary.catalog.ConfigError;
import java.time.Duration;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/** The settings under {@code dromedary.cache.semantic}; see {@code config/application.yaml} for units and effects. */
@ConfigurationProperties("dromedary.cache.semantic")
record SemanticCacheSettings(@DefaultValue("false") boolean enabled, @DefaultValue("true") boolean allProjects, @DefaultValue("0.80") double threshold, @DefaultValue("134217728") long maxBytes,
    @DefaultValue("1000") int maxChars, @DefaultValue("1.0") double maxTemperature, @DefaultValue("40ms") Duration lookUp, @DefaultValue("true") boolean persistent, @DefaultValue("") String store,
    @DefaultValue("") String storeUrl, @DefaultValue("") String storeApiKey, @DefaultValue("100ms") Duration storeTimeout, @DefaultValue("2s") Duration storeRest, @DefaultValue("262144") int storeMaxAnswerBytes) {
  SemanticCacheSettings {
    if (!(threshold >= 0.5 && threshold <= 1)) {
      throw new ConfigError("config/application.yaml: dromedary.cache.semantic.threshold = " + threshold + ": must be from 0.5 to 1");
    }
    if (storeTimeout.isNegative() || storeTimeout.isZero() || storeRest.isNegative() || storeRest.isZero()) {
      throw new ConfigError("config/application.yaml: dromedary.cache.semantic.store-timeout and store-rest must be longer than nothing");
    }
  }
}
