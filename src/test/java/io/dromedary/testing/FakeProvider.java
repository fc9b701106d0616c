package io.dromedary.testing;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Json;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PushbackInputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.URLDecoder;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * A provider on loopback, with moods: a real HTTP/1.1 server (keep-alive, a thread a connection) that speaks OpenAI, Azure, Bedrock, Anthropic, Gemini or Ollama and records what it is asked. It notices when a client goes away.
 *
 * <pre>
 * try (FakeProvider openai = FakeProvider.openai().mood(Mood.BUSY).mood("gpt-4o", Mood.WELL).next(Mood.DOWN, Mood.WELL)) {
 *   ... openai.url() ...
 *   assertThat(openai.calls()).isEqualTo(3);
 * }
 * </pre>
 * The mood of a call is the next of {@link #next}, else its model's, else the provider's. Settings count for calls that come after them.
 */
public final class FakeProvider implements AutoCloseable {
  /** What {@link Mood#LIES_ABOUT_USAGE} says. */
  public enum Lie { NEGATIVE, ABSURD, MISSING }

  /** A tool that it calls. */
  record Tool(String name, String arguments) {}

  /** Answers a call by hand, on the bare connection. */
  public interface Hand {
    /** @return may the connection be used again? */
    boolean answer(Call call, Wire wire) throws IOException;
  }

  /** The connection of one call. */
  public interface Wire {
    /** Writes and flushes these bytes as they are. */
    void send(byte[] bytes) throws IOException;

    /** Waits this long, or until the client goes away. */
    void pause(Duration time) throws IOException;

    /** Waits until the client goes away. */
    void waitForGoodbye() throws IOException;

    /** The body of the usual answer, a stream if one was asked for; {@code other}: if none was. */
    String answer(boolean other);

    /** The body of an error as this provider says it. */
    String error(int status, String message);
  }

  /** One answer. */
  record Said(String model, List<String> words, List<Tool> tools, @Nullable Long input, long output, boolean usageAsked) {
    String text() {
      return String.join("", words);
    }
  }

  /** A call as it came, and what became of it. */
  public static final class Call {
    private final String method;
    private final String path;
    private final Map<String, String> headers;
    private final byte[] body;
    private final JsonNode json;
    private final Instant at = Instant.now();
    private volatile @Nullable Instant cancelledAt;
    private volatile boolean over;
    private volatile int chunks;
    private volatile @Nullable Mood mood;

    Call(String method, String path, Map<String, String> headers, byte[] body) {
      this.method = method;
      this.path = path;
      this.headers = headers;
      this.body = body;
      JsonNode read = null;
      try {
        read = Json.read(body);
      } catch (IOException notJson) {
        // the test sees a missing node
      }
      this.json = read == null ? MissingNode.getInstance() : read;
    }

    public String method() {
      return method;
    }

    /** With the query. */
    public String path() {
      return path;
    }

    /** Names in lower case. */
    public Map<String, String> headers() {
      return headers;
    }

    public @Nullable String header(String name) {
      return headers.get(name.toLowerCase(Locale.ROOT));
    }

    public JsonNode json() {
      return json;
    }

    public byte[] body() {
      return body.clone();
    }

    public Instant at() {
      return at;
    }

    public @Nullable Mood mood() {
      return mood;
    }

    /** Content chunks written so far. */
    public int chunks() {
      return chunks;
    }

    /** Did the client go away before the answer was over? */
    public boolean cancelled() {
      return cancelledAt != null;
    }

    public @Nullable Instant cancelledAt() {
      return cancelledAt;
    }

    /** Is the provider done with it: answered, broken off or cancelled? */
    public boolean over() {
      return over;
    }

    public String model() {
      int models = path.indexOf("/models/");
      int colon = path.lastIndexOf(':');
      if (models >= 0 && colon > models) {
        return URLDecoder.decode(path.substring(models + 8, colon), UTF_8);
      }
      if (path.startsWith("/model/")) {
        return URLDecoder.decode(path.substring(7, path.lastIndexOf('/')), UTF_8);
      }
      int deployments = path.indexOf("/deployments/");
      if (deployments >= 0) {
        return URLDecoder.decode(path.substring(deployments + 13, path.indexOf('/', deployments + 13)), UTF_8);
      }
      return json.path("model").asText("");
    }

    @Override
    public String toString() {
      return method + " " + path + " " + new String(body, UTF_8);
    }
  }

  private final Speech speech;
  /** Whose rules it goes by when strict. */
  private String rules;
  private boolean usageUnasked;
  private final ServerSocket server;
  private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
  private final List<Call> calls = new CopyOnWriteArrayList<>();
  private final AtomicInteger count = new AtomicInteger();
  private final AtomicInteger open = new AtomicInteger();
  private final AtomicInteger mostOpen = new AtomicInteger();
  private final Map<String, Mood> byModel = new ConcurrentHashMap<>();
  private final Deque<Mood> sequence = new ArrayDeque<>();
  private volatile Mood mood = Mood.WELL;
  private volatile List<String> words = words(5);
  private volatile List<Tool> tools = List.of();
  private volatile @Nullable Hand hand;
  private volatile long inputTokens = 9;
  private volatile long outputTokens = -1;
  private volatile Duration delay = Duration.ofMillis(300);
  private volatile Duration interval = Duration.ofMillis(50);
  private volatile int breakAfter = 2;
  private volatile int retryAfter = 1;
  private volatile Lie lie = Lie.NEGATIVE;
  private volatile boolean strict;
  private volatile boolean recording = true;
  private volatile @Nullable String key;
  private volatile @Nullable String secretKey;

  private final FakeBatches batches;

  private FakeProvider(Speech speech, int port) {
    this.speech = speech;
    this.batches = new FakeBatches(speech == Speech.ANTHROPIC);
    this.rules = speech.name().toLowerCase(Locale.ROOT);
    try {
      this.server = new ServerSocket(port, 2_048, InetAddress.getLoopbackAddress());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Thread acceptor = new Thread(this::accept, "fake-" + speech);
    acceptor.setDaemon(true);
    acceptor.start();
  }

  public static FakeProvider openai() {
    return new FakeProvider(Speech.OPENAI, 0);
  }

  public static FakeProvider azure() {
    return new FakeProvider(Speech.AZURE, 0);
  }

  public static FakeProvider bedrock() {
    return new FakeProvider(Speech.BEDROCK, 0);
  }

  public static FakeProvider anthropic() {
    return new FakeProvider(Speech.ANTHROPIC, 0);
  }

  public static FakeProvider gemini() {
    return new FakeProvider(Speech.GEMINI, 0);
  }

  public static FakeProvider ollama() {
    return new FakeProvider(Speech.OLLAMA, 0);
  }

  /** By id: {@code azure}, {@code bedrock}, {@code anthropic}, {@code gemini}, {@code ollama}; all others speak OpenAI. {@code port} 0 is any free one. */
  public static FakeProvider speaking(String provider, int port) {
    FakeProvider fake = new FakeProvider(switch (provider) {
      case "azure" -> Speech.AZURE;
      case "bedrock" -> Speech.BEDROCK;
      case "anthropic" -> Speech.ANTHROPIC;
      case "gemini" -> Speech.GEMINI;
      case "ollama" -> Speech.OLLAMA;
      default -> Speech.OPENAI;
    }, port);
    fake.rules = provider;
    fake.usageUnasked = provider.equals("mistral");
    return fake;
  }

  // ---- settings -------------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  public FakeProvider mood(Mood mood) {
    this.mood = mood;
    return this;
  }

  public FakeProvider mood(String model, Mood mood) {
    byModel.put(model, mood);
    return this;
  }

  /** The moods of the next calls, one each; then the usual ones again. */
  public FakeProvider next(Mood... moods) {
    synchronized (sequence) {
      sequence.addAll(List.of(moods));
    }
    return this;
  }

  /** Says {@code w1 w2 ... wn}, a chunk a word, and uses {@code n} output tokens. */
  public FakeProvider says(int n) {
    this.words = words(n);
    return this;
  }

  /** Says this, a chunk a word. */
  public FakeProvider says(String text) {
    List<String> parts = new ArrayList<>();
    int from = 0;
    for (int i = 1; i <= text.length(); i++) {
      if (i == text.length() || text.charAt(i) == ' ') {
        parts.add(text.substring(from, i));
        from = i;
      }
    }
    this.words = parts;
    return this;
  }

  /** Answers with one tool call instead of words; without a name with words again. */
  public FakeProvider callsTool(@Nullable String name, String argumentsJson) {
    this.tools = name == null ? List.of() : List.of(new Tool(name, argumentsJson));
    return this;
  }

  /** Answers with these tool calls at once: names and arguments, alternating; none: with words again. */
  public FakeProvider callsTools(String... namesAndArguments) {
    List<Tool> calls = new ArrayList<>(2);
    for (int i = 0; i + 1 < namesAndArguments.length; i += 2) {
      calls.add(new Tool(namesAndArguments[i], namesAndArguments[i + 1]));
    }
    this.tools = List.copyOf(calls);
    return this;
  }

  /** Answers all calls in this way, whatever the mood; null: in its own again. */
  public FakeProvider by(@Nullable Hand hand) {
    this.hand = hand;
    return this;
  }

  public FakeProvider usage(long input, long output) {
    this.inputTokens = input;
    this.outputTokens = output;
    return this;
  }

  /** How late the first token is when {@code slow}. */
  public FakeProvider delay(Duration delay) {
    this.delay = delay;
    return this;
  }

  /** How far apart the chunks are when it {@code drips}. */
  public FakeProvider every(Duration interval) {
    this.interval = interval;
    return this;
  }

  /** After how many content chunks it dies, stalls or errs. */
  public FakeProvider breakAfter(int chunks) {
    this.breakAfter = chunks;
    return this;
  }

  /** What it says when {@code busy}. */
  public FakeProvider retryAfter(int seconds) {
    this.retryAfter = seconds;
    return this;
  }

  public FakeProvider lie(Lie lie) {
    this.lie = lie;
    return this;
  }

  /** Answers 400 to what the real one refuses, see {@link RequestRules}. */
  public FakeProvider strict() {
    this.strict = true;
    return this;
  }

  /** Answers 401 to any other key. */
  public FakeProvider key(String key) {
    this.key = key;
    return this;
  }

  /** Answers 403 to whatever is not signed with this secret, for {@code bedrock} in {@code us-east-1}. */
  public FakeProvider signedWith(String secretKey) {
    this.secretKey = secretKey;
    return this;
  }

  /** For load: counts calls and keeps none. */
  public FakeProvider forgetful() {
    this.recording = false;
    return this;
  }

  /** Its batch API, which is no part of {@link #calls}. */
  public FakeBatches batches() {
    return batches;
  }

  // ---- what happened --------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  /** The base URL as the account would configure it: with {@code /v1} for OpenAI. */
  public String url() {
    return "http://127.0.0.1:" + port() + (speech == Speech.OPENAI ? "/v1" : "");
  }

  public int port() {
    return server.getLocalPort();
  }

  /** Chat and embedding calls so far; looking at the list of models is none. */
  public int calls() {
    return count.get();
  }

  public int calls(String model) {
    int found = 0;
    for (Call call : calls) {
      found += call.model().equals(model) ? 1 : 0;
    }
    return found;
  }

  /** The calls so far, oldest first. */
  public List<Call> requests() {
    return List.copyOf(calls);
  }

  /** @throws AssertionError if there was none */
  public Call last() {
    if (calls.isEmpty()) {
      throw new AssertionError("nobody called");
    }
    return calls.get(calls.size() - 1);
  }

  /** Top-level fields of the last call that the real provider does not know. */
  public List<String> unknownFields() {
    return unknownFields(last());
  }

  /** Calls under way. */
  public int open() {
    return open.get();
  }

  /** Most calls that were ever under way at once. */
  public int mostOpen() {
    return mostOpen.get();
  }

  /** Waits until a call fits, such as {@code Call::cancelled}; the first that does. @throws AssertionError if none does in time */
  public Call await(Predicate<Call> fits, Duration atMost) {
    long end = System.nanoTime() + atMost.toNanos();
    while (true) {
      for (Call call : calls) {
        if (fits.test(call)) {
          return call;
        }
      }
      if (System.nanoTime() > end) {
        throw new AssertionError("no such call within " + atMost + " among " + calls.size());
      }
      try {
        Thread.sleep(5);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new AssertionError("interrupted", e);
      }
    }
  }

  /** Forgets calls and counts; settings stay. */
  public FakeProvider reset() {
    calls.clear();
    count.set(0);
    mostOpen.set(open.get());
    return this;
  }

  /** Hangs up on everybody and stops listening: from then on connections are refused. */
  @Override
  public void close() {
    try {
      server.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    for (Socket socket : sockets) {
      hangUp(socket);
    }
  }

  // ---- the server -----------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  private void accept() {
    while (true) {
      try {
        Socket socket = server.accept();
        socket.setTcpNoDelay(true);
        sockets.add(socket);
        Thread thread = new Thread(null, () -> serve(socket), "fake-" + speech + "-" + socket.getPort(), 256 << 10);
        thread.setDaemon(true);
        thread.start();
      } catch (IOException closed) {
        return;
      }
    }
  }

  private void serve(Socket socket) {
    try {
      PushbackInputStream in = new PushbackInputStream(new BufferedInputStream(socket.getInputStream(), 4_096), 1);
      while (new Connection(socket, in).serveOne()) {
        socket.setSoTimeout(0);
      }
    } catch (IOException gone) {
      // the call's record says so
    } finally {
      sockets.remove(socket);
      hangUp(socket);
    }
  }

  private static void hangUp(Socket socket) {
    try {
      socket.close();
    } catch (IOException alreadyGone) {
      // nothing left to do
    }
  }

  private List<String> unknownFields(Call call) {
    List<String> unknown = new ArrayList<>();
    call.json().fieldNames().forEachRemaining(name -> {
      if (!RequestRules.fields(rules).contains(name)) {
        unknown.add(name);
      }
    });
    return unknown;
  }

  private Mood moodFor(String model) {
    synchronized (sequence) {
      if (!sequence.isEmpty()) {
        return sequence.poll();
      }
    }
    return byModel.getOrDefault(model, mood);
  }

  /** The vector it gives a text: of unit length, another one for another text. */
  public static float[] vector(String text, int dimensions) {
    java.util.Random random = new java.util.Random(text.hashCode());
    float[] vector = new float[dimensions];
    double square = 0;
    for (int i = 0; i < dimensions; i++) {
      vector[i] = (float) random.nextGaussian();
      square += vector[i] * vector[i];
    }
    for (int i = 0; i < dimensions; i++) {
      vector[i] /= (float) Math.sqrt(square);
    }
    return vector;
  }

  private static List<String> words(int n) {
    List<String> words = new ArrayList<>(n);
    for (int i = 1; i <= n; i++) {
      words.add(i == 1 ? "w1" : " w" + i);
    }
    return words;
  }

  /** One exchange. */
  private final class Connection {
    private final Socket socket;
    private final PushbackInputStream in;
    private final OutputStream out;

    Connection(Socket socket, PushbackInputStream in) throws IOException {
      this.socket = socket;
      this.in = in;
      this.out = socket.getOutputStream();
    }

    /** @return may the connection be used again? */
    boolean serveOne() throws IOException {
      String requestLine = line();
      if (requestLine == null) {
        return false;
      }
      String[] words = requestLine.split(" ");
      Map<String, String> headers = new java.util.LinkedHashMap<>();
      for (String header = line(); header != null && !header.isEmpty(); header = line()) {
        int colon = header.indexOf(':');
        headers.put(header.substring(0, colon).toLowerCase(Locale.ROOT), header.substring(colon + 1).strip());
      }
      if ("100-continue".equalsIgnoreCase(headers.get("expect"))) {
        send("HTTP/1.1 100 Continue\r\n\r\n");
      }
      Call call = new Call(words[0], words[1], Map.copyOf(headers), body(headers));
      if (FakeBatches.knows(call.path())) {
        return batches.serve(call.method(), call.path(), call.body, this::usual, new FakeBatches.Reply() {
          @Override
          public boolean send(int status, String type, String body) throws IOException {
            return respond(status, type, body, "");
          }

          @Override
          public boolean cut(String body) throws IOException {
            byte[] bytes = body.getBytes(UTF_8);
            Connection.this.send(head(200, "application/x-jsonl", "Content-Length: " + bytes.length + "\r\n") + new String(bytes, 0, bytes.length / 2, UTF_8));
            return false;
          }
        });
      }
      if ("GET".equals(call.method())) {
        look(call.path());
        return true;
      }
      count.incrementAndGet();
      if (recording) {
        calls.add(call);
      }
      mostOpen.accumulateAndGet(open.incrementAndGet(), Math::max);
      try {
        return answer(call) && !"close".equalsIgnoreCase(headers.get("connection"));
      } catch (IOException gone) {
        call.cancelledAt = Instant.now();
        throw gone;
      } finally {
        open.decrementAndGet();
        call.over = true;
      }
    }

    private void look(String path) throws IOException {
      if (path.endsWith("/models") || path.contains("/models?")) {
        respond(200, "application/json", "{\"object\":\"list\",\"data\":[{\"id\":\"fake\",\"object\":\"model\",\"created\":1795218700,\"owned_by\":\"fake\"}]}", "");
      } else if (path.equals("/api/tags")) {
        respond(200, "application/json", "{\"models\":[{\"name\":\"fake\",\"model\":\"fake\"}]}", "");
      } else if (path.equals("/api/version")) {
        respond(200, "application/json", "{\"version\":\"0.0.0\"}", "");
      } else {
        error(404, "not found");
      }
    }

    private boolean answer(Call call) throws IOException {
      String path = call.path();
      boolean gemini = path.contains(":generateContent") || path.contains(":streamGenerateContent");
      boolean known = switch (speech) {
        case OPENAI -> path.equals("/v1/chat/completions") || path.equals("/v1/embeddings");
        case AZURE -> path.equals("/openai/v1/chat/completions") || path.equals("/openai/v1/embeddings")
            || path.startsWith("/openai/deployments/") && (path.contains("/chat/completions?api-version=20") || path.contains("/embeddings?api-version=20"));
        case BEDROCK -> path.startsWith("/model/") && path.indexOf(':') < 0 && (path.endsWith("/converse") || path.endsWith("/converse-stream") || path.endsWith("/invoke"));
        case ANTHROPIC -> path.equals("/v1/messages");
        case GEMINI -> (gemini || path.endsWith(":batchEmbedContents")) && path.startsWith("/v1beta/models/");
        case OLLAMA -> path.equals("/api/chat") || path.equals("/api/embed");
      };
      if (!known) {
        return error(404, "no such path: " + path);
      }
      if (key != null && !holdsKey(call)) {
        return error(401, "Incorrect API key provided");
      }
      if (secretKey != null && !SigV4.isSigned(secretKey, "us-east-1", "bedrock", call.method(), path, call.headers(), call.body)) {
        return error(403, "The request signature we calculated does not match the signature you provided.");
      }
      if (!call.json().isObject()) {
        return error(400, "the body is no JSON object");
      }
      boolean embeds = path.endsWith("/embeddings") || path.contains("/embeddings?") || path.endsWith(":batchEmbedContents") || path.equals("/api/embed") || path.endsWith("/invoke");
      List<String> unknown = !strict ? List.of() : embeds ? EmbedRules.unknownFields(speech, rules.equals("mistral"), call) : unknownFields(call);
      if (!unknown.isEmpty()) {
        return error(400, "Unknown parameter: '" + unknown.get(0) + "'.");
      }
      String complaint = !strict ? null : !embeds ? RequestRules.complaint(rules, call.model(), call.json()) : speech == Speech.BEDROCK ? EmbedRules.complaint(call) : null;
      if (complaint != null) {
        return error(400, complaint);
      }
      Hand byHand = hand;
      if (byHand != null) {
        return byHand.answer(call, wire(call));
      }
      Mood mood = moodFor(call.model());
      call.mood = mood;
      boolean stream = isStream(call);
      Said said = said(call, mood);
      switch (mood) {
        case BUSY -> {
          return error(429, "Rate limit reached for requests");
        }
        case DOWN -> {
          return error(503, "The server is overloaded");
        }
        case REFUSES -> {
          return error(400, "This request is not to my taste");
        }
        case BAD_KEY -> {
          return error(401, "Incorrect API key provided: sk-fake*********7890");
        }
        case HANGS -> {
          waitForGoodbye(call);
          return false;
        }
        case HANGS_UP -> {
          return false;
        }
        case HTML -> {
          return respond(200, "text/html", "<!doctype html><html><body><h1>Welcome to the proxy</h1></body></html>", "");
        }
        case EMPTY -> {
          return respond(200, stream ? speech.streamType() : "application/json", "", "");
        }
        case SLOW -> pause(delay);
        default -> { }
      }
      if (embeds) {
        return embeddings(call, mood);
      }
      return stream ? stream(call, mood, said) : whole(call, mood, said);
    }

    /** The whole answer to a request, whichever way it came. */
    private String usual(JsonNode request) {
      Call call = new Call("POST", "/v1/chat/completions", Map.of(), Json.bytes(request));
      return speech.whole(said(call, byModel.getOrDefault(call.model(), mood)));
    }

    private boolean isStream(Call call) {
      return switch (speech) {
        case BEDROCK -> call.path().endsWith("/converse-stream");
        case GEMINI -> call.path().contains(":streamGenerateContent");
        case OLLAMA -> call.json().path("stream").asBoolean(true);
        default -> call.json().path("stream").asBoolean(false);
      };
    }

    private Wire wire(Call call) {
      return new Wire() {
        @Override public void send(byte[] bytes) throws IOException {
          out.write(bytes);
          out.flush();
        }

        @Override public void pause(Duration time) throws IOException {
          Connection.this.pause(time);
        }

        @Override public void waitForGoodbye() throws IOException {
          Connection.this.waitForGoodbye(call);
        }

        @Override public String answer(boolean other) {
          Said said = said(call, Mood.WELL);
          if (isStream(call) == other) {
            return speech.whole(said);
          }
          StringBuilder frames = new StringBuilder();
          speech.opening(said).forEach(frames::append);
          if (!said.tools().isEmpty()) {
            speech.toolCall(said).forEach(frames::append);
          }
          for (int i = 0; i < said.words().size() && said.tools().isEmpty(); i++) {
            frames.append(speech.word(said, i, said.words().get(i)));
          }
          speech.ending(said).forEach(frames::append);
          return frames.toString();
        }

        @Override public String error(int status, String message) {
          return Json.text(speech.error(status, message));
        }
      };
    }

    private boolean holdsKey(Call call) {
      return ("Bearer " + key).equals(call.header("authorization")) || key.equals(call.header("x-api-key")) || key.equals(call.header("x-goog-api-key")) || key.equals(call.header("api-key"));
    }

    private Said said(Call call, Mood mood) {
      long output = outputTokens >= 0 ? outputTokens : words.size();
      Long input = inputTokens;
      if (mood == Mood.LIES_ABOUT_USAGE) {
        input = lie == Lie.MISSING ? null : lie == Lie.NEGATIVE ? Long.valueOf(-7) : Long.valueOf(4_000_000_000_000L);
        output = lie == Lie.NEGATIVE ? -3 : 4_000_000_000_000L;
      }
      return new Said(call.model(), words, tools, input, output, usageUnasked || call.json().path("stream_options").path("include_usage").asBoolean(false));
    }

    private boolean whole(Call call, Mood mood, Said said) throws IOException {
      String text = speech.whole(said);
      switch (mood) {
        case DRIPS -> pause(interval.multipliedBy(said.words().size()));
        case JUNK, TRUNCATED -> text = text.substring(0, text.length() / 2);
        case ERROR_IN_STREAM_FIRST, ERROR_MID_STREAM -> text = Json.text(speech.error(503, "The server had an error while processing your request"));
        case DIES_MID_STREAM, STALLS_MID_STREAM -> {
          byte[] bytes = text.getBytes(UTF_8);
          send(head(200, "application/json", "Content-Length: " + bytes.length + "\r\n") + new String(bytes, 0, bytes.length / 2, UTF_8));
          if (mood == Mood.STALLS_MID_STREAM) {
            waitForGoodbye(call);
          }
          return false;
        }
        case ENDLESS -> {
          send(head(200, "application/json", "Transfer-Encoding: chunked\r\n"));
          chunk("{\"content\":\"");
          for (String filling = "w ".repeat(4_096);; call.chunks++) {
            chunk(filling);
          }
        }
        default -> { }
      }
      return respond(200, "application/json", text, "");
    }

    private boolean stream(Call call, Mood mood, Said said) throws IOException {
      send(head(200, speech.streamType(), "Transfer-Encoding: chunked\r\nCache-Control: no-cache\r\n"));
      if (mood == Mood.JUNK) {
        chunk(speech.brokenFrame());
        return end();
      }
      for (String frame : speech.opening(said)) {
        chunk(frame);
      }
      if (mood == Mood.ERROR_IN_STREAM_FIRST) {
        chunk(speech.errorFrame("The server had an error before it said anything"));
        return end();
      }
      if (!said.tools().isEmpty()) {
        for (String frame : speech.toolCall(said)) {
          chunk(frame);
          call.chunks++;
        }
      } else {
        for (int i = 0; i < said.words().size() || mood == Mood.ENDLESS; i++) {
          if (i == breakAfter) {
            switch (mood) {
              case DIES_MID_STREAM -> {
                return false;
              }
              case STALLS_MID_STREAM -> {
                waitForGoodbye(call);
                return false;
              }
              case ERROR_MID_STREAM -> {
                chunk(speech.errorFrame("The server had an error while processing your request"));
                return end();
              }
              default -> { }
            }
          }
          if (mood == Mood.DRIPS && i > 0) {
            pause(interval);
          }
          chunk(speech.word(said, i, said.words().get(i % said.words().size())));
          call.chunks++;
        }
      }
      if (mood == Mood.DIES_MID_STREAM) {
        return false;
      }
      if (mood == Mood.STALLS_MID_STREAM) {
        waitForGoodbye(call);
        return false;
      }
      if (mood != Mood.TRUNCATED) {
        for (String frame : speech.ending(said)) {
          chunk(frame);
        }
      }
      return end();
    }

    /** As strict as the real ones: what they refuse is a 400. OpenAI's list comes in reverse, its `index` being what counts. */
    private boolean embeddings(Call call, Mood mood) throws IOException {
      JsonNode asked = call.json();
      ObjectNode json = Json.object();
      String headers = "";
      switch (speech) {
        case GEMINI -> {
          JsonNode requests = asked.path("requests");
          if (asked.size() != 1 || requests.isEmpty() || requests.size() > 100) {
            return error(400, "at most 100 requests can be in one batch");
          }
          var all = json.putArray("embeddings");
          for (JsonNode one : requests) {
            if (!one.path("model").asText().equals("models/" + call.model()) || !one.at("/content/parts/0/text").isTextual()) {
              return error(400, "Invalid JSON payload received");
            }
            floats(all.addObject().putArray("values"), vector(one.at("/content/parts/0/text").textValue(), one.path("outputDimensionality").asInt(8)), 2);
          }
        }
        case OLLAMA -> {
          json.put("model", call.model());
          var all = json.putArray("embeddings");
          for (JsonNode text : asked.path("input").isArray() ? asked.path("input") : Json.array().add(asked.path("input"))) {
            floats(all.addArray(), vector(text.textValue(), asked.path("dimensions").asInt(8)), 1);
          }
          json.put("total_duration", 14143917).put("load_duration", 1019500).put("prompt_eval_count", inputTokens);
        }
        case BEDROCK -> {
          boolean cohere = call.model().contains("cohere");
          if (cohere) {
            json.put("id", "fake").put("response_type", "embeddings_by_type");
            var all = json.putObject("embeddings").putArray("float");
            for (JsonNode text : asked.path("texts")) {
              floats(all.addArray(), vector(text.textValue(), asked.path("output_dimension").asInt(8)), 1);
            }
            json.set("texts", asked.path("texts"));
          } else {
            float[] vector = vector(asked.path("inputText").asText(), asked.path("dimensions").asInt(8));
            floats(json.putArray("embedding"), vector, 1);
            floats(json.putObject("embeddingsByType").putArray("float"), vector, 1);
            json.put("inputTextTokenCount", inputTokens);
          }
          headers = "x-amzn-RequestId: fake\r\nX-Amzn-Bedrock-Input-Token-Count: " + inputTokens + "\r\nX-Amzn-Bedrock-Invocation-Latency: 12\r\n";
        }
        default -> {
          JsonNode input = asked.path("input");
          boolean single = input.isTextual() || input.path(0).isNumber();
          if (!single && (!input.isArray() || input.isEmpty() || input.size() > 2_048) || input.isTextual() && input.textValue().isEmpty()) {
            return error(400, "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.");
          }
          json.put("object", "list").put("model", call.model());
          var data = json.putArray("data");
          for (int i = (single ? 1 : input.size()) - 1; i >= 0; i--) {
            JsonNode text = single ? input : input.get(i);
            float[] vector = vector(text.isTextual() ? text.textValue() : Json.text(text), asked.path("dimensions").asInt(asked.path("output_dimension").asInt(8)));
            ObjectNode item = data.addObject().put("object", "embedding").put("index", i);
            if (asked.path("encoding_format").asText().equals("base64")) {
              item.put("embedding", io.dromedary.chat.EmbeddingResponse.base64(vector));
            } else {
              floats(item.putArray("embedding"), vector, 1);
            }
          }
          json.putObject("usage").put("prompt_tokens", inputTokens).put("total_tokens", inputTokens);
        }
      }
      String text = Json.text(json);
      return respond(200, "application/json", mood == Mood.JUNK || mood == Mood.TRUNCATED ? text.substring(0, text.length() / 2) : text, headers);
    }

    private static void floats(com.fasterxml.jackson.databind.node.ArrayNode into, float[] vector, float scale) {
      for (float number : vector) {
        into.add(number * scale);
      }
    }

    private boolean error(int status, String message) throws IOException {
      boolean hint = status == 429 && speech != Speech.GEMINI;
      return respond(speech.status(status), "application/json", Json.text(speech.error(status, message)), (hint ? "Retry-After: " + retryAfter + "\r\n" : "") + (speech == Speech.BEDROCK ? "x-amzn-errortype: " + errorType(status) + "\r\n" : ""));
    }

    private static String errorType(int status) {
      return switch (status) {
        case 400 -> "ValidationException";
        case 401, 403 -> "AccessDeniedException";
        case 404 -> "ResourceNotFoundException";
        case 429 -> "ThrottlingException";
        default -> "ServiceUnavailableException";
      };
    }

    private boolean respond(int status, String type, String body, String moreHeaders) throws IOException {
      byte[] bytes = body.getBytes(UTF_8);
      send(head(status, type, moreHeaders + "Content-Length: " + bytes.length + "\r\n") + body);
      return true;
    }

    private String head(int status, String type, String headers) {
      return "HTTP/1.1 " + status + " X\r\nContent-Type: " + type + "\r\nx-request-id: req_fake\r\n" + headers + "\r\n";
    }

    private void send(String text) throws IOException {
      out.write(text.getBytes(UTF_8));
      out.flush();
    }

    private void chunk(String text) throws IOException {
      byte[] bytes = text.getBytes(speech == Speech.BEDROCK ? ISO_8859_1 : UTF_8);
      byte[] size = (Integer.toHexString(bytes.length) + "\r\n").getBytes(ISO_8859_1);
      byte[] whole = new byte[size.length + bytes.length + 2];
      System.arraycopy(size, 0, whole, 0, size.length);
      System.arraycopy(bytes, 0, whole, size.length, bytes.length);
      whole[whole.length - 2] = '\r';
      whole[whole.length - 1] = '\n';
      out.write(whole);
      out.flush();
    }

    private boolean end() throws IOException {
      send("0\r\n\r\n");
      return true;
    }

    /** Waits, and notices when the client goes away meanwhile. */
    private void pause(Duration time) throws IOException {
      socket.setSoTimeout((int) Math.max(1, time.toMillis()));
      try {
        int next = in.read();
        if (next < 0) {
          throw new IOException("the client went away");
        }
        in.unread(next);
      } catch (SocketTimeoutException timeIsUp) {
        // the client still waits
      } finally {
        socket.setSoTimeout(0);
      }
    }

    private void waitForGoodbye(Call call) throws IOException {
      in.read();
      call.cancelledAt = Instant.now();
    }

    private byte[] body(Map<String, String> headers) throws IOException {
      if ("chunked".equalsIgnoreCase(headers.get("transfer-encoding"))) {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        for (int size = Integer.parseInt(line(), 16); size > 0; size = Integer.parseInt(line(), 16)) {
          body.write(in.readNBytes(size));
          line();
        }
        line();
        return body.toByteArray();
      }
      return in.readNBytes(Integer.parseInt(headers.getOrDefault("content-length", "0")));
    }

    /** A line without its end, null at the end of input. */
    private @Nullable String line() throws IOException {
      StringBuilder line = new StringBuilder(80);
      for (int b = in.read(); b != '\n'; b = in.read()) {
        if (b < 0) {
          return null;
        }
        if (b != '\r') {
          line.append((char) b);
        }
      }
      return line.toString();
    }
  }
}
