package io.dromedary.bench;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ThreadLocalRandom;

/**
 * What is asked, again and again.
 *
 * @param distinct true for a prompt that was never sent before, false for one and the same (which a cache answers)
 * @param stream ask for events
 * @param expectedChunks the content chunks that a whole stream has; ignored without {@code stream}
 * @param promptChars the length of the prompt
 * @param header an additional header line without its line end, "" for none
 * @param key who asks
 */
record Shape(boolean distinct, boolean stream, int expectedChunks, int promptChars, String header, String key) {
  private static final String RUN = Long.toHexString(ThreadLocalRandom.current().nextLong() | Long.MIN_VALUE);
  private static final String FILLER = "Please tell me in plain words how a caravan crosses the desert, what it carries, who leads it and how long it takes. ";

  static Shape whole(int promptChars) {
    return new Shape(true, false, 0, promptChars, "", "bench");
  }

  static Shape same(int promptChars) {
    return new Shape(false, false, 0, promptChars, "", "bench");
  }

  static Shape stream(int chunks, int promptChars) {
    return new Shape(true, true, chunks, promptChars, "", "bench");
  }

  Shape withHeader(String line) {
    return new Shape(distinct, stream, expectedChunks, promptChars, line, key);
  }

  Shape by(String key) {
    return new Shape(distinct, stream, expectedChunks, promptChars, header, key);
  }

  /** The mark that request {@code number} carries in its prompt: unique in this run and over runs. */
  static String mark(long number) {
    return RUN + "x" + number;
  }

  ByteBuffer request(Target target, long number) {
    StringBuilder prompt = new StringBuilder(promptChars + 64);
    prompt.append("mark:").append(distinct ? mark(number) : RUN + "same").append(". ");
    while (prompt.length() < promptChars) {
      prompt.append(FILLER, 0, Math.min(FILLER.length(), promptChars - prompt.length()));
    }
    String body = "{\"model\":\"" + target.model() + "\",\"messages\":[{\"role\":\"system\",\"content\":\"You are a helpful assistant.\"},{\"role\":\"user\",\"content\":\"" + prompt
        + "\"}],\"max_tokens\":100" + (stream ? ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}" : "}");
    String head = "POST " + target.prefix() + "/chat/completions HTTP/1.1\r\nHost: " + target.authority()
        + "\r\nAuthorization: Bearer " + key + "\r\nContent-Type: application/json\r\nAccept: " + (stream ? "text/event-stream" : "application/json")
        + (header.isEmpty() ? "" : "\r\n" + header) + "\r\nContent-Length: " + body.length() + "\r\n\r\n";
    return ByteBuffer.wrap((head + body).getBytes(StandardCharsets.ISO_8859_1));
  }
}
