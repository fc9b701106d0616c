package io.dromedary.bench;

import java.io.IOException;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A load generator of one thread: HTTP/1.1 with kept connections over a selector, so that it takes little of the machine it shares with what it measures.
 *
 * <p>In an open loop a request's latency counts from the moment the timetable meant it to leave, whether or not a connection was free or this thread was late, so that a stall is not
 * hidden by the requests it kept from being sent (coordinated omission). Below a millisecond the loop spins instead of sleeping, because a selector's timeout is whole milliseconds.
 */
final class LoadClient {
  /** Gets each finished exchange. */
  interface Listener {
    /**
     * @param target whom it went to
     * @param number the request's number in this process
     * @param requestId its {@code x-request-id}, "" when no head came
     * @param problem why it failed, "" when it did not
     */
    void finished(Target target, long number, String requestId, String problem);

    /** True when nothing more shall be sent. */
    default boolean stopped() {
      return false;
    }
  }

  private static final long GIVE_UP_NANOS = 60_000_000_000L;
  private static final byte[] CONTENT = Bytes.ascii("\"content\":");
  private static final byte[] DONE = Bytes.ascii("[DONE]");
  private static long numbers;

  private final Selector selector;
  private final ByteBuffer input = ByteBuffer.allocateDirect(128 * 1024);
  private final byte[] scratch = new byte[128 * 1024];
  private final Set<Connection> connections = new HashSet<>();
  private final List<Connection> redial = new ArrayList<>();
  private final @Nullable Listener listener;
  private long stopAt;
  private boolean closedLoop;
  private int inFlight;
  private long sent;
  private long limit;

  private LoadClient(@Nullable Listener listener) throws IOException {
    this.selector = Selector.open();
    this.listener = listener;
  }

  /** Keeps {@code connections} requests in the air for {@code seconds}, then lets the last ones finish. */
  static Result closedLoop(Target target, Shape shape, int connections, double seconds) throws IOException {
    return closedLoop(target, shape, connections, seconds, Long.MAX_VALUE, null);
  }

  /** The same, for at most {@code requests}; the listener hears of each. */
  static Result closedLoop(Target target, Shape shape, int connections, double seconds, long requests, @Nullable Listener listener) throws IOException {
    LoadClient client = new LoadClient(listener);
    Result result = new Result();
    client.closedLoop = true;
    client.limit = requests;
    long start = System.nanoTime();
    client.stopAt = start + (long) (seconds * 1e9);
    for (int i = 0; i < connections && client.sent < requests; i++) {
      Connection connection = client.new Connection(new Lane(target, shape, result, connections));
      connection.begin(System.nanoTime());
    }
    client.loop(List.of(), 0, start, null);
    result.elapsedNanos = System.nanoTime() - start;
    return result;
  }

  /** What an open loop found: a result per target, and how late this thread itself was. */
  record OpenLoop(List<Result> results, Result.Samples lateness) {}

  /** Sends {@code perSecond} requests to each target, in turn, on one timetable for {@code seconds}. */
  static OpenLoop openLoop(List<Target> targets, Shape shape, double perSecond, int maxConnections, double seconds) throws IOException {
    return openLoop(targets, shape, perSecond, maxConnections, seconds, null);
  }

  /** The same; the listener hears of each request. */
  static OpenLoop openLoop(List<Target> targets, Shape shape, double perSecond, int maxConnections, double seconds, @Nullable Listener listener) throws IOException {
    LoadClient client = new LoadClient(listener);
    client.limit = Math.round(perSecond * seconds * targets.size());
    List<Lane> lanes = new ArrayList<>();
    for (Target target : targets) {
      lanes.add(new Lane(target, shape, new Result(), maxConnections));
    }
    Result.Samples lateness = new Result.Samples();
    long start = System.nanoTime() + 5_000_000;
    client.stopAt = Long.MAX_VALUE;
    client.loop(lanes, (long) (1e9 / (perSecond * targets.size())), start, lateness);
    long elapsed = System.nanoTime() - start;
    for (Lane lane : lanes) {
      lane.result.elapsedNanos = elapsed;
    }
    return new OpenLoop(lanes.stream().map(lane -> lane.result).toList(), lateness);
  }

  /** One target's connections and the requests that wait for one. */
  private static final class Lane {
    final Target target;
    final Shape shape;
    final Result result;
    final int maxConnections;
    final ArrayDeque<Connection> idle = new ArrayDeque<>();
    final ArrayDeque<Long> waiting = new ArrayDeque<>();
    int open;

    Lane(Target target, Shape shape, Result result, int maxConnections) {
      this.target = target;
      this.shape = shape;
      this.result = result;
      this.maxConnections = maxConnections;
    }
  }

  private void loop(List<Lane> lanes, long interval, long start, Result.@Nullable Samples lateness) throws IOException {
    long scheduled = 0;
    long nextSweep = System.nanoTime() + 1_000_000_000L;
    while (true) {
      long now = System.nanoTime();
      while (!lanes.isEmpty() && scheduled < limit && start + scheduled * interval <= now) {
        long intended = start + scheduled * interval;
        Lane lane = lanes.get((int) (scheduled % lanes.size()));
        scheduled++;
        if (lateness != null) {
          lateness.add(now - intended);
        }
        dispatch(lane, intended);
      }
      boolean timetableOver = lanes.isEmpty() || scheduled >= limit;
      if (timetableOver && inFlight == 0 && redial.isEmpty() && lanes.stream().allMatch(lane -> lane.waiting.isEmpty())) {
        break;
      }
      long wait = timetableOver ? 100_000_000L : start + scheduled * interval - System.nanoTime();
      if (wait > 1_200_000) {
        selector.select((wait - 200_000) / 1_000_000);
      } else {
        selector.selectNow();
        Thread.onSpinWait();
      }
      for (var keys = selector.selectedKeys().iterator(); keys.hasNext(); ) {
        SelectionKey key = keys.next();
        keys.remove();
        if (key.isValid()) {
          ((Connection) key.attachment()).ready();
        }
      }
      if (!redial.isEmpty()) {
        List<Connection> again = List.copyOf(redial);
        redial.clear();
        for (Connection old : again) {
          try {
            new Connection(old.lane).begin(System.nanoTime());
          } catch (IOException refused) {
            old.lane.result.fail("connection refused", "");
          }
        }
      }
      now = System.nanoTime();
      if (now > nextSweep) {
        nextSweep = now + 1_000_000_000L;
        for (Connection connection : List.copyOf(connections)) {
          if (connection.busy && now - connection.sentAt > GIVE_UP_NANOS) {
            connection.broken("no answer within 60 s", "");
          }
        }
      }
    }
    for (Connection connection : List.copyOf(connections)) {
      connection.close();
    }
    selector.close();
  }

  private void dispatch(Lane lane, long intended) throws IOException {
    Connection connection = lane.idle.pollFirst();
    if (connection == null && lane.open < lane.maxConnections) {
      connection = new Connection(lane);
    }
    if (connection == null) {
      lane.waiting.add(intended);
    } else {
      connection.begin(intended);
    }
  }

  private enum Part { HEAD, LENGTH, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER, TO_THE_END }

  /** One connection and the exchange that is on it. */
  private final class Connection {
    final Lane lane;
    final SocketChannel channel;
    final SelectionKey key;
    @Nullable ByteBuffer output;
    boolean busy;
    boolean open = true;
    long number;
    long intended;
    long sentAt;
    Part part = Part.HEAD;
    byte[] head = new byte[1024];
    int headLength;
    int status;
    boolean closeAfter;
    boolean hit;
    String requestId = "";
    long remaining;
    int chunkSize;
    boolean sizeEnded;
    int trailerLine;
    int contentAt;
    int contentState;
    int doneAt;
    boolean doneSeen;
    int contents;
    final StringBuilder errorBody = new StringBuilder();

    Connection(Lane lane) throws IOException {
      this.lane = lane;
      channel = SocketChannel.open();
      channel.configureBlocking(false);
      channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
      boolean connected;
      try {
        connected = channel.connect(lane.target.address());
      } catch (IOException refused) {
        connected = false;
      }
      key = channel.isOpen() ? channel.register(selector, connected ? SelectionKey.OP_READ : SelectionKey.OP_CONNECT, this) : deadKey();
      lane.open++;
      connections.add(this);
    }

    private SelectionKey deadKey() throws IOException {
      throw new IOException("cannot connect to " + lane.target.authority());
    }

    void begin(long intendedAt) {
      busy = true;
      inFlight++;
      sent++;
      number = numbers++;
      intended = intendedAt;
      sentAt = System.nanoTime();
      part = Part.HEAD;
      headLength = 0;
      status = 0;
      closeAfter = false;
      hit = false;
      requestId = "";
      contentAt = 0;
      contentState = 0;
      doneAt = 0;
      doneSeen = false;
      contents = 0;
      errorBody.setLength(0);
      output = lane.shape.request(lane.target, number);
      if (channel.isConnected()) {
        write();
      }
    }

    void ready() {
      try {
        if (key.isConnectable()) {
          channel.finishConnect();
          key.interestOps(SelectionKey.OP_READ);
        }
      } catch (IOException e) {
        broken("connect failed", "");
        return;
      }
      if (output != null && channel.isConnected()) {
        write();
      }
      if (key.isValid() && key.isReadable()) {
        read();
      }
    }

    private void write() {
      ByteBuffer pending = output;
      if (pending == null) {
        return;
      }
      try {
        channel.write(pending);
        if (pending.hasRemaining()) {
          key.interestOps(SelectionKey.OP_READ | SelectionKey.OP_WRITE);
        } else {
          output = null;
          if (key.interestOps() != SelectionKey.OP_READ) {
            key.interestOps(SelectionKey.OP_READ);
          }
        }
      } catch (IOException e) {
        broken("write failed", "");
      }
    }

    private void read() {
      int count;
      try {
        input.clear();
        count = channel.read(input);
      } catch (IOException e) {
        broken(headLength == 0 ? "reset before the answer" : "reset in the answer", "");
        return;
      }
      if (count < 0) {
        if (busy && part == Part.TO_THE_END) {
          closeAfter = true;
          finished();
        } else {
          broken(headLength == 0 ? "closed before the answer" : "closed in the answer", "");
        }
        return;
      }
      input.flip();
      input.get(scratch, 0, count);
      int at = 0;
      while (at < count && open) {
        if (!busy) {
          broken("bytes after the answer", "");
          return;
        }
        at = consume(at, count);
      }
    }

    /** Takes bytes from {@code scratch[at, end)}; returns where it stopped. */
    private int consume(int at, int end) {
      switch (part) {
        case HEAD -> {
          int before = headLength;
          int take = Math.min(end - at, 64 * 1024 - headLength);
          if (headLength + take > head.length) {
            head = Arrays.copyOf(head, Math.max(head.length * 2, headLength + take));
          }
          System.arraycopy(scratch, at, head, headLength, take);
          headLength += take;
          int headEnd = Bytes.find(head, Math.max(0, before - 3), headLength, Bytes.HEAD_END);
          if (headEnd < 0) {
            if (headLength >= 64 * 1024) {
              broken("head over 64 KiB", "");
            }
            return end;
          }
          headLength = headEnd + 4;
          headRead(headEnd);
          return at + headEnd + 4 - before;
        }
        case LENGTH -> {
          int take = (int) Math.min(remaining, end - at);
          body(at, take);
          remaining -= take;
          if (remaining == 0) {
            finished();
          }
          return at + take;
        }
        case CHUNK_SIZE -> {
          while (at < end) {
            byte b = scratch[at++];
            if (b == '\n') {
              remaining = chunkSize;
              part = chunkSize == 0 ? Part.TRAILER : Part.CHUNK_DATA;
              trailerLine = 0;
              return at;
            }
            int digit = Character.digit(b, 16);
            if (digit < 0 && b != '\r' && b != ';' && b != ' ' && !sizeEnded) {
              broken("bad chunk size", "");
              return end;
            }
            sizeEnded |= digit < 0;
            if (!sizeEnded) {
              chunkSize = chunkSize * 16 + digit;
            }
          }
          return at;
        }
        case CHUNK_DATA -> {
          int take = (int) Math.min(remaining, end - at);
          body(at, take);
          remaining -= take;
          if (remaining == 0) {
            part = Part.CHUNK_END;
          }
          return at + take;
        }
        case CHUNK_END -> {
          if (scratch[at] == '\n') {
            newChunk();
          }
          return at + 1;
        }
        case TRAILER -> {
          byte b = scratch[at];
          if (b == '\n') {
            if (trailerLine == 0) {
              finished();
            }
            trailerLine = 0;
          } else if (b != '\r') {
            trailerLine++;
          }
          return at + 1;
        }
        case TO_THE_END -> {
          body(at, end - at);
          return end;
        }
      }
      throw new IllegalStateException(part.name());
    }

    private void newChunk() {
      part = Part.CHUNK_SIZE;
      chunkSize = 0;
      sizeEnded = false;
    }

    private void headRead(int headEnd) {
      status = (head[9] - '0') * 100 + (head[10] - '0') * 10 + head[11] - '0';
      if (status == 100) {
        headLength = 0;
        return;
      }
      int connection = Bytes.header(head, headEnd, "connection");
      closeAfter = connection >= 0 && (head[connection] | 0x20) == 'c';
      int cache = Bytes.header(head, headEnd, "x-dromedary-cache");
      hit = cache >= 0 && head[cache] == 'h';
      if (listener != null) {
        requestId = Bytes.headerText(head, headEnd, "x-request-id");
      }
      int encoding = Bytes.header(head, headEnd, "transfer-encoding");
      if (encoding >= 0 && (head[encoding] | 0x20) == 'c') {
        newChunk();
      } else if (Bytes.header(head, headEnd, "content-length") >= 0) {
        remaining = Bytes.contentLength(head, headEnd);
        part = Part.LENGTH;
        if (remaining == 0) {
          finished();
        }
      } else {
        part = Part.TO_THE_END;
      }
    }

    /** Looks for content and for the end of a stream; both may be cut anywhere. */
    private void body(int from, int count) {
      if (status != 200) {
        for (int i = from; i < from + count && errorBody.length() < 300; i++) {
          errorBody.append((char) scratch[i]);
        }
        return;
      }
      for (int i = from, to = from + count; i < to; i++) {
        byte b = scratch[i];
        if (contentState == 0) {
          contentAt = b == CONTENT[contentAt] ? contentAt + 1 : b == '"' ? 1 : 0;
          if (contentAt == CONTENT.length) {
            contentAt = 0;
            contentState = 1;
          }
        } else if (contentState == 1) {
          contentState = b == '"' ? 2 : b == ' ' ? 1 : 0;
        } else {
          contentState = 0;
          if (b != '"') {
            if (contents++ == 0 && lane.shape.stream()) {
              lane.result.firstChunk.add(System.nanoTime() - intended);
            }
          }
        }
        doneAt = b == DONE[doneAt] ? doneAt + 1 : b == '[' ? 1 : 0;
        if (doneAt == DONE.length) {
          doneAt = 0;
          doneSeen = true;
        }
      }
    }

    private void finished() {
      Result result = lane.result;
      String problem = "";
      if (status != 200) {
        problem = "status " + status;
      } else if (contents == 0) {
        problem = "200 without content";
      } else if (lane.shape.stream() && !doneSeen) {
        problem = "stream without [DONE]";
      } else if (lane.shape.stream() && contents != lane.shape.expectedChunks()) {
        problem = "stream of " + contents + " chunks";
      }
      result.chunks += lane.shape.stream() ? contents : 0;
      if (hit) {
        result.cacheHits++;
      }
      if (problem.isEmpty()) {
        result.ok++;
        result.latency.add(System.nanoTime() - intended);
      } else {
        result.fail(problem, errorBody.toString());
      }
      busy = false;
      inFlight--;
      if (listener != null) {
        listener.finished(lane.target, number, requestId, problem);
      }
      if (closeAfter) {
        close();
      }
      next();
    }

    private void broken(String kind, String detail) {
      boolean wasBusy = busy;
      close();
      if (wasBusy) {
        busy = false;
        inFlight--;
        lane.result.fail(kind, detail);
        if (listener != null) {
          listener.finished(lane.target, number, requestId, kind);
        }
        next();
      } else {
        lane.idle.remove(this);
      }
    }

    private void next() {
      if (closedLoop) {
        if (System.nanoTime() < stopAt && sent + redial.size() < limit && (listener == null || !listener.stopped())) {
          if (open) {
            begin(System.nanoTime());
          } else {
            redial.add(this);
          }
        }
        return;
      }
      Long waiting = lane.waiting.pollFirst();
      if (waiting != null) {
        try {
          (open ? this : new Connection(lane)).begin(waiting);
        } catch (IOException e) {
          lane.result.fail("connect failed", "");
        }
      } else if (open) {
        lane.idle.addFirst(this);
      }
    }

    private void close() {
      if (open) {
        open = false;
        lane.open--;
        connections.remove(this);
        key.cancel();
        try {
          channel.close();
        } catch (IOException alreadyGone) {
          // nothing is left to close
        }
      }
    }
  }
}
