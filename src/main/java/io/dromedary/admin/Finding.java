package io.dromedary.admin;

/**
 * One thing that the doctor has to say.
 *
 * @param part what was looked at, such as {@code prices}
 * @param told what was found, free of secrets
 * @param advice what to do, "" when all is well
 */
public record Finding(Level level, String part, String told, String advice) {
  /** How bad it is. An {@code ERROR} keeps requests from being answered, or is unsafe where the gateway is to run. */
  public enum Level {
    OK, WARN, ERROR
  }

  public static Finding ok(String part, String told) {
    return new Finding(Level.OK, part, told, "");
  }

  public static Finding warn(String part, String told, String advice) {
    return new Finding(Level.WARN, part, told, advice);
  }

  public static Finding error(String part, String told, String advice) {
    return new Finding(Level.ERROR, part, told, advice);
  }
}
