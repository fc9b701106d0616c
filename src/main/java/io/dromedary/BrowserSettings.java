package io.dromedary;

import java.util.Set;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/** Where pages may ask from, {@code dromedary.browsers}. */
@ConfigurationProperties("dromedary.browsers")
record BrowserSettings(@DefaultValue Set<String> allowedHosts) {}
