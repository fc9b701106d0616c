package io.dromedary;

import java.time.Duration;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/** How much of what models thought is kept for the next turn, and how long. */
@ConfigurationProperties("dromedary.thoughts")
record ThoughtSettings(@DefaultValue("33554432") long maxBytes, @DefaultValue("6h") Duration ttl) {}
