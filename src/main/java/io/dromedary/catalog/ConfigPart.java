package io.dromedary.catalog;

import java.io.IOException;

/** A configuration file that can be read afresh while the gateway runs: read, checked, and put in force only when all the others are right too. */
public interface ConfigPart {
  /** Its name, for messages. */
  String file();

  byte[] read() throws IOException;

  /** Another number when the file may have changed; 0 where it cannot, as in a jar. Cheap: asked every few seconds. */
  default long stamp() {
    return 0;
  }

  /**
   * Checks what was read, against what was checked just before it where it depends on that.
   *
   * @return puts it in force; cannot fail
   * @throws RuntimeException naming file, key, value and what is allowed; the old one stays
   */
  Runnable check(byte[] bytes);

  /** The round of checks is over, whatever came of it. */
  default void checked() {}
}
