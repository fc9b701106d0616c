package io.dromedary;

import java.time.Duration;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/** The settings under {@code dromedary.cache.shared}; see {@code config/application.yaml} for units and effects. */
@ConfigurationProperties("dromedary.cache.shared")
record SharedCacheSettings(@DefaultValue("true") boolean enabled, @DefaultValue("50ms") Duration timeout, @DefaultValue("1s") Duration rest, @DefaultValue("1048576") int maxAnswerBytes) {}
