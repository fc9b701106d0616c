package io.dromedary.chat;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Which models a caller may be answered by. It holds for every model, however it came to be asked: by name, by tier, as a fallback, by an agent.
 *
 * @param rules all of them hold: its project's, then its key's
 * @param profile the preference of a request that states none, "" for none
 * @param tag changes when the policy does, so that answers are recalled only under the policy that they were given under; "" for no policy
 */
public record Policy(List<Rule> rules, String profile, String tag) {
  public static final Policy OPEN = new Policy(List.of(), "", "");

  /**
   * One rule.
   *
   * @param owner whose it is, such as {@code project `team-a`}
   * @param models by {@code provider/name} or by name
   * @param requiredTags a model must have all of them
   * @param regions a model must have one of them among its tags; empty means anywhere
   */
  public record Rule(String owner, Globs models, Globs providers, Set<String> requiredTags, Set<String> regions) {
    public boolean isOpen() {
      return models.isAll() && providers.isAll() && requiredTags.isEmpty() && regions.isEmpty();
    }

    private @Nullable String forbids(String provider, String name, String id, Set<String> tags) {
      if (!providers.admit(provider)) {
        return owner + " allows the providers " + providers + ", not `" + provider + "`";
      }
      if (!models.admit(id, name)) {
        return owner + " allows the models " + models + ", not `" + id + "`";
      }
      if (!tags.containsAll(requiredTags)) {
        return owner + " requires the tags " + String.join(", ", new TreeSet<>(requiredTags)) + "; `" + id + "` lacks one";
      }
      if (!regions.isEmpty() && regions.stream().noneMatch(tags::contains)) {
        return owner + " allows the regions " + String.join(", ", new TreeSet<>(regions)) + "; `" + id + "` is tagged with none of them";
      }
      return null;
    }
  }

  /** Leaves out rules that forbid nothing. */
  public static Policy of(String profile, Rule... rules) {
    List<Rule> that = java.util.Arrays.stream(rules).filter(rule -> !rule.isOpen()).toList();
    return that.isEmpty() && profile.isEmpty() ? OPEN : new Policy(that, profile, tag(profile, that));
  }

  /** Why this model may not answer, for people; null when it may. */
  public @Nullable String forbids(String provider, String name, String id, Set<String> tags) {
    for (Rule rule : rules) {
      String why = rule.forbids(provider, name, id, tags);
      if (why != null) {
        return why;
      }
    }
    return null;
  }

  private static String tag(String profile, List<Rule> rules) {
    StringBuilder all = new StringBuilder(profile);
    for (Rule rule : rules) {
      all.append('\n').append(rule.models()).append('\n').append(rule.providers()).append('\n').append(new TreeSet<>(rule.requiredTags())).append('\n').append(new TreeSet<>(rule.regions()));
    }
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(all.toString().getBytes(StandardCharsets.UTF_8)), 0, 8);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
