package io.dromedary.provider;

import java.net.URI;
import java.time.Duration;

/**
 * One account at a provider: where it is, the key that opens it, and how much and how long we ask of it.
 *
 * @param id the provider's id, such as {@code openai}
 * @param baseUrl without a trailing slash; comes from configuration only, never from a request
 * @param apiKey "" where none is needed; never printed
 * @param maxConcurrent calls that may wait for this account's first content at once (its bulkhead)
 * @param maxStreams streams that may be open at once
 * @param connectTimeout to connect
 * @param permitWait how long a call may wait for a free place
 * @param firstTokenTimeout until the first content of a stream
 * @param answerTimeout until the end of a whole answer
 * @param idleTimeout between two chunks
 */
public record ProviderAccount(String id, String baseUrl, String apiKey, int maxConcurrent, int maxStreams, Duration connectTimeout, Duration permitWait, Duration firstTokenTimeout,
    Duration answerTimeout, Duration idleTimeout) {

  /** @throws IllegalArgumentException naming the setting, its value and what is allowed */
  public ProviderAccount {
    URI uri = URI.create(baseUrl);
    if (uri.getHost() == null || !("http".equals(uri.getScheme()) || "https".equals(uri.getScheme())) || uri.getRawQuery() != null || uri.getRawUserInfo() != null) {
      throw new IllegalArgumentException("base URL of provider `" + id + "` must be http(s)://host[:port][/path] without user or query");
    }
    while (baseUrl.endsWith("/")) {
      baseUrl = baseUrl.substring(0, baseUrl.length() - 1);
    }
    if (maxConcurrent < 1 || maxStreams < 1) {
      throw new IllegalArgumentException("max-concurrent and max-streams of provider `" + id + "` must be at least 1");
    }
  }

  @Override
  public String toString() {
    return "ProviderAccount[" + id + " " + baseUrl + " key=" + (apiKey.isEmpty() ? "none" : "***") + "]";
  }
}
