package io.dromedary.limit;

import java.util.Locale;

/** For whom a limit counts. */
enum Scope {
  PROJECT,
  KEY,
  USER,
  MODEL,
  ACCOUNT;

  String word() {
    return name().toLowerCase(Locale.ROOT);
  }
}
