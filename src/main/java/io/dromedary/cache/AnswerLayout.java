package io.dromedary.cache;

import io.dromedary.chat.Usage;
import io.dromedary.chat.Usd;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * How an answer lies outside this process: a mark, a version, a checksum over all that follows and over the key it belongs to, then fields of fixed width and texts with their length. No Java serialisation (X10), and whatever is
 * not exactly this is nothing: another version's, a cut one, another key's, anyone's garbage.
 *
 * <pre>
 *  0 'D' 'A' version  3 crc32c(key, rest)  7 stored at, ms  15 cost, nano-dollars  23 usage, five numbers  63 counted  64 project  .. model  .. provider (u16 length, UTF-8)  .. body (i32 length)
 * </pre>
 */
final class AnswerLayout {
  static final byte VERSION = 1;
  private static final int CHECKED_FROM = 7;
  private static final int FIXED = 64;
  /** The most of an answer that is not its body: what must be read to know whose it is. */
  static final int HEAD = FIXED + 3 * (2 + 512) + 4;

  private AnswerLayout() {}

  static byte[] write(String key, CachedAnswer answer) {
    byte[] project = text(answer.project());
    byte[] model = text(answer.model());
    byte[] provider = text(answer.provider());
    ByteBuffer out = ByteBuffer.allocate(FIXED + 6 + project.length + model.length + provider.length + 4 + answer.body().length);
    Usage usage = answer.usage();
    out.put((byte) 'D').put((byte) 'A').put(VERSION).putInt(0).putLong(answer.storedAt().toEpochMilli()).putLong(answer.cost().nanos());
    out.putLong(usage.uncachedInput()).putLong(usage.cacheRead()).putLong(usage.cacheWrite()).putLong(usage.output()).putLong(usage.reasoning()).put((byte) (usage.counted() ? 1 : 0));
    out.putShort((short) project.length).put(project).putShort((short) model.length).put(model).putShort((short) provider.length).put(provider);
    out.putInt(answer.body().length).put(answer.body());
    return out.putInt(3, checksum(key, out.array())).array();
  }

  /** Names are far shorter; one that is not is cut, and then found by no purge but that of everything. */
  private static byte[] text(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return bytes.length <= 512 ? bytes : java.util.Arrays.copyOf(bytes, 512);
  }

  private static int checksum(String key, byte[] bytes) {
    CRC32C crc = new CRC32C();
    crc.update(key.getBytes(StandardCharsets.UTF_8));
    crc.update(bytes, CHECKED_FROM, bytes.length - CHECKED_FROM);
    return (int) crc.getValue();
  }

  /** The answer; null for anything that {@link #write} did not write for this key. */
  static @Nullable CachedAnswer read(String key, byte[] bytes) {
    if (bytes.length < FIXED || bytes[0] != 'D' || bytes[1] != 'A' || bytes[2] != VERSION || ByteBuffer.wrap(bytes).getInt(3) != checksum(key, bytes)) {
      return null;
    }
    try {
      ByteBuffer in = ByteBuffer.wrap(bytes).position(CHECKED_FROM);
      Instant storedAt = Instant.ofEpochMilli(in.getLong());
      Usd cost = Usd.ofNanos(in.getLong());
      Usage usage = new Usage(in.getLong(), in.getLong(), in.getLong(), in.getLong(), in.getLong(), in.get() == 1);
      String project = text(in);
      String model = text(in);
      String provider = text(in);
      byte[] body = new byte[in.getInt()];
      in.get(body);
      return in.hasRemaining() ? null : new CachedAnswer(project, body, usage, model, provider, cost, storedAt);
    } catch (BufferUnderflowException | NegativeArraySizeException | DateTimeException notOurs) {
      return null;
    }
  }

  /** When it was stored and by which model, from its first {@link #HEAD} bytes, unchecked; null when they are not like ours. */
  static @Nullable Head head(byte[] bytes) {
    if (bytes.length < FIXED || bytes[0] != 'D' || bytes[1] != 'A' || bytes[2] != VERSION) {
      return null;
    }
    try {
      ByteBuffer in = ByteBuffer.wrap(bytes);
      Instant storedAt = Instant.ofEpochMilli(in.getLong(CHECKED_FROM));
      in.position(FIXED);
      return new Head(text(in), text(in), storedAt);
    } catch (BufferUnderflowException | DateTimeException notOurs) {
      return null;
    }
  }

  record Head(String project, String model, Instant storedAt) {}

  private static String text(ByteBuffer in) {
    int length = Short.toUnsignedInt(in.getShort());
    if (length > in.remaining()) {
      throw new BufferUnderflowException();
    }
    String text = new String(in.array(), in.position(), length, StandardCharsets.UTF_8);
    in.position(in.position() + length);
    return text;
  }
}
