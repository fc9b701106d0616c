package io.dromedary.catalog;

/** A configuration file that cannot be used: the message names file, key, value and what is allowed. */
public final class ConfigError extends RuntimeException {
  public ConfigError(String message) {
    super(message);
  }

  public ConfigError(String message, Throwable cause) {
    super(message, cause);
  }
}
