package io.dromedary.chat;

import java.util.Set;

/**
 * Who asks.
 *
 * @param project the tenant that everything is counted for; {@code default} when the gateway is open
 * @param keyId the key used, "" when the gateway is open; never the key itself
 * @param admin true for the admin token
 * @param tags labels of the project for reports
 */
public record Caller(String project, String keyId, boolean admin, Set<String> tags) {
  /** The one caller of a gateway that has no callers configured. */
  public static final Caller OPEN = new Caller("default", "", false, Set.of());
}
