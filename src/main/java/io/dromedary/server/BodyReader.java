package io.dromedary.server;

import io.dromedary.chat.Problem;
import jakarta.servlet.http.HttpServletRequest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;

/** Reads a request's body under a cap on its size and a deadline on all of it: Tomcat's own timeout is per read, so that one byte every few seconds would hold a thread for ever (X4). */
public final class BodyReader {
  /** Where a place is taken for each body being read. */
  public interface Slots {
    /** @throws Problem 503 when too many are being read */
    Slot open();
  }

  /** One body's place. */
  public interface Slot extends AutoCloseable {
    /** Sets aside memory for bytes that have come. @throws Problem 503 when there is none */
    void grow(int bytes);

    @Override
    void close();
  }

  private final int maxBytes;
  private final Duration deadline;

  public BodyReader(int maxBytes, Duration deadline) {
    this.maxBytes = maxBytes;
    this.deadline = deadline;
  }

  /**
   * Reads a JSON body.
   *
   * @throws Problem 415 for another content type or any content encoding, 413 when larger than the cap (before reading when the length is announced), 408 when it comes too slowly, 400 when it breaks off
   */
  public byte[] readJson(HttpServletRequest request, Slots slots) {
    String type = request.getContentType();
    if (type == null || !isJson(type)) {
      throw new Problem(415, "invalid_request_error", "the content type must be application/json, not " + (type == null ? "missing" : "`" + Problem.clip(type) + "`")).code("unsupported_media_type");
    }
    String encoding = request.getHeader("Content-Encoding");
    if (encoding != null && !"identity".equalsIgnoreCase(encoding)) {
      throw new Problem(415, "invalid_request_error", "the content encoding `" + Problem.clip(encoding) + "` is not taken; send the body as it is").code("unsupported_media_type");
    }
    try (Slot slot = slots.open()) {
      return read(request, slot);
    }
  }

  private static boolean isJson(String type) {
    String plain = type.toLowerCase(Locale.ROOT);
    if (!plain.startsWith("application/json") || plain.length() > 16 && plain.charAt(16) != ';' && plain.charAt(16) != ' ') {
      return false;
    }
    // JSON is UTF-8 whatever it says; another charset would be read wrongly.
    int charset = plain.indexOf("charset=", 16);
    return charset < 0 || plain.startsWith("utf-8", charset + 8) || plain.startsWith("\"utf-8\"", charset + 8);
  }

  private byte[] read(HttpServletRequest request, Slot slot) {
    long announced = request.getContentLengthLong();
    if (announced > maxBytes) {
      throw tooLarge("of " + announced + " bytes");
    }
    long until = System.nanoTime() + deadline.toNanos();
    try (InputStream in = request.getInputStream()) {
      return announced >= 0 ? exactly(in, (int) announced, until, slot) : toTheEnd(in, until, slot);
    } catch (SocketTimeoutException e) {
      throw tooSlow();
    } catch (IOException e) {
      throw Problem.badRequest("the body broke off before its end").code("incomplete_body");
    }
  }

  private byte[] exactly(InputStream in, int length, long until, Slot slot) throws IOException {
    // Grown as bytes arrive: an announced length costs its sender nothing and must not cost us memory.
    byte[] body = new byte[Math.min(length, 64 << 10)];
    slot.grow(body.length);
    int at = 0;
    while (at < length) {
      if (at == body.length) {
        int larger = Math.min(length, body.length * 4);
        slot.grow(larger - body.length);
        body = Arrays.copyOf(body, larger);
      }
      int n = in.read(body, at, body.length - at);
      if (n < 0) {
        throw new IOException("end of stream");
      }
      at += n;
      if (at < length && System.nanoTime() - until > 0) {
        throw tooSlow();
      }
    }
    return body;
  }

  private byte[] toTheEnd(InputStream in, long until, Slot slot) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream(4096);
    byte[] buffer = new byte[8192];
    int n;
    while ((n = in.read(buffer)) >= 0) {
      if (out.size() + n > maxBytes) {
        throw tooLarge("beyond that");
      }
      slot.grow(n);
      out.write(buffer, 0, n);
      if (System.nanoTime() - until > 0) {
        throw tooSlow();
      }
    }
    return out.toByteArray();
  }

  private Problem tooLarge(String what) {
    return new Problem(413, "invalid_request_error", "the body may have at most " + maxBytes + " bytes (dromedary.limits.max-body-bytes); this one is " + what).code("request_too_large");
  }

  private Problem tooSlow() {
    return new Problem(408, "invalid_request_error", "the body did not arrive within " + deadline.toSeconds() + " s").code("request_timeout").header("Connection", "close");
  }
}
