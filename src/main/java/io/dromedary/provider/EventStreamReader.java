package io.dromedary.provider;

import io.dromedary.chat.ProviderFailure;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;

/**
 * Cuts {@code application/vnd.amazon.eventstream} into its messages and checks both checksums of each. A frame's event is the message's {@code :event-type}, or {@value #EXCEPTION} and the type of an exception.
 *
 * <p>Layout, big-endian: total length, length of the headers, CRC-32 of these eight bytes; headers; payload; CRC-32 of all before. The AWS SDK has a decoder too, which begins with a buffer of megabytes for every
 * stream; this one begins with what a chunk needs.
 */
final class EventStreamReader {
  static final String EXCEPTION = "exception:";

  private static final int PRELUDE = 12;
  private static final int CHECKSUM = 4;
  private static final int STRING = 7;
  private static final byte[] NOTHING = {'{', '}'};

  private final InputStream in;
  private final String provider;
  /** Unread bytes are {@code buffer[start, limit)}. */
  private byte[] buffer = new byte[8 << 10];
  private int start;
  private int limit;
  private long total;

  EventStreamReader(InputStream in, String provider) {
    this.in = in;
    this.provider = provider;
  }

  /** True if a whole message has been read from the input already. */
  boolean hasReady() {
    return limit - start >= PRELUDE && limit - start >= int32(start);
  }

  /**
   * Waits for the next message.
   *
   * @return null at the end of input, also in the middle of a message
   * @throws IOException if reading fails, a checksum is wrong or the bytes are no messages
   * @throws ProviderFailure {@code JUNK} if a message is longer than {@link FrameReader#MAX_LINE} or the stream than {@link FrameReader#MAX_TOTAL}
   */
  @Nullable Frame next() throws IOException {
    if (!fill(PRELUDE)) {
      return null;
    }
    checksum(start, 8, "prelude");
    long length = int32(start) & 0xffffffffL;
    long headers = int32(start + 4) & 0xffffffffL;
    if (length > FrameReader.MAX_LINE) {
      throw ProviderFailure.of(ProviderFailure.Kind.JUNK, provider, "provider `" + provider + "` sent a message of more than " + FrameReader.MAX_LINE + " bytes");
    }
    if (length < PRELUDE + headers + CHECKSUM) {
      throw new IOException("provider `" + provider + "` sent a message whose lengths contradict each other");
    }
    if (!fill((int) length)) {
      return null;
    }
    checksum(start, (int) length - CHECKSUM, "message");
    int payload = start + PRELUDE + (int) headers;
    String event = event(start + PRELUDE, payload);
    int end = start + (int) length - CHECKSUM;
    byte[] data = payload == end ? NOTHING : Arrays.copyOfRange(buffer, payload, end);
    start += (int) length;
    return new Frame(event, data);
  }

  private String event(int from, int to) throws IOException {
    String event = "";
    String type = "";
    for (int at = from; at < to;) {
      int nameLength = buffer[at] & 0xff;
      int value = at + 1 + nameLength + 1;
      if (value > to) {
        throw broken();
      }
      int valueType = buffer[value - 1];
      int size = valueType == STRING || valueType == 6 ? value + 2 > to ? to : 2 + ((buffer[value] & 0xff) << 8 | buffer[value + 1] & 0xff) : size(valueType);
      if (value + size > to) {
        throw broken();
      }
      if (valueType == STRING && nameLength > 1 && buffer[at + 1] == ':') {
        String text = new String(buffer, value + 2, size - 2, StandardCharsets.UTF_8);
        switch (new String(buffer, at + 1, nameLength, StandardCharsets.US_ASCII)) {
          case ":message-type" -> type = text;
          case ":event-type", ":exception-type", ":error-code" -> event = text;
          default -> { }
        }
      }
      at = value + size;
    }
    return type.isEmpty() || type.equals("event") ? event : EXCEPTION + event;
  }

  /** Bytes of a value whose type has a fixed size. */
  private int size(int valueType) throws IOException {
    return switch (valueType) {
      case 0, 1 -> 0;
      case 2 -> 1;
      case 3 -> 2;
      case 4 -> 4;
      case 5, 8 -> 8;
      case 9 -> 16;
      default -> throw broken();
    };
  }

  private IOException broken() {
    return new IOException("provider `" + provider + "` sent a message whose headers cannot be read");
  }

  private void checksum(int from, int length, String what) throws IOException {
    CRC32 crc = new CRC32();
    crc.update(buffer, from, length);
    if ((int) crc.getValue() != int32(from + length)) {
      throw new IOException("provider `" + provider + "` sent a " + what + " whose checksum is wrong");
    }
  }

  private int int32(int at) {
    return (buffer[at] & 0xff) << 24 | (buffer[at + 1] & 0xff) << 16 | (buffer[at + 2] & 0xff) << 8 | buffer[at + 3] & 0xff;
  }

  /** Reads until that many bytes are unread; false at the end of input. */
  private boolean fill(int wanted) throws IOException {
    if (limit - start >= wanted) {
      return true;
    }
    if (start + wanted > buffer.length) {
      byte[] target = wanted > buffer.length ? new byte[Math.max(wanted, buffer.length * 2)] : buffer;
      System.arraycopy(buffer, start, target, 0, limit - start);
      buffer = target;
      limit -= start;
      start = 0;
    }
    while (limit - start < wanted) {
      int read = in.read(buffer, limit, buffer.length - limit);
      if (read < 0) {
        return false;
      }
      limit += read;
      total += read;
      if (total > FrameReader.MAX_TOTAL) {
        throw ProviderFailure.of(ProviderFailure.Kind.JUNK, provider, "provider `" + provider + "` sent more than " + (FrameReader.MAX_TOTAL >> 20) + " MiB");
      }
    }
    return true;
  }
}
