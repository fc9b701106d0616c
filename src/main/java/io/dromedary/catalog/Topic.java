package io.dromedary.catalog;

import java.util.List;
import java.util.Map;

/**
 * What a request is about and what it wants done.
 *
 * @param domain the domain it is routed by, "" for none
 * @param domains those above their threshold, and the one asked for; the likeliest first
 * @param chosen did the request name its domain itself?
 * @param task what is to be done, such as {@code code} or {@code summary}; "" when nobody looked
 * @param tasks the likeliest, best first, each 0..1
 */
public record Topic(String domain, Map<String, Double> domains, boolean chosen, String task, Map<String, Double> tasks) {
  /** The domains that are known without any configuration. */
  public static final List<String> DOMAINS = List.of("medical", "legal", "creative", "technical", "scientific", "financial", "educational");
  /** What a request can want done. */
  public static final List<String> TASKS = List.of("code", "maths", "creative", "analysis", "question_answering", "summary", "translation", "chat", "extraction");
  public static final Topic NONE = new Topic("", Map.of(), false, "", Map.of());
}
