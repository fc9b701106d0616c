package io.dromedary.testing;

import java.util.Locale;

/** How a {@link FakeProvider} behaves towards a call. */
public enum Mood {
  WELL,
  /** 429 with a hint when to come back. */
  BUSY,
  /** 503. */
  DOWN,
  /** 400. */
  REFUSES,
  /** 401. */
  BAD_KEY,
  /** The first token comes late. */
  SLOW,
  /** Every chunk comes late. */
  DRIPS,
  /** Reads the request and never answers. */
  HANGS,
  /** Reads the request and closes. */
  HANGS_UP,
  /** Closes the connection after a few chunks, or in the middle of a whole answer. */
  DIES_MID_STREAM,
  /** Falls silent after a few chunks, or in the middle of a whole answer. */
  STALLS_MID_STREAM,
  /** 200, then an error before any content. */
  ERROR_IN_STREAM_FIRST,
  /** 200, then an error after a few chunks. */
  ERROR_MID_STREAM,
  /** All content, and a proper end of the HTTP message, but neither finish reason nor last event; a whole answer is half its JSON. */
  TRUNCATED,
  /** 200 with a web page. */
  HTML,
  /** 200 with nothing. */
  EMPTY,
  /** 200 with broken JSON. */
  JUNK,
  /** See {@link FakeProvider#lie}. */
  LIES_ABOUT_USAGE,
  /** Content without end. */
  ENDLESS;

  /** By its name in prose: {@code dies-mid-stream}. */
  public static Mood named(String name) {
    return valueOf(name.toUpperCase(Locale.ROOT).replace('-', '_'));
  }
}
