package io.dromedary.chat;

import java.util.Set;

/**
 * Who asks.
 *
 * @param project the tenant that everything is counted for; {@code default} when the gateway is open
 * @param keyId the key used, "" when the gateway is open; never the key itself
 * @param admin true for the admin token
 * @param tags labels of the project and the key for reports
 * @param org whom the project belongs to, "" if it is not said
 * @param user the one person that the key is for, "" when requests say it themselves (see {@link ModelRequest#user})
 * @param policy which models may answer
 */
public record Caller(String project, String keyId, boolean admin, Set<String> tags, String org, String user, Policy policy) {
  /** The one caller of a gateway that has no callers configured. */
  public static final Caller OPEN = new Caller("default", "", false, Set.of());

  /** Of no organisation, for anybody, under no policy. */
  public Caller(String project, String keyId, boolean admin, Set<String> tags) {
    this(project, keyId, admin, tags, "", "", Policy.OPEN);
  }
}
