package io.dromedary.alert;

/**
 * Where alerts go.
 *
 * @param name what rules call it
 * @param outbox the name of its rows in the outbox
 */
public record AlertSink(String name, String outbox, Format format) {
  /** How they look there. */
  public enum Format { JSON, SLACK }
}
