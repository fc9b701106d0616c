package io.dromedary.catalog;

import java.util.Map;

/**
 * How hard a request looks.
 *
 * @param score 0..1
 * @param tier the tier that is routed by
 * @param scorer who said so: {@code keywords}, {@code length}, ...
 * @param signals what it saw, for people: name to value
 */
public record Complexity(double score, Tier tier, String scorer, Map<String, Object> signals) {}
