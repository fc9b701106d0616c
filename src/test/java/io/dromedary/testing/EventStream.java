package io.dromedary.testing;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.CRC32;
import software.amazon.eventstream.HeaderValue;
import software.amazon.eventstream.Message;

/** Writes {@code application/vnd.amazon.eventstream} by AWS's own encoder. */
public final class EventStream {
  private EventStream() {}

  /** An event, or with {@code exception:} before its name an exception. */
  public static byte[] message(String event, String json) {
    boolean exception = event.startsWith("exception:");
    Map<String, HeaderValue> headers = new LinkedHashMap<>();
    headers.put(exception ? ":exception-type" : ":event-type", HeaderValue.fromString(exception ? event.substring(10) : event));
    headers.put(":content-type", HeaderValue.fromString("application/json"));
    headers.put(":message-type", HeaderValue.fromString(exception ? "exception" : "event"));
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    new Message(headers, json.getBytes(UTF_8)).encode(bytes);
    return bytes.toByteArray();
  }

  /** The first twelve bytes of a message, rightly summed, whatever they promise. */
  public static byte[] prelude(int totalLength, int headersLength) {
    ByteBuffer bytes = ByteBuffer.allocate(12).putInt(totalLength).putInt(headersLength);
    CRC32 crc = new CRC32();
    crc.update(bytes.array(), 0, 8);
    return bytes.putInt((int) crc.getValue()).array();
  }

  /** Messages written like server-sent events: {@code event:} and {@code data:} lines, blank lines between. */
  public static byte[] ofText(String text) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (String frame : text.split("\n\n")) {
      String event = "";
      String data = "{}";
      for (String line : frame.split("\n")) {
        if (line.startsWith("event: ")) {
          event = line.substring(7);
        } else if (line.startsWith("data: ")) {
          data = line.substring(6);
        }
      }
      if (!event.isEmpty()) {
        bytes.writeBytes(message(event, data));
      }
    }
    return bytes.toByteArray();
  }
}
