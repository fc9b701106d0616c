package io.dromedary.admin;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * One line of the audit log.
 *
 * @param atMs when, by the node's clock
 * @param node where
 * @param kind {@code asked} before a change is made, {@code done} after it, {@code looked}, {@code refused}, {@code key} for the use of a key
 * @param actor {@code admin-token}, {@code project/key}, or "" for nobody who is known
 * @param path without its query
 * @param status what was answered, 0 when it was not yet
 * @param times how many such events the line stands for
 * @param bodySha256 of what was sent, "" for nothing; the body itself is not kept
 * @param detail a few words more, free of secrets
 */
record AuditEntry(long atMs, String node, String kind, String actor, String method, String path, int status, long times, String bodySha256, String requestId, String detail) {
  /** What the next line is chained to: SHA-256 over the line before and all fields of this, each with its length, so that no text can pass for another field. */
  String hash(long seq, String previous) {
    StringBuilder all = new StringBuilder(512);
    for (String field : new String[] {previous, Long.toString(seq), Long.toString(atMs), node, kind, actor, method, path, Integer.toString(status), Long.toString(times), bodySha256, requestId, detail}) {
      all.append(field.length()).append(':').append(field);
    }
    return sha256(all.toString().getBytes(StandardCharsets.UTF_8));
  }

  /** The same with one event more. */
  AuditEntry again() {
    return new AuditEntry(atMs, node, kind, actor, method, path, status, times + 1, bodySha256, requestId, "the first of them; the others came within ten seconds");
  }

  static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
