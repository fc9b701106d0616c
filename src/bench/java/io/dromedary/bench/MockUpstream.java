package io.dromedary.bench;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.PriorityQueue;
import org.jspecify.annotations.Nullable;

/**
 * An OpenAI-compatible upstream that is as fast as one thread can be, so that what is measured is the gateway before it.
 *
 * <p>It answers {@code POST …/chat/completions} whole, or as events when the body says {@code "stream":true}. Its manner is set for all later requests by
 * {@code GET /control?delay=<ms>&chunks=<n>&gap=<ms>&record=<0|1>}: milliseconds before the answer, content chunks of a stream, milliseconds between them (0: all in one write).
 * With {@code record=1} it remembers every {@code mark:<word>} it finds in a body; {@code GET /control/calls} lists them with their number of calls, {@code GET /control/stats} counts.
 * A second port accepts connections and never answers: the hung server.
 */
public final class MockUpstream {
  private static final byte[] STREAM = "\"stream\"".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] INCLUDE_USAGE = "\"include_usage\"".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] MARK = "mark:".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] LAST_CHUNK = "0\r\n\r\n".getBytes(StandardCharsets.US_ASCII);
  private static final String WORDS = "The gateway forwards this sentence without looking at it too closely, which is what makes it fast. ";
  private static final int TOKENS_IN = 60;

  private record Manner(long delayNanos, int chunks, long gapNanos, boolean record) {}

  private record Due(long at, long order, Peer peer, Runnable task) {}

  private final Selector selector;
  private final ServerSocketChannel answering;
  private final ServerSocketChannel hanging;
  private final PriorityQueue<Due> timers = new PriorityQueue<>((a, b) -> a.at != b.at ? Long.compare(a.at, b.at) : Long.compare(a.order, b.order));
  private final Map<String, Integer> calls = new LinkedHashMap<>();
  private final ByteBuffer input = ByteBuffer.allocateDirect(64 * 1024);
  private Manner manner = new Manner(0, 20, 0, false);
  private long timerOrder;
  private long answers;
  private long streams;
  private long aborted;
  private int open;

  private MockUpstream(int port) throws IOException {
    selector = Selector.open();
    answering = listen(port);
    hanging = listen(0);
  }

  private ServerSocketChannel listen(int port) throws IOException {
    ServerSocketChannel server = ServerSocketChannel.open();
    server.setOption(StandardSocketOptions.SO_REUSEADDR, true);
    server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 4096);
    server.configureBlocking(false);
    server.register(selector, SelectionKey.OP_ACCEPT);
    return server;
  }

  /** {@code MockUpstream [port]}: prints {@code ready <port> <hung port>} and serves until its standard input closes, so that it never outlives the harness. */
  public static void main(String[] args) throws IOException {
    MockUpstream mock = new MockUpstream(args.length > 0 ? Integer.parseInt(args[0]) : 0);
    System.out.println("ready " + port(mock.answering) + " " + port(mock.hanging));
    System.out.flush();
    Thread watch = new Thread(() -> {
      try {
        while (System.in.read() >= 0) {
          continue;
        }
      } catch (IOException closed) {
        // closed is what we wait for
      }
      Runtime.getRuntime().halt(0);
    }, "parent-watch");
    watch.setDaemon(true);
    watch.start();
    mock.serve();
  }

  private static int port(ServerSocketChannel server) throws IOException {
    return ((InetSocketAddress) server.getLocalAddress()).getPort();
  }

  private void serve() throws IOException {
    while (true) {
      Due next = timers.peek();
      if (next == null) {
        selector.select();
      } else {
        long wait = next.at - System.nanoTime();
        if (wait <= 0) {
          selector.selectNow();
        } else {
          selector.select(Math.max(1, (wait + 500_000) / 1_000_000));
        }
      }
      for (var keys = selector.selectedKeys().iterator(); keys.hasNext(); ) {
        SelectionKey key = keys.next();
        keys.remove();
        if (!key.isValid()) {
          continue;
        }
        if (key.isAcceptable()) {
          accept((ServerSocketChannel) key.channel());
        } else {
          handle((Peer) key.attachment());
        }
      }
      long now = System.nanoTime();
      for (Due due = timers.peek(); due != null && due.at <= now; due = timers.peek()) {
        timers.poll();
        if (due.peer.key.isValid()) {
          guarded(due.peer, due.task);
        }
      }
    }
  }

  private void accept(ServerSocketChannel server) throws IOException {
    for (SocketChannel channel = server.accept(); channel != null; channel = server.accept()) {
      channel.configureBlocking(false);
      channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
      Peer peer = new Peer(channel, server == hanging);
      peer.key = channel.register(selector, SelectionKey.OP_READ, peer);
      open++;
    }
  }

  private void handle(Peer peer) {
    guarded(peer, () -> {
      if (peer.key.isWritable()) {
        peer.flush();
      }
      if (peer.key.isValid() && peer.key.isReadable()) {
        peer.read();
      }
    });
  }

  private void guarded(Peer peer, Runnable work) {
    try {
      work.run();
    } catch (java.io.UncheckedIOException brokenConnection) {
      peer.close();
    }
  }

  private void later(long nanos, Peer peer, Runnable task) {
    timers.add(new Due(System.nanoTime() + nanos, timerOrder++, peer, task));
  }

  /** One client connection: a request at a time, as HTTP/1.1 without pipelining has it. */
  private final class Peer {
    final SocketChannel channel;
    final boolean mute;
    final ArrayDeque<ByteBuffer> output = new ArrayDeque<>();
    @SuppressWarnings("NullAway.Init")
    SelectionKey key;
    byte[] buffer = new byte[4096];
    int length;
    boolean busy;

    Peer(SocketChannel channel, boolean mute) {
      this.channel = channel;
      this.mute = mute;
    }

    void read() {
      try {
        input.clear();
        int count = channel.read(input);
        if (count < 0) {
          close();
          return;
        }
        if (mute) {
          return;
        }
        input.flip();
        if (length + count > buffer.length) {
          buffer = Arrays.copyOf(buffer, Math.max(buffer.length * 2, length + count));
        }
        input.get(buffer, length, count);
        length += count;
      } catch (IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
      if (!busy) {
        next();
      }
    }

    /** Serves the request in the buffer if it is there whole. */
    void next() {
      int headEnd = Bytes.find(buffer, 0, length, Bytes.HEAD_END);
      if (headEnd < 0) {
        return;
      }
      int bodyStart = headEnd + 4;
      int end;
      int bodyEnd;
      if (Bytes.find(buffer, 0, headEnd, Bytes.CHUNKED) >= 0 || Bytes.find(buffer, 0, headEnd, Bytes.CHUNKED_CAPITAL) >= 0) {
        int last = bodyStart;
        boolean whole = false;
        while (true) {
          int line = Bytes.find(buffer, last, length, Bytes.LINE_END);
          if (line < 0) {
            break;
          }
          int size = Integer.parseInt(new String(buffer, last, line - last, StandardCharsets.US_ASCII).split(";")[0].strip(), 16);
          if (line + 2 + size + 2 > length) {
            break;
          }
          last = line + 2 + size + 2;
          if (size == 0) {
            whole = true;
            break;
          }
        }
        if (!whole) {
          return;
        }
        bodyEnd = last;
        end = last;
      } else {
        long size = Bytes.contentLength(buffer, headEnd);
        if (length - bodyStart < size) {
          return;
        }
        bodyEnd = (int) (bodyStart + size);
        end = bodyEnd;
      }
      busy = true;
      serve(headEnd, bodyStart, bodyEnd);
      System.arraycopy(buffer, end, buffer, 0, length - end);
      length -= end;
    }

    private void serve(int headEnd, int bodyStart, int bodyEnd) {
      int lineEnd = Bytes.find(buffer, 0, headEnd + 2, Bytes.LINE_END);
      String line = new String(buffer, 0, lineEnd, StandardCharsets.US_ASCII);
      String target = line.split(" ")[1];
      if (target.endsWith("/chat/completions")) {
        chat(bodyStart, bodyEnd);
      } else if (target.startsWith("/control")) {
        json(200, control(target));
      } else if (target.endsWith("/models")) {
        json(200, "{\"object\":\"list\",\"data\":[{\"id\":\"gpt-4o-mini\",\"object\":\"model\",\"created\":1721172741,\"owned_by\":\"system\"}]}");
      } else {
        json(404, "{\"error\":{\"message\":\"the mock upstream has no " + target.replaceAll("[^A-Za-z0-9/_-]", "?") + "\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":null}}");
      }
    }

    private void chat(int bodyStart, int bodyEnd) {
      answers++;
      Manner now = manner;
      if (now.record) {
        int mark = Bytes.find(buffer, bodyStart, bodyEnd, MARK);
        if (mark >= 0) {
          int from = mark + MARK.length;
          int to = from;
          while (to < bodyEnd && Character.isLetterOrDigit(buffer[to])) {
            to++;
          }
          calls.merge(new String(buffer, from, to - from, StandardCharsets.US_ASCII), 1, Integer::sum);
        }
      }
      boolean stream = asksFor(STREAM, bodyStart, bodyEnd);
      boolean usage = stream && asksFor(INCLUDE_USAGE, bodyStart, bodyEnd);
      String id = "chatcmpl-bench" + (1_000_000_000L + answers);
      if (now.delayNanos > 0) {
        later(now.delayNanos, this, () -> answer(now, id, stream, usage));
      } else {
        answer(now, id, stream, usage);
      }
    }

    private boolean asksFor(byte[] field, int from, int to) {
      int at = Bytes.find(buffer, from, to, field);
      if (at < 0) {
        return false;
      }
      at += field.length;
      while (at < to && (buffer[at] == ' ' || buffer[at] == ':')) {
        at++;
      }
      return at < to && buffer[at] == 't';
    }

    private void answer(Manner now, String id, boolean stream, boolean usage) {
      if (!stream) {
        json(200, "{\"id\":\"" + id + "\",\"object\":\"chat.completion\",\"created\":1767225600,\"model\":\"gpt-4o-mini-2024-07-18\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\""
            + WORDS + "\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}]," + usage(19) + ",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_bench\"}");
        return;
      }
      streams++;
      send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\nx-request-id: req_" + id + "\r\n\r\n" + chunk(event(id, "{\"role\":\"assistant\",\"content\":\"\"}", "null")));
      if (now.gapNanos == 0) {
        StringBuilder all = new StringBuilder(now.chunks * 280);
        for (int i = 0; i < now.chunks; i++) {
          all.append(chunk(content(id, i)));
        }
        send(all + ending(id, now.chunks, usage));
        flush();
        done();
      } else {
        flush();
        paced(now, id, usage, 0, System.nanoTime());
      }
    }

    /** Keeps to the timetable {@code start + i x gap}, so that a late chunk does not move the ones after it. */
    private void paced(Manner now, String id, boolean usage, int index, long start) {
      boolean last = index == now.chunks - 1;
      send(chunk(content(id, index)) + (last ? ending(id, now.chunks, usage) : ""));
      flush();
      if (last) {
        done();
      } else {
        long due = start + (index + 1) * now.gapNanos - System.nanoTime();
        later(Math.max(0, due), this, () -> paced(now, id, usage, index + 1, start));
      }
    }

    private String content(String id, int index) {
      return event(id, "{\"content\":\" word" + (index % 10) + " and\"}", "null");
    }

    private String ending(String id, int chunks, boolean usage) {
      String last = usage
          ? "data: {\"id\":\"" + id + "\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,\"model\":\"gpt-4o-mini-2024-07-18\",\"service_tier\":\"default\",\"choices\":[]," + usage(2 * chunks) + "}\n\n"
          : "";
      return chunk(event(id, "{}", "\"stop\"")) + (last.isEmpty() ? "" : chunk(last)) + chunk("data: [DONE]\n\n") + new String(LAST_CHUNK, StandardCharsets.US_ASCII);
    }

    private static String event(String id, String delta, String finish) {
      return "data: {\"id\":\"" + id + "\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,\"model\":\"gpt-4o-mini-2024-07-18\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_bench\","
          + "\"choices\":[{\"index\":0,\"delta\":" + delta + ",\"logprobs\":null,\"finish_reason\":" + finish + "}]}\n\n";
    }

    private static String usage(int output) {
      return "\"usage\":{\"prompt_tokens\":" + TOKENS_IN + ",\"completion_tokens\":" + output + ",\"total_tokens\":" + (TOKENS_IN + output)
          + ",\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0}}";
    }

    private static String chunk(String data) {
      return Integer.toHexString(data.length()) + "\r\n" + data + "\r\n";
    }

    private void json(int status, String body) {
      send("HTTP/1.1 " + status + (status == 200 ? " OK" : " Not Found") + "\r\nContent-Type: application/json\r\nContent-Length: " + body.length() + "\r\n\r\n" + body);
      flush();
      done();
    }

    private void send(String ascii) {
      output.add(ByteBuffer.wrap(ascii.getBytes(StandardCharsets.ISO_8859_1)));
    }

    void flush() {
      try {
        while (!output.isEmpty()) {
          if (output.size() == 1) {
            channel.write(output.peek());
          } else {
            channel.write(output.toArray(ByteBuffer[]::new));
          }
          while (!output.isEmpty() && !output.peek().hasRemaining()) {
            output.poll();
          }
          if (!output.isEmpty()) {
            key.interestOps(SelectionKey.OP_READ | SelectionKey.OP_WRITE);
            return;
          }
        }
        if (key.interestOps() != SelectionKey.OP_READ) {
          key.interestOps(SelectionKey.OP_READ);
        }
      } catch (IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
    }

    private void done() {
      busy = false;
      if (length > 0) {
        later(0, this, () -> {
          if (!busy) {
            next();
          }
        });
      }
    }

    void close() {
      if (!channel.isOpen()) {
        return;
      }
      if (busy) {
        aborted++;
      }
      open--;
      key.cancel();
      try {
        channel.close();
      } catch (IOException alreadyGone) {
        // nothing is left to close
      }
    }
  }

  private String control(String target) {
    int query = target.indexOf('?');
    String path = query < 0 ? target : target.substring(0, query);
    if (path.equals("/control/calls")) {
      StringBuilder list = new StringBuilder("{");
      calls.forEach((mark, count) -> list.append(list.length() == 1 ? "" : ",").append('"').append(mark).append("\":").append(count));
      return list.append('}').toString();
    }
    if (query >= 0) {
      Manner old = manner;
      long delay = old.delayNanos;
      int chunks = old.chunks;
      long gap = old.gapNanos;
      boolean record = old.record;
      for (String pair : target.substring(query + 1).split("&")) {
        String value = pair.substring(pair.indexOf('=') + 1);
        switch (pair.substring(0, pair.indexOf('='))) {
          case "delay" -> delay = (long) (Double.parseDouble(value) * 1e6);
          case "gap" -> gap = (long) (Double.parseDouble(value) * 1e6);
          case "chunks" -> chunks = Integer.parseInt(value);
          case "record" -> {
            record = value.equals("1");
            calls.clear();
          }
          default -> System.err.println("unknown control: " + pair);
        }
      }
      manner = new Manner(delay, chunks, gap, record);
    }
    return "{\"answers\":" + answers + ",\"streams\":" + streams + ",\"aborted\":" + aborted + ",\"open\":" + open + "}";
  }
}
