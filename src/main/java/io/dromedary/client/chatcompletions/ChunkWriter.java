package io.dromedary.client.chatcompletions;

import com.fasterxml.jackson.core.JsonEncoding;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Json;
import io.dromedary.chat.Usage;
import io.dromedary.chat.UsageJson;
import io.dromedary.chat.Usd;
import io.dromedary.client.Problems;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Writes one answer's chunks as server-sent events, {@code data: {...}} and a blank line each. One per stream, used by one thread. The order is: {@link #chunk} for each, {@link #usage} if the client asked, then
 * {@link #done}; or {@link #error} instead, after which the stream is closed without {@code [DONE]}.
 */
public final class ChunkWriter {
  private static final ObjectWriter WRITER = Json.mapper().writer();
  private static final byte[] DATA = ascii("data: ");
  private static final byte[] END = ascii("\n\n");
  private static final byte[] NULL_USAGE = ascii(",\"usage\":null}");
  private static final byte[] DONE = ascii("data: [DONE]\n\n");

  private final boolean includeUsage;
  private final Buffer buffer = new Buffer();
  private @Nullable ObjectNode last;

  /** @param includeUsage did the client ask, {@link io.dromedary.chat.ChatRequest#wantsUsage()}? Then every chunk has {@code usage: null} and the last one the counts. */
  public ChunkWriter(boolean includeUsage) {
    this.includeUsage = includeUsage;
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  /** One event. The chunk is not changed; a {@code usage} that it should not have is left out. */
  public byte[] chunk(ObjectNode chunk) {
    last = chunk;
    ObjectNode clean = chunk;
    if (chunk.has("usage")) {
      clean = Json.object();
      clean.setAll(chunk);
      clean.remove("usage");
    }
    buffer.reset();
    buffer.writeBytes(DATA);
    write(clean);
    if (includeUsage) {
      buffer.dropLast();
      buffer.writeBytes(NULL_USAGE);
    }
    buffer.writeBytes(END);
    return buffer.toByteArray();
  }

  /** The last chunk of a client who asked: no choices, the counts and what they cost; empty when it did not ask or nothing was written. */
  public byte[] usage(Usage usage, @Nullable Usd cost) {
    ObjectNode template = last;
    if (!includeUsage || template == null) {
      return new byte[0];
    }
    ObjectNode chunk = Json.object();
    for (String field : new String[] {"id", "object", "created", "model", "system_fingerprint", "service_tier"}) {
      JsonNode value = template.get(field);
      if (value != null) {
        chunk.set(field, value);
      }
    }
    chunk.putArray("choices");
    ObjectNode counts = UsageJson.write(usage);
    if (cost != null) {
      counts.put("cost", cost.plain());
    }
    chunk.set("usage", counts);
    return event(chunk);
  }

  /** {@code data: [DONE]}; only after a whole answer. */
  public byte[] done() {
    return DONE.clone();
  }

  /** An error event: the official SDKs raise it, whereas a stream that just ends looks whole to them. Never throws. */
  public byte[] error(Throwable thrown) {
    return event(ErrorFormat.error(Problems.of(thrown)));
  }

  private byte[] event(ObjectNode json) {
    buffer.reset();
    buffer.writeBytes(DATA);
    write(json);
    buffer.writeBytes(END);
    return buffer.toByteArray();
  }

  private void write(ObjectNode json) {
    int start = buffer.size();
    try (JsonGenerator out = WRITER.createGenerator(buffer, JsonEncoding.UTF8)) {
      WRITER.writeValue(out, json);
    } catch (IOException e) {
      // half of a surrogate pair: some providers cut an emoji in two chunks; Json escapes it
      buffer.truncate(start);
      buffer.writeBytes(Json.bytes(json));
    }
  }

  /** A byte buffer that can take back what it holds. */
  private static final class Buffer extends ByteArrayOutputStream {
    Buffer() {
      super(512);
    }

    void dropLast() {
      count--;
    }

    void truncate(int size) {
      count = size;
    }

    @Override
    public byte[] toByteArray() {
      byte[] bytes = Arrays.copyOf(buf, count);
      if (buf.length > 1 << 16) {
        buf = new byte[512];
        count = 0;
      }
      return bytes;
    }
  }
}
