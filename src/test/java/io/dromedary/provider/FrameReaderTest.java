package io.dromedary.provider;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dromedary.chat.ProviderFailure;
import io.dromedary.provider.WireFormat.Framing;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class FrameReaderTest {
  @Test void an_event_is_its_name_and_its_data_lines_joined() throws IOException {
    assertThat(sse("event: ping\ndata: a\ndata:b\ndata:  c\nid: 7\nretry: 3\n\n")).containsExactly("ping|a\nb\n c");
  }

  @Test void comments_keep_alives_and_blank_lines_are_no_frames() throws IOException {
    assertThat(sse(": keep-alive\n\n\n\n:\n\ndata: x\n\nevent: alone\n\n")).containsExactly("null|x");
  }

  @Test void lines_end_with_any_of_the_three() throws IOException {
    assertThat(sse("data: a\r\n\r\ndata: b\r\rdata: c\n\n")).containsExactly("null|a", "null|b", "null|c");
  }

  @Test void a_byte_order_mark_and_line_separators_in_data_do_no_harm() throws IOException {
    assertThat(sse("\uFEFFdata: a\u2028b\u0085c\n\n")).containsExactly("null|a\u2028b\u0085c");
  }

  @Test void data_without_a_colon_or_a_value_is_empty() throws IOException {
    assertThat(sse("data\n\ndata:\n\ndatabase: x\n\n")).containsExactly("null|", "null|");
  }

  @Test void the_end_of_input_completes_the_last_frame() throws IOException {
    assertThat(sse("data: a\n\ndata: [DONE]")).containsExactly("null|a", "null|[DONE]");
    assertThat(lines("{\"a\":1}\n\n  \r\n{\"b\":2}")).containsExactly("null|{\"a\":1}", "null|{\"b\":2}");
  }

  @Test void whatever_the_cuts_the_frames_are_the_same() throws IOException {
    String text = "\uFEFFevent: é\r\ndata: {\"ü\":\"\u2028 𝄞\"}\r\n\r\n: x\ndata: 1\ndata: 2\n\n" + "data: " + "ab€".repeat(9_000) + "\n\ndata: [DONE]\n\n";
    List<String> whole = sse(text);
    assertThat(whole).hasSize(4);
    for (int seed = 0; seed < 50; seed++) {
      assertThat(frames(new Cut(text.getBytes(UTF_8), new Random(seed), seed % 2 == 0 ? 3 : 700), Framing.SSE)).as("seed %d", seed).isEqualTo(whole);
    }
  }

  @Tag("S1")
  @Timeout(20)
  @Test void a_frame_is_handed_out_before_the_next_byte_comes() throws IOException {
    PipedOutputStream upstream = new PipedOutputStream();
    try (PipedInputStream in = new PipedInputStream(upstream, 1 << 10)) {
      FrameReader reader = new FrameReader(in, Framing.SSE, "p");
      upstream.write("data: a\n\n".getBytes(UTF_8));
      upstream.flush();
      assertThat(reader.next()).isNotNull();
      upstream.write("data: b\r\n\r".getBytes(UTF_8));
      upstream.flush();
      assertThat(new String(reader.next().data(), UTF_8)).isEqualTo("b");
    }
  }

  @Tag("S6")
  @Test void a_line_over_a_mebibyte_is_junk_and_one_below_is_not() throws IOException {
    String allowed = "x".repeat(FrameReader.MAX_LINE - 6);
    assertThat(sse("data: " + allowed + "\n\n")).containsExactly("null|" + allowed);
    assertThatThrownBy(() -> sse("data: " + allowed + "x\n\n")).isInstanceOf(ProviderFailure.class);
    FrameReader endless = new FrameReader(new Endless("x"), Framing.SSE, "p");
    assertThatThrownBy(endless::next).isInstanceOfSatisfying(ProviderFailure.class, e -> assertThat(e.kind()).isEqualTo(ProviderFailure.Kind.JUNK)).hasMessageContaining("1048576");
  }

  @Tag("S6")
  @Test void a_stream_over_the_cap_is_junk_even_if_it_only_keeps_alive() {
    FrameReader endless = new FrameReader(new Endless(": keep-alive\n\n"), Framing.SSE, "p");
    assertThatThrownBy(endless::next).isInstanceOfSatisfying(ProviderFailure.class, e -> assertThat(e.kind()).isEqualTo(ProviderFailure.Kind.JUNK)).hasMessageContaining("32 MiB");
  }

  private static List<String> sse(String text) throws IOException {
    return frames(new ByteArrayInputStream(text.getBytes(UTF_8)), Framing.SSE);
  }

  private static List<String> lines(String text) throws IOException {
    return frames(new ByteArrayInputStream(text.getBytes(UTF_8)), Framing.NDJSON);
  }

  private static List<String> frames(InputStream in, Framing framing) throws IOException {
    FrameReader reader = new FrameReader(in, framing, "p");
    List<String> frames = new ArrayList<>();
    for (Frame frame = reader.next(); frame != null; frame = reader.next()) {
      frames.add(frame.event() + "|" + new String(frame.data(), UTF_8));
    }
    return frames;
  }

  /** Gives its bytes in pieces of random size. */
  static final class Cut extends InputStream {
    private final byte[] bytes;
    private final Random random;
    private final int most;
    private int at;

    Cut(byte[] bytes, Random random, int most) {
      this.bytes = bytes;
      this.random = random;
      this.most = most;
    }

    @Override
    public int read() {
      return at < bytes.length ? bytes[at++] & 0xFF : -1;
    }

    @Override
    public int read(byte[] to, int offset, int length) {
      if (at == bytes.length) {
        return -1;
      }
      int count = Math.min(Math.min(length, 1 + random.nextInt(most)), bytes.length - at);
      System.arraycopy(bytes, at, to, offset, count);
      at += count;
      return count;
    }
  }

  private static final class Endless extends InputStream {
    private final byte[] text;
    private int at;

    Endless(String text) {
      this.text = text.getBytes(UTF_8);
    }

    @Override
    public int read() {
      return text[at++ % text.length] & 0xFF;
    }

    @Override
    public int read(byte[] to, int offset, int length) {
      for (int i = 0; i < length; i++) {
        to[offset + i] = text[at];
        at = (at + 1) % text.length;
      }
      return length;
    }
  }
}
