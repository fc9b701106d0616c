package io.dromedary.durable;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Json;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.springframework.util.FileSystemUtils;

/**
 * The packaged gateway as a process of its own, in a directory of its own, with nothing of the tests' environment but what is given. It runs unpacked with an archive of its classes, the fast start of {@code operations.md}, made once
 * for all tests of a run; {@link #startJar} runs the jar as it is.
 */
final class AppProcess implements AutoCloseable {
  private static final List<String> OPTIONS = List.of("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1");
  private static List<String> unpacked;

  private static final HttpClient HTTP = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(Duration.ofSeconds(5)).build();

  private final Process process;
  private final Path log;
  private final int port;

  private AppProcess(Process process, Path log, int port) {
    this.process = process;
    this.log = log;
    this.port = port;
  }

  /** Starts it and waits until it is ready. */
  static AppProcess start(Path directory, Map<String, String> environment) throws IOException, InterruptedException {
    return start(directory, environment, unpacked());
  }

  /** The same from the jar alone. */
  static AppProcess startJar(Path directory, Map<String, String> environment) throws IOException, InterruptedException {
    return start(directory, environment, List.of("-jar", jar()));
  }

  private static AppProcess start(Path directory, Map<String, String> environment, List<String> what) throws IOException, InterruptedException {
    int port = freePort();
    Path log = Files.createTempFile("dromedary-app", ".log");
    AppProcess app = new AppProcess(java(directory, port, log, environment, what).start(), log, port);
    app.awaitReady();
    return app;
  }

  private static ProcessBuilder java(Path directory, int port, Path log, Map<String, String> environment, List<String> what) {
    List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
    command.addAll(OPTIONS);
    command.addAll(what);
    ProcessBuilder builder = new ProcessBuilder(command).directory(directory.toFile()).redirectErrorStream(true).redirectOutput(log.toFile());
    builder.environment().keySet().removeIf(name -> !List.of("PATH", "HOME", "LANG", "TMPDIR").contains(name));
    builder.environment().put("PORT", Integer.toString(port));
    builder.environment().put("OLLAMA_BASE_URL", "http://127.0.0.1:9");
    builder.environment().put("BEDROCK_IDENTITY", "none");
    builder.environment().putAll(environment);
    return builder;
  }

  private static String jar() {
    File jar = new File(System.getProperty("dromedary.app.jar", "target/dromedary-app.jar")).getAbsoluteFile();
    if (!jar.isFile()) {
      throw new AssertionError(jar + " is not there; run `mvn package` first");
    }
    return jar.getPath();
  }

  /** What starts the unpacked gateway with its archive. */
  private static synchronized List<String> unpacked() throws IOException, InterruptedException {
    if (unpacked == null) {
      Path home = Files.createTempDirectory("dromedary-unpacked");
      Runtime.getRuntime().addShutdownHook(new Thread(() -> FileSystemUtils.deleteRecursively(home.toFile())));
      Path app = home.resolve("app");
      Path archive = home.resolve("dromedary.jsa");
      run(home, "-Djarmode=tools", "-jar", jar(), "extract", "--destination", app.toString());
      String start = app.resolve(Path.of(jar()).getFileName()).toString();
      run(home, "-XX:ArchiveClassesAtExit=" + archive, "-Dspring.context.exit=onRefresh", "-jar", start);
      unpacked = List.of("-XX:SharedArchiveFile=" + archive, "-jar", start);
    }
    return unpacked;
  }

  private static void run(Path home, String... what) throws IOException, InterruptedException {
    Path log = home.resolve("log");
    Process process = java(home, freePort(), log, Map.of(), List.of(what)).start();
    if (!process.waitFor(120, TimeUnit.SECONDS) || process.exitValue() != 0) {
      process.destroyForcibly();
      throw new AssertionError(String.join(" ", what) + " failed:\n" + Files.readString(log));
    }
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  private void awaitReady() throws IOException, InterruptedException {
    long end = System.nanoTime() + Duration.ofSeconds(120).toNanos();
    while (System.nanoTime() < end && process.isAlive()) {
      try {
        if (get("/health/readiness").statusCode() == 200) {
          return;
        }
      } catch (IOException notYet) {
        // it does not listen yet
      }
      Thread.sleep(50);
    }
    String said = said();
    process.destroyForcibly();
    throw new AssertionError("the gateway did not become ready:\n" + said);
  }

  long pid() {
    return process.pid();
  }

  int port() {
    return port;
  }

  /** What it wrote to its log so far. */
  String said() throws IOException {
    return Files.readString(log);
  }

  /** @param headers names and values, alternating */
  HttpResponse<String> get(String path, String... headers) throws IOException, InterruptedException {
    HttpRequest.Builder builder = HttpRequest.newBuilder(uri(path)).timeout(Duration.ofSeconds(10));
    return HTTP.send((headers.length == 0 ? builder : builder.headers(headers)).build(), HttpResponse.BodyHandlers.ofString());
  }

  JsonNode json(String path, String... headers) throws IOException, InterruptedException {
    return Json.read(get(path, headers).body().getBytes(UTF_8));
  }

  /** Without a thread of the caller. */
  CompletableFuture<HttpResponse<String>> chatLater(ObjectNode request, String... headers) {
    return HTTP.sendAsync(post(request, headers), HttpResponse.BodyHandlers.ofString());
  }

  /** @param headers names and values, alternating */
  HttpResponse<String> chat(ObjectNode request, String... headers) throws IOException, InterruptedException {
    return HTTP.send(post(request, headers), HttpResponse.BodyHandlers.ofString());
  }

  /** Asks for a stream; returns when its head has come. Its lines are read by {@link Lines}. */
  Lines stream(ObjectNode request, String... headers) throws IOException, InterruptedException {
    ObjectNode streamed = request.deepCopy().put("stream", true);
    streamed.putObject("stream_options").put("include_usage", true);
    return new Lines(HTTP.send(post(streamed, headers), HttpResponse.BodyHandlers.ofInputStream()));
  }

  private HttpRequest post(ObjectNode request, String... headers) {
    HttpRequest.Builder builder = HttpRequest.newBuilder(uri("/v1/chat/completions")).timeout(Duration.ofSeconds(60)).header("content-type", "application/json")
        .POST(HttpRequest.BodyPublishers.ofByteArray(Json.bytes(request)));
    return (headers.length == 0 ? builder : builder.headers(headers)).build();
  }

  private URI uri(String path) {
    return URI.create("http://127.0.0.1:" + port + path);
  }

  /** An open stream's data lines. */
  static final class Lines implements AutoCloseable {
    private final HttpResponse<InputStream> response;
    private final BufferedReader reader;

    Lines(HttpResponse<InputStream> response) {
      this.response = response;
      this.reader = new BufferedReader(new InputStreamReader(response.body(), UTF_8));
    }

    int status() {
      return response.statusCode();
    }

    String header(String name) {
      return response.headers().firstValue(name).orElse("");
    }

    /** The next event's data, null at the end. */
    String next() throws IOException {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        if (line.startsWith("data:")) {
          return line.substring(5).strip();
        }
      }
      return null;
    }

    @Override
    public void close() throws IOException {
      response.body().close();
    }
  }

  boolean alive() {
    return process.isAlive();
  }

  /** {@code kill -9}. */
  void kill() throws InterruptedException {
    process.destroyForcibly();
    process.waitFor(20, TimeUnit.SECONDS);
  }

  /** SIGTERM; does not wait. */
  void terminate() {
    process.destroy();
  }

  /** Waits for its end. @return its exit code */
  int exit(Duration most) throws InterruptedException {
    if (!process.waitFor(most.toMillis(), TimeUnit.MILLISECONDS)) {
      throw new AssertionError("the gateway still runs after " + most);
    }
    return process.exitValue();
  }

  @Override
  public void close() throws IOException {
    process.destroy();
    try {
      if (!process.waitFor(30, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
    Files.deleteIfExists(log);
  }
}
