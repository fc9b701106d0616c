package io.dromedary.spend;

import java.util.Locale;

/** What requests differ in, for reports: the ledger's column, and the sums' column. */
enum Dimension {
  PROJECT("project", "project"),
  KEY("key_id", "key_id"),
  USER("user_id", "user_id"),
  AGENT("agent", "agent"),
  PROVIDER("provider", "provider"),
  MODEL("served_model", "model"),
  TIER("tier", "tier"),
  TASK("task", "task"),
  DOMAIN("domain", "domain"),
  TAG("tags", "tags"),
  BASELINE("baseline_model", "baseline");

  final String ledger;
  final String column;

  Dimension(String ledger, String column) {
    this.ledger = ledger;
    this.column = column;
  }

  /** As reports and their readers call it. */
  String word() {
    return name().toLowerCase(Locale.ROOT);
  }
}
