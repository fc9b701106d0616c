package io.dromedary.cache;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Collection;
import java.util.function.Consumer;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Where prompts and their answers outlive the process: a file that entries are appended to, each with its length and checksum. A file of another version, and everything from the first record on that is not whole, is dropped: what is
 * read is what was written. Used by one thread.
 */
final class SemanticFile {
  private static final byte[] MARK = {'D', 'S', 'E', 'M', 1, Partition.DIMENSIONS / 64, 0, 0};
  private static final int LONGEST = 32 << 20;

  private final Path path;
  private long bytes;

  SemanticFile(Path path) {
    this.path = path;
  }

  /** Bytes in it, good or superseded. */
  long bytes() {
    return bytes;
  }

  /**
   * Gives all that is whole and cuts off the rest.
   *
   * @return true if something was dropped
   */
  boolean read(Consumer<SemanticEntry> entries) throws IOException {
    Files.createDirectories(path.toAbsolutePath().getParent());
    if (!Files.exists(path)) {
      return false;
    }
    long length = Files.size(path);
    long good = 0;
    try (DataInputStream in = new DataInputStream(new BufferedInputStream(Files.newInputStream(path), 1 << 16))) {
      byte[] mark = new byte[MARK.length];
      in.readFully(mark);
      if (Arrays.equals(mark, MARK)) {
        good = MARK.length;
        while (good < length) {
          int size = in.readInt();
          int checksum = in.readInt();
          if (size <= 0 || size > LONGEST || size > length - good - 8) {
            break;
          }
          byte[] record = new byte[size];
          in.readFully(record);
          SemanticEntry entry = checksum == checksum(record) ? decode(record) : null;
          if (entry == null) {
            break;
          }
          entries.accept(entry);
          good += 8 + size;
        }
      }
    } catch (EOFException cut) {
      // what was whole is known
    }
    bytes = good;
    if (good < length) {
      try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
        channel.truncate(good);
      }
    }
    return good < length;
  }

  void append(SemanticEntry entry) throws IOException {
    byte[] record = encode(entry);
    ByteBuffer out = ByteBuffer.allocate((bytes == 0 ? MARK.length : 0) + 8 + record.length);
    if (bytes == 0) {
      out.put(MARK);
    }
    out.putInt(record.length).putInt(checksum(record)).put(record).flip();
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      long at = bytes;
      while (out.hasRemaining()) {
        at += channel.write(out, at);
      }
      bytes = at;
    }
  }

  /** Writes it anew with these alone, aside and then in its place. */
  void rewrite(Collection<SemanticEntry> entries) throws IOException {
    Path aside = path.resolveSibling(path.getFileName() + ".new");
    long written = MARK.length;
    try (DataOutputStream out = new DataOutputStream(new BufferedOutputStream(Files.newOutputStream(aside), 1 << 16))) {
      out.write(MARK);
      for (SemanticEntry entry : entries) {
        byte[] record = encode(entry);
        out.writeInt(record.length);
        out.writeInt(checksum(record));
        out.write(record);
        written += 8 + record.length;
      }
    }
    try (FileChannel channel = FileChannel.open(aside, StandardOpenOption.WRITE)) {
      channel.force(true);
    }
    Files.move(aside, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    bytes = written;
  }

  private static int checksum(byte[] record) {
    CRC32C crc = new CRC32C();
    crc.update(record, 0, record.length);
    return (int) crc.getValue();
  }

  /** One entry by itself, for where it lies among others' things. */
  static byte[] sealed(SemanticEntry entry) {
    byte[] record = encode(entry);
    return ByteBuffer.allocate(MARK.length + 4 + record.length).put(MARK).putInt(checksum(record)).put(record).array();
  }

  /** The entry; null for anything that {@link #sealed} did not write. */
  static @Nullable SemanticEntry unsealed(byte[] bytes) {
    int head = MARK.length + 4;
    if (bytes.length <= head || !Arrays.equals(bytes, 0, MARK.length, MARK, 0, MARK.length)) {
      return null;
    }
    byte[] record = Arrays.copyOfRange(bytes, head, bytes.length);
    return ByteBuffer.wrap(bytes).getInt(MARK.length) == checksum(record) ? decode(record) : null;
  }

  private static byte[] encode(SemanticEntry entry) {
    byte[] partition = entry.partition().getBytes(StandardCharsets.UTF_8);
    byte[] key = entry.key().getBytes(StandardCharsets.UTF_8);
    byte[] text = entry.text().getBytes(StandardCharsets.UTF_8);
    byte[] answer = AnswerLayout.write(entry.key(), entry.answer());
    return ByteBuffer.allocate(16 + partition.length + key.length + text.length + entry.quantised().length + answer.length)
        .putInt(partition.length).put(partition).putInt(key.length).put(key).putInt(text.length).put(text).put(entry.quantised()).putInt(answer.length).put(answer).array();
  }

  private static @Nullable SemanticEntry decode(byte[] record) {
    try {
      ByteBuffer in = ByteBuffer.wrap(record);
      String partition = new String(block(in), StandardCharsets.UTF_8);
      String key = new String(block(in), StandardCharsets.UTF_8);
      String text = new String(block(in), StandardCharsets.UTF_8);
      byte[] vector = new byte[Partition.DIMENSIONS];
      in.get(vector);
      CachedAnswer answer = AnswerLayout.read(key, block(in));
      return answer == null ? null : new SemanticEntry(partition, key, text, vector, answer);
    } catch (BufferUnderflowException | NegativeArraySizeException notOurs) {
      return null;
    }
  }

  private static byte[] block(ByteBuffer in) {
    int length = in.getInt();
    if (length > in.remaining()) {
      throw new BufferUnderflowException();
    }
    byte[] bytes = new byte[length];
    in.get(bytes);
    return bytes;
  }
}
