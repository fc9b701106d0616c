package io.dromedary.ranking;

import io.dromedary.catalog.Topic;
import org.jspecify.annotations.Nullable;

/**
 * What is known of a request beside its own words.
 *
 * @param project who asks
 * @param topic what it is about
 * @param profile what the settings say of its domain and project
 * @param optimize may the request be trimmed?
 * @param session which conversation it belongs to, "" where none is kept
 * @param stay the model that this conversation was with, null if there is none
 * @param explained is the decision all that is wanted?
 */
public record Occasion(String project, Topic topic, Profile profile, boolean optimize, String session, @Nullable Stay stay, boolean explained) {
  /** Nothing is known. */
  public static final Occasion NONE = new Occasion("", Topic.NONE, Profile.NONE, false, "", null, false);
}
