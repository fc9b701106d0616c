package io.dromedary.provider;

import io.dromedary.chat.ProviderFailure;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Cuts a provider's bytes into frames: Server-Sent Events as the HTML standard says, one JSON value a line, or Amazon's binary messages ({@link EventStreamReader}). Hands a frame out as soon as its last byte is there and copies its data once.
 *
 * <p>Works on bytes, so that UTF-8 may be cut anywhere and U+2028 is data. Looser than the standard in one point: a frame that the end of input completes counts, because some providers leave the last
 * blank line out. Pulled by one thread; does not close the input.
 */
public final class FrameReader {
  /** Longest line, in bytes. */
  public static final int MAX_LINE = 1 << 20;
  /** Longest stream, in bytes, comments included. */
  public static final long MAX_TOTAL = 32L << 20;

  private static final byte[] DATA = "data".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] EVENT = "event".getBytes(StandardCharsets.US_ASCII);

  private final InputStream in;
  private final boolean sse;
  private final String provider;
  private final @Nullable EventStreamReader messages;

  /** Unread bytes are {@code buffer[start, limit)}; those before {@code scanned} hold no line end. */
  private byte[] buffer;
  private int start;
  private int scanned;
  private int limit;
  private long total;
  private boolean atStart = true;
  private boolean skipLineFeed;
  private boolean ended;
  /** The line that {@link #readLine} found: {@code buffer[lineStart, lineEnd)}. */
  private int lineStart;
  private int lineEnd;

  private @Nullable String event;
  private byte @Nullable [] data;
  private @Nullable ByteArrayOutputStream joined;

  /** @param provider named in failures */
  public FrameReader(InputStream in, WireFormat.Framing framing, String provider) {
    this.in = in;
    this.sse = framing == WireFormat.Framing.SSE;
    this.provider = provider;
    this.buffer = new byte[framing == WireFormat.Framing.EVENT_STREAM ? 0 : 8 << 10];
    this.messages = framing == WireFormat.Framing.EVENT_STREAM ? new EventStreamReader(in, provider) : null;
  }

  /** True if a whole frame has been read from the input already, so that {@link #next} need not wait. */
  public boolean hasReady() {
    if (messages != null) {
      return messages.hasReady();
    }
    for (int i = start; i < limit; i++) {
      if (buffer[i] == '\n' && (!sse || i + 1 < limit && buffer[i + 1] == '\n' || i + 2 < limit && buffer[i + 1] == '\r' && buffer[i + 2] == '\n')) {
        return true;
      }
    }
    return false;
  }

  /**
   * Waits for the next frame.
   *
   * @return null at the end of input
   * @throws IOException if reading fails
   * @throws ProviderFailure {@code JUNK} if a line is longer than {@value #MAX_LINE} bytes or the stream longer than {@value #MAX_TOTAL}
   */
  public @Nullable Frame next() throws IOException {
    if (messages != null) {
      return messages.next();
    }
    while (readLine()) {
      if (!sse) {
        if (!isBlank()) {
          return new Frame(null, Arrays.copyOfRange(buffer, lineStart, lineEnd));
        }
      } else if (lineStart == lineEnd) {
        Frame frame = dispatch();
        if (frame != null) {
          return frame;
        }
      } else {
        readField();
      }
    }
    return dispatch();
  }

  private void readField() {
    byte first = buffer[lineStart];
    if (first == 'd' && isField(DATA)) {
      addData(valueStart(DATA.length));
    } else if (first == 'e' && isField(EVENT)) {
      event = new String(buffer, valueStart(EVENT.length), lineEnd - valueStart(EVENT.length), StandardCharsets.UTF_8);
    }
  }

  private boolean isField(byte[] name) {
    int end = lineStart + name.length;
    return lineEnd >= end && Arrays.equals(buffer, lineStart, end, name, 0, name.length) && (lineEnd == end || buffer[end] == ':');
  }

  private int valueStart(int nameLength) {
    int from = Math.min(lineStart + nameLength + 1, lineEnd);
    return from < lineEnd && buffer[from] == ' ' ? from + 1 : from;
  }

  private void addData(int from) {
    if (data == null) {
      data = Arrays.copyOfRange(buffer, from, lineEnd);
      return;
    }
    if (joined == null) {
      joined = new ByteArrayOutputStream(data.length + lineEnd - from + 64);
      joined.write(data, 0, data.length);
    }
    joined.write('\n');
    joined.write(buffer, from, lineEnd - from);
  }

  private @Nullable Frame dispatch() {
    byte[] whole = joined == null ? data : joined.toByteArray();
    Frame frame = whole == null ? null : new Frame(event, whole);
    event = null;
    data = null;
    joined = null;
    return frame;
  }

  private boolean isBlank() {
    for (int i = lineStart; i < lineEnd; i++) {
      if (buffer[i] != ' ' && buffer[i] != '\t') {
        return false;
      }
    }
    return true;
  }

  /** Finds the next line, ended by CRLF, LF, CR or the end of input; false when there is none. A CR ends its line at once: the LF that may follow is skipped when it comes. */
  private boolean readLine() throws IOException {
    while (true) {
      if (skipLineFeed && start < limit) {
        skipLineFeed = false;
        if (buffer[start] == '\n') {
          start++;
          scanned = start;
        }
      }
      for (int i = scanned; i < limit; i++) {
        byte b = buffer[i];
        if (b == '\n' || b == '\r') {
          skipLineFeed = b == '\r';
          found(i, i + 1);
          return true;
        }
      }
      scanned = limit;
      checkLength(limit);
      if (ended || !fill()) {
        ended = true;
        if (start == limit) {
          return false;
        }
        found(limit, limit);
        return true;
      }
    }
  }

  private void checkLength(int end) {
    if (end - start > MAX_LINE) {
      throw ProviderFailure.of(ProviderFailure.Kind.JUNK, provider, "provider `" + provider + "` sent a line of more than " + MAX_LINE + " bytes");
    }
  }

  private void found(int end, int next) {
    checkLength(end);
    lineStart = start;
    lineEnd = end;
    start = next;
    scanned = next;
    if (atStart) {
      atStart = false;
      if (lineEnd - lineStart >= 3 && buffer[lineStart] == (byte) 0xEF && buffer[lineStart + 1] == (byte) 0xBB && buffer[lineStart + 2] == (byte) 0xBF) {
        lineStart += 3;
      }
    }
  }

  /** Takes what is there, at least a byte; false at the end of input. */
  private boolean fill() throws IOException {
    if (start == limit) {
      start = 0;
      scanned = 0;
      limit = 0;
    } else if (limit == buffer.length) {
      if (start >= buffer.length / 2) {
        System.arraycopy(buffer, start, buffer, 0, limit - start);
        scanned -= start;
        limit -= start;
        start = 0;
      } else {
        buffer = Arrays.copyOf(buffer, buffer.length * 2);
      }
    }
    int read = in.read(buffer, limit, buffer.length - limit);
    if (read < 0) {
      return false;
    }
    limit += read;
    total += read;
    if (total > MAX_TOTAL) {
      throw ProviderFailure.of(ProviderFailure.Kind.JUNK, provider, "provider `" + provider + "` sent more than " + (MAX_TOTAL >> 20) + " MiB");
    }
    return true;
  }
}
