package io.dromedary.sealed;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.chat.Json;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One raw connection: bytes go out as they are, answers are read by HTTP's rules, so that the next request on it can be tried. */
final class Wire implements AutoCloseable {
  /** An answer as it came; names of headers in lower case. */
  record Answer(int status, String line, Map<String, String> headers, String body) {
    @Nullable String header(String name) {
      return headers.get(name.toLowerCase(Locale.ROOT));
    }

    JsonNode json() {
      try {
        return Json.read(body);
      } catch (IOException e) {
        throw new AssertionError("no JSON: " + this, e);
      }
    }

    /** OpenAI's error shape, with all four keys and nothing that tells what runs here. */
    Answer isError(int... allowed) {
      assertThat(allowed).as("status of %s", this).contains(status);
      assertThat(header("content-type")).as("%s", this).startsWith("application/json");
      JsonNode error = json().path("error");
      assertThat(error.isObject()).as("%s", this).isTrue();
      assertThat(error.path("message").asText()).as("%s", this).isNotBlank();
      assertThat(error.path("type").asText()).as("%s", this).isNotBlank();
      assertThat(error.has("param")).as("param in %s", this).isTrue();
      assertThat(error.path("code").asText()).as("%s", this).isNotBlank();
      return tellsNothing();
    }

    Answer tellsNothing() {
      assertThat(headers).as("%s", this).doesNotContainKeys("server", "x-powered-by", "set-cookie", "www-authenticate");
      assertThat(body.toLowerCase(Locale.ROOT)).as("%s", this)
          .doesNotContain("<html", "tomcat", "java.", "jackson", "io.dromedary", "org.apache", "exception", "\tat ", "servlet", "camel.");
      return this;
    }
  }

  private final Socket socket;
  private final InputStream in;

  Wire(int port) throws IOException {
    socket = new Socket(InetAddress.getLoopbackAddress(), port);
    socket.setSoTimeout(30_000);
    socket.setTcpNoDelay(true);
    in = new BufferedInputStream(socket.getInputStream());
  }

  Wire send(String text) throws IOException {
    return send(text.getBytes(ISO_8859_1));
  }

  Wire send(byte[] bytes) throws IOException {
    socket.getOutputStream().write(bytes);
    socket.getOutputStream().flush();
    return this;
  }

  Socket socket() {
    return socket;
  }

  /** A POST of JSON with further header lines. */
  static byte[] post(String path, String json, String... headerLines) {
    return post(path, json.getBytes(UTF_8), headerLines);
  }

  static byte[] post(String path, byte[] body, String... headerLines) {
    StringBuilder head = new StringBuilder("POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + body.length + "\r\n");
    boolean typed = false;
    for (String line : headerLines) {
      typed |= line.toLowerCase(Locale.ROOT).startsWith("content-type:");
      head.append(line).append("\r\n");
    }
    if (!typed) {
      head.append("Content-Type: application/json\r\n");
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(head.append("\r\n").toString().getBytes(ISO_8859_1));
    out.writeBytes(body);
    return out.toByteArray();
  }

  /** Reads one answer. @throws EOFException if the gateway closed instead */
  Answer read() throws IOException {
    return read(true);
  }

  /** @param withBody false for the answer to HEAD */
  Answer read(boolean withBody) throws IOException {
    String line = line();
    if (line == null) {
      throw new EOFException("closed without an answer");
    }
    int status = Integer.parseInt(line.split(" ")[1]);
    Map<String, String> headers = new LinkedHashMap<>();
    for (String header = line(); header != null && !header.isEmpty(); header = line()) {
      int colon = header.indexOf(':');
      headers.merge(header.substring(0, colon).toLowerCase(Locale.ROOT), header.substring(colon + 1).strip(), (a, b) -> a + ", " + b);
    }
    if (status == 100) {
      return read(withBody);
    }
    byte[] body = new byte[0];
    if (withBody && status != 204) {
      if ("chunked".equalsIgnoreCase(headers.get("transfer-encoding"))) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (int size = Integer.parseInt(required(line()), 16); size > 0; size = Integer.parseInt(required(line()), 16)) {
          all.writeBytes(in.readNBytes(size));
          line();
        }
        line();
        body = all.toByteArray();
      } else if (headers.containsKey("content-length")) {
        body = in.readNBytes(Integer.parseInt(headers.get("content-length")));
      } else {
        body = in.readAllBytes();
      }
    }
    return new Answer(status, line, headers, new String(body, UTF_8));
  }

  private static String required(@Nullable String line) throws EOFException {
    if (line == null) {
      throw new EOFException("closed within an answer");
    }
    return line;
  }

  private @Nullable String line() throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    for (int b = in.read(); b != '\n'; b = in.read()) {
      if (b < 0) {
        return line.size() == 0 ? null : line.toString(ISO_8859_1);
      }
      if (b != '\r') {
        line.write(b);
      }
    }
    return line.toString(ISO_8859_1);
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
