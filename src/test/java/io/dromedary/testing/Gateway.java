package io.dromedary.testing;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.Dromedary;
import io.dromedary.access.CallerRegistry;
import io.dromedary.cascade.CascadePolicy;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.catalog.Reloadable;
import io.dromedary.chat.Json;
import io.dromedary.domain.TopicPolicy;
import io.dromedary.ranking.RoutingPolicy;
import io.dromedary.shadow.ShadowPolicy;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.config.BeanPostProcessor;
import org.springframework.context.ApplicationContext;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.web.servlet.context.ServletWebServerApplicationContext;

/**
 * The whole application, running in this process on a free port with a state directory of its own, its providers being fakes. Only named providers take part: the others have no key, and no Ollama answers.
 *
 * <pre>
 * try (FakeProvider openai = FakeProvider.openai(); Gateway gateway = Gateway.with("openai", openai).set("dromedary.timeouts.request", "5s").start()) {
 *   Gateway.Answer answer = gateway.chat("openai/gpt-4o", "hello");
 *   assertThat(answer.status()).isEqualTo(200);
 * }
 * </pre>
 */
public final class Gateway implements AutoCloseable {
  private static final List<String> KEYED = List.of("openai", "anthropic", "gemini", "groq", "mistral", "deepseek", "openrouter", "routellm", "azure", "bedrock");
  private static final String NOBODY = "http://127.0.0.1:9";

  private final ServletWebServerApplicationContext context;
  private final Path stateDir;
  private final boolean ownsStateDir;
  private final HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(Duration.ofSeconds(10)).build();

  private Gateway(ServletWebServerApplicationContext context, Path stateDir, boolean ownsStateDir) {
    this.context = context;
    this.stateDir = stateDir;
    this.ownsStateDir = ownsStateDir;
  }

  public static Setup with(String provider, FakeProvider fake) {
    return new Setup().and(provider, fake);
  }

  public static Setup bare() {
    return new Setup();
  }

  /** What is to be started. */
  public static final class Setup {
    private final Map<String, String> settings = new LinkedHashMap<>();
    private @Nullable Path stateDir;
    private @Nullable String callers;
    private @Nullable String routing;

    private Setup() {
      for (String provider : KEYED) {
        settings.put("dromedary.providers." + provider + ".api-key", "");
        settings.put("dromedary.providers." + provider + ".base-url", NOBODY);
      }
      settings.put("dromedary.providers.ollama.base-url", NOBODY);
      settings.put("dromedary.providers.bedrock.identity", "none");
      settings.put("server.port", "0");
      settings.put("dromedary.database-url", "");
      settings.put("dromedary.cost-sink", "");
      settings.put("dromedary.profile", "development");
      settings.put("dromedary.timeouts.drain", "2s");
    }

    public Setup and(String provider, FakeProvider fake) {
      return at(provider, fake.url());
    }

    /** A provider at any address, such as one where nobody listens. */
    public Setup at(String provider, String url) {
      settings.put("dromedary.providers." + provider + ".base-url", url);
      if (!provider.equals("ollama")) {
        settings.put("dromedary.providers." + provider + ".api-key", "sk-test-" + provider + "-0123456789");
      }
      return this;
    }

    public Setup set(String property, Object value) {
      settings.put(property, String.valueOf(value));
      return this;
    }

    /** Keeps its state here, also after {@link Gateway#close}; without it the state is deleted then. */
    public Setup stateDir(Path dir) {
      this.stateDir = dir;
      return this;
    }

    /** As if this stood in {@code config/callers.yaml}. */
    public Setup callers(String yaml) {
      this.callers = yaml;
      return this;
    }

    /** Puts the callers in the place of those in the file. */
    private static BeanPostProcessor replacing(String yaml) {
      return new BeanPostProcessor() {
        @Override
        public Object postProcessAfterInitialization(Object bean, String name) {
          return bean instanceof CallerRegistry.Source ? (CallerRegistry.Source) () -> yaml.getBytes(UTF_8) : bean;
        }
      };
    }

    /** As if this stood in {@code config/routing.yaml}. */
    public Setup routing(String yaml) {
      this.routing = yaml;
      return this;
    }

    private static BeanPostProcessor routingBy(ApplicationContext context, String yaml) {
      byte[] bytes = yaml.getBytes(UTF_8);
      String file = "routing of the test";
      return new BeanPostProcessor() {
        @Override
        public Object postProcessAfterInitialization(Object bean, String name) {
          return switch (name) {
            case "routingPolicy" -> new Reloadable<>(() -> bytes, read -> RoutingPolicy.read(read, file, catalogue(context), Set.of("keywords", "learned", "length", "random")));
            case "topicPolicy" -> new Reloadable<>(() -> bytes, read -> TopicPolicy.read(read, file, Set.of("cost", "quality", "speed", "balanced")));
            case "cascadePolicy" -> new Reloadable<>(() -> bytes, read -> CascadePolicy.read(read, file, catalogue(context), path -> Files.readAllBytes(Path.of(path))));
            case "shadowPolicy" -> new Reloadable<>(() -> bytes, read -> ShadowPolicy.read(read, file, catalogue(context), TopicPolicy.BUILT_IN));
            default -> bean;
          };
        }
      };
    }

    private static ModelCatalog catalogue(ApplicationContext context) {
      return (ModelCatalog) ((Reloadable<?>) context.getBean("modelCatalog")).get();
    }

    public Gateway start() {
      try {
        Path dir = stateDir == null ? Files.createTempDirectory("dromedary-test") : stateDir;
        settings.put("dromedary.state-dir", dir.toString());
        String[] arguments = settings.entrySet().stream().map(setting -> "--" + setting.getKey() + "=" + setting.getValue()).toArray(String[]::new);
        SpringApplicationBuilder application = new SpringApplicationBuilder(Dromedary.class).registerShutdownHook(false);
        String yaml = callers;
        if (yaml != null) {
          application.initializers(context -> context.getBeanFactory().addBeanPostProcessor(replacing(yaml)));
        }
        String routes = routing;
        if (routes != null) {
          application.initializers(context -> context.getBeanFactory().addBeanPostProcessor(routingBy(context, routes)));
        }
        var context = (ServletWebServerApplicationContext) application.run(arguments);
        return new Gateway(context, dir, stateDir == null);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  // ---- whole answers ------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  /** A whole HTTP answer. */
  public record Answer(int status, Map<String, List<String>> headers, String text, Duration took) {
    /** The first header of that name in any case, or null. */
    public @Nullable String header(String name) {
      return first(headers, name);
    }

    /** The body as JSON; a missing node if it is none. */
    public JsonNode json() {
      return parse(text);
    }

    /** The first choice's text. */
    public String content() {
      return json().at("/choices/0/message/content").asText();
    }

    public String requestId() {
      return String.valueOf(header("x-request-id"));
    }
  }

  /** A chat request to {@code /v1/chat/completions}: {@code more} goes over its top-level fields, as JSON with single or double quotes. */
  public static ObjectNode request(String model, String prompt, String... more) {
    ObjectNode json = Json.object().put("model", model);
    json.putArray("messages").addObject().put("role", "user").put("content", prompt);
    for (String fields : more) {
      json.setAll((ObjectNode) parse(fields.replace('\'', '"')));
    }
    return json;
  }

  /** Header names and values, alternating. */
  public Answer chat(JsonNode request, String... headers) {
    return post("/v1/chat/completions", Json.text(request), headers);
  }

  public Answer chat(String model, String prompt, String... headers) {
    return chat(request(model, prompt), headers);
  }

  public Answer post(String path, JsonNode json, String... headers) {
    return post(path, Json.text(json), headers);
  }

  public Answer post(String path, String body, String... headers) {
    return send(builder(path, headers).header("content-type", "application/json").POST(HttpRequest.BodyPublishers.ofString(body)).build());
  }

  public Answer get(String path, String... headers) {
    return send(builder(path, headers).GET().build());
  }

  /** Any method; without a body when it is empty. */
  public Answer send(String method, String path, String body, String... headers) {
    HttpRequest.BodyPublisher publisher = body.isEmpty() ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofString(body);
    HttpRequest.Builder builder = builder(path, headers).method(method, publisher);
    return send((body.isEmpty() ? builder : builder.header("content-type", "application/json")).build());
  }

  /** With the admin token; a body makes it a POST. */
  public Answer admin(String path, String... body) {
    return send(body.length == 0 ? "GET" : "POST", path, body.length == 0 ? "" : body[0].replace('\'', '"'), "authorization", "Bearer " + adminToken());
  }

  /** Without a thread of the caller. */
  public CompletableFuture<Answer> chatLater(JsonNode request, String... headers) {
    long begun = System.nanoTime();
    HttpRequest http = builder("/v1/chat/completions", headers).header("content-type", "application/json").POST(HttpRequest.BodyPublishers.ofString(Json.text(request))).build();
    return this.http.sendAsync(http, HttpResponse.BodyHandlers.ofString(UTF_8)).thenApply(response -> answer(response, begun));
  }

  private HttpRequest.Builder builder(String path, String... headers) {
    HttpRequest.Builder builder = HttpRequest.newBuilder(URI.create(url() + path)).timeout(Duration.ofSeconds(120));
    return headers.length == 0 ? builder : builder.headers(headers);
  }

  private Answer send(HttpRequest request) {
    long begun = System.nanoTime();
    try {
      return answer(http.send(request, HttpResponse.BodyHandlers.ofString(UTF_8)), begun);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    }
  }

  private static Answer answer(HttpResponse<String> response, long begun) {
    return new Answer(response.statusCode(), response.headers().map(), response.body(), Duration.ofNanos(System.nanoTime() - begun));
  }

  // ---- streams --------------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  /** One `data:` line of a stream; {@code at} counts from the sending of the request. */
  public record Event(String data, Duration at) {
    public JsonNode json() {
      return parse(data);
    }

    /** The first choice's text in it, or nothing. */
    public String content() {
      return json().at("/choices/0/delta/content").asText("");
    }
  }

  /** A stream that has been read to its end, or to where it broke. */
  public record Streamed(int status, Map<String, List<String>> headers, List<Event> events, String raw, @Nullable IOException broke) {
    public @Nullable String header(String name) {
      return first(headers, name);
    }

    /** All text of the first choice. */
    public String content() {
      StringBuilder all = new StringBuilder();
      events.forEach(event -> all.append(event.content()));
      return all.toString();
    }

    /** Those with text in them. */
    public List<Event> words() {
      return events.stream().filter(event -> !event.content().isEmpty()).toList();
    }

    /** Did it end as a whole stream does? */
    public boolean done() {
      return !events.isEmpty() && events.get(events.size() - 1).data().equals("[DONE]");
    }

    /** The finish reason that was said, if any. */
    public @Nullable String finish() {
      return events.stream().map(event -> event.json().at("/choices/0/finish_reason").asText(null)).filter(reason -> reason != null && !reason.equals("null")).findFirst().orElse(null);
    }

    /** The `usage` of the chunk that has one; a missing node if none has. */
    public JsonNode usage() {
      return events.stream().map(event -> event.json().path("usage")).filter(JsonNode::isObject).reduce((a, b) -> b).orElse(MissingNode.getInstance());
    }

    /** The error event's error; a missing node if there was none. */
    public JsonNode error() {
      return events.stream().map(event -> event.json().path("error")).filter(JsonNode::isObject).findFirst().orElse(MissingNode.getInstance());
    }

    public String requestId() {
      return String.valueOf(header("x-request-id"));
    }
  }

  /** Sends `stream: true` and reads to the end. */
  public Streamed stream(ObjectNode request, String... headers) {
    try (OpenStream stream = open(request, headers)) {
      return stream.readAll();
    }
  }

  /** Sends `stream: true`; returns once the head has come. */
  public OpenStream open(ObjectNode request, String... headers) {
    HttpRequest http = builder("/v1/chat/completions", headers).header("content-type", "application/json").POST(HttpRequest.BodyPublishers.ofString(Json.text(request.deepCopy().put("stream", true)))).build();
    long begun = System.nanoTime();
    try {
      return new OpenStream(this.http.send(http, HttpResponse.BodyHandlers.ofInputStream()), begun);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    }
  }

  /** A stream that is being read; to close it before its end is to hang up. */
  public static final class OpenStream implements AutoCloseable {
    private final HttpResponse<InputStream> response;
    private final BufferedReader lines;
    private final long begun;
    private final List<Event> events = new ArrayList<>();
    private final StringBuilder raw = new StringBuilder();

    OpenStream(HttpResponse<InputStream> response, long begun) {
      this.response = response;
      this.lines = new BufferedReader(new InputStreamReader(response.body(), UTF_8));
      this.begun = begun;
    }

    public int status() {
      return response.statusCode();
    }

    public @Nullable String header(String name) {
      return first(response.headers().map(), name);
    }

    /** The next `data:` line, null at the end. */
    public @Nullable Event next() throws IOException {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        raw.append(line).append('\n');
        if (line.startsWith("data:")) {
          Event event = new Event(line.substring(5).strip(), Duration.ofNanos(System.nanoTime() - begun));
          events.add(event);
          return event;
        }
      }
      return null;
    }

    /** Reads to the end, or to where it breaks. */
    public Streamed readAll() {
      IOException broke = null;
      try {
        while (next() != null) {
          // collected in events
        }
      } catch (IOException e) {
        broke = e;
      }
      return new Streamed(status(), response.headers().map(), List.copyOf(events), raw.toString(), broke);
    }

    @Override
    public void close() {
      try {
        response.body().close();
      } catch (IOException gone) {
        // closed is closed
      }
    }
  }

  // ---- sockets ------------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  /** A connection to the gateway; reads give up after 30 s. */
  public Socket socket() throws IOException {
    Socket socket = new Socket(InetAddress.getLoopbackAddress(), port());
    socket.setSoTimeout(30_000);
    socket.setTcpNoDelay(true);
    return socket;
  }

  /** Sends these bytes as they are, on a connection of their own, and reads until the gateway closes it or 30 s are over; ask for {@code Connection: close}. */
  public String raw(String bytes) throws IOException {
    try (Socket socket = socket()) {
      socket.getOutputStream().write(bytes.getBytes(ISO_8859_1));
      socket.getOutputStream().flush();
      return new String(socket.getInputStream().readAllBytes(), UTF_8);
    }
  }

  /** Sends a chat request on this socket and reads nothing. */
  public static void write(Socket socket, JsonNode request, String... headers) throws IOException {
    byte[] body = Json.text(request).getBytes(UTF_8);
    StringBuilder head = new StringBuilder("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ").append(body.length).append("\r\n");
    for (int i = 0; i + 1 < headers.length; i += 2) {
      head.append(headers[i]).append(": ").append(headers[i + 1]).append("\r\n");
    }
    socket.getOutputStream().write(head.append("\r\n").toString().getBytes(ISO_8859_1));
    socket.getOutputStream().write(body);
    socket.getOutputStream().flush();
  }

  // ---- the inside -----------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  public String url() {
    return "http://127.0.0.1:" + port();
  }

  public int port() {
    return context.getWebServer().getPort();
  }

  public <T> T bean(Class<T> type) {
    return context.getBean(type);
  }

  public ServletWebServerApplicationContext context() {
    return context;
  }

  public Path stateDir() {
    return stateDir;
  }

  /** As an operator reads it from the state directory. */
  public String adminToken() {
    try {
      return Files.readString(stateDir.resolve("admin-token")).strip();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The value of a line of {@code /metrics} that starts with this name (and labels); 0 if there is none. */
  public double metric(String start) {
    return get("/metrics").text().lines().filter(line -> line.startsWith(start)).mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1))).sum();
  }

  @Override
  public void close() {
    context.close();
    if (ownsStateDir) {
      try (Stream<Path> files = Files.walk(stateDir)) {
        files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  private static @Nullable String first(Map<String, List<String>> headers, String name) {
    return headers.entrySet().stream().filter(header -> header.getKey().equalsIgnoreCase(name)).map(header -> header.getValue().get(0)).findFirst().orElse(null);
  }

  private static JsonNode parse(String text) {
    try {
      JsonNode json = Json.read(text.getBytes(UTF_8));
      return json == null ? MissingNode.getInstance() : json;
    } catch (IOException noJson) {
      return MissingNode.getInstance();
    }
  }
}
