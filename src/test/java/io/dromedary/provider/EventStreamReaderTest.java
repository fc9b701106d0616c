package io.dromedary.provider;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dromedary.chat.ProviderFailure;
import io.dromedary.testing.EventStream;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import software.amazon.eventstream.HeaderValue;
import software.amazon.eventstream.Message;

@Tag("S1")
class EventStreamReaderTest {
  static final byte[] TWO = concat(EventStream.message("contentBlockDelta", "{\"a\":\"𝄞\"}"), EventStream.message("exception:throttlingException", "{}"));

  @Test void messages_come_out_as_frames_however_they_are_cut() throws IOException {
    for (int seed = 0; seed < 50; seed++) {
      FrameReader frames = reader(new FrameReaderTest.Cut(TWO, new Random(seed), seed % 3 == 0 ? 1 : 40));
      Frame first = frames.next();
      assertThat(first.event()).isEqualTo("contentBlockDelta");
      assertThat(new String(first.data(), UTF_8)).isEqualTo("{\"a\":\"𝄞\"}");
      assertThat(frames.next().event()).isEqualTo("exception:throttlingException");
      assertThat(frames.next()).isNull();
    }
  }

  @Test void a_message_that_is_there_is_ready() throws IOException {
    FrameReader frames = reader(new ByteArrayInputStream(TWO));
    assertThat(frames.hasReady()).isFalse();
    frames.next();
    assertThat(frames.hasReady()).isTrue();
    frames.next();
    assertThat(frames.hasReady()).isFalse();
  }

  @Test void a_wrong_bit_anywhere_is_noticed() {
    byte[] whole = EventStream.message("messageStop", "{\"stopReason\":\"end_turn\"}");
    for (int bit = 0; bit < whole.length * 8; bit++) {
      byte[] flipped = whole.clone();
      flipped[bit / 8] ^= (byte) (1 << bit % 8);
      assertThatThrownBy(() -> reader(new ByteArrayInputStream(flipped)).next()).as("bit %d", bit).isInstanceOf(IOException.class).hasMessageContaining("checksum");
    }
  }

  @Test void the_end_in_the_middle_of_a_message_is_the_end() throws IOException {
    for (int length = 0; length < TWO.length / 2; length++) {
      assertThat(reader(new ByteArrayInputStream(TWO, 0, length)).next()).isNull();
    }
  }

  /** But for bytes and shorts, whose values AWS's encoder forgets. */
  @Test void headers_of_every_type_are_passed_over() throws IOException {
    Map<String, HeaderValue> headers = new LinkedHashMap<>();
    headers.put("a", HeaderValue.fromBoolean(true));
    headers.put("b", HeaderValue.fromBoolean(false));
    headers.put("e", HeaderValue.fromInteger(1));
    headers.put("f", HeaderValue.fromLong(1));
    headers.put("g", HeaderValue.fromByteArray(new byte[300]));
    headers.put("h", HeaderValue.fromTimestamp(Instant.EPOCH));
    headers.put("i", HeaderValue.fromUuid(new UUID(1, 2)));
    headers.put(":event-type", HeaderValue.fromString("metadata"));
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    new Message(headers, new byte[0]).encode(bytes);
    Frame frame = reader(new ByteArrayInputStream(bytes.toByteArray())).next();
    assertThat(frame.event()).isEqualTo("metadata");
    assertThat(new String(frame.data(), UTF_8)).isEqualTo("{}");
  }

  @Test void what_is_no_message_is_refused_and_so_is_too_much() {
    assertThatThrownBy(() -> reader(new ByteArrayInputStream("<!doctype html><html>".getBytes(UTF_8))).next()).isInstanceOf(IOException.class);
    byte[] large = EventStream.message("contentBlockDelta", "{\"a\":\"" + "x".repeat(FrameReader.MAX_LINE) + "\"}");
    assertThatThrownBy(() -> reader(new ByteArrayInputStream(large)).next()).isInstanceOf(ProviderFailure.class).hasMessageContaining("more than");
  }

  private static FrameReader reader(InputStream in) {
    return new FrameReader(in, WireFormat.Framing.EVENT_STREAM, "bedrock");
  }

  private static byte[] concat(byte[] a, byte[] b) {
    ByteArrayOutputStream both = new ByteArrayOutputStream();
    both.writeBytes(a);
    both.writeBytes(b);
    return both.toByteArray();
  }
}
