package io.dromedary.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A process that the harness started and will end: the mock upstream, nginx, the gateway. A shutdown hook ends those that are left. */
final class Child implements AutoCloseable {
  private static final List<Process> RUNNING = new ArrayList<>();

  static {
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      synchronized (RUNNING) {
        RUNNING.forEach(process -> {
          process.descendants().forEach(ProcessHandle::destroyForcibly);
          process.destroyForcibly();
        });
      }
    }));
  }

  private final Process process;
  final String baseUrl;
  final ProcessView view;
  final String hungUrl;

  private Child(Process process, String baseUrl, String hungUrl) {
    this.process = process;
    this.baseUrl = baseUrl;
    this.hungUrl = hungUrl;
    this.view = new ProcessView(process.pid());
  }

  private static Process start(ProcessBuilder builder) throws IOException {
    Process process = builder.start();
    synchronized (RUNNING) {
      RUNNING.add(process);
    }
    return process;
  }

  /** The mock upstream in a JVM of its own, so that its CPU is not the load generator's. */
  static Child mock(Options options) throws IOException {
    Path log = Path.of(options.text("out"), "mock.log");
    ProcessBuilder builder = new ProcessBuilder(options.text("java"), "-Xmx256m", "-XX:+UseSerialGC", "-cp", System.getProperty("java.class.path"), MockUpstream.class.getName());
    builder.redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()));
    Process process = start(builder);
    BufferedReader out = new BufferedReader(new java.io.InputStreamReader(process.getInputStream(), StandardCharsets.US_ASCII));
    String line = out.readLine();
    if (line == null || !line.startsWith("ready ")) {
      throw new IOException("the mock upstream did not start; see " + log);
    }
    String[] ports = line.split(" ");
    return new Child(process, "http://127.0.0.1:" + ports[1] + "/v1", "127.0.0.1:" + ports[2]);
  }

  /** nginx as a proxy before the mock: the least that a hop can cost. */
  static Child nginx(Options options, String upstreamBaseUrl) throws IOException, InterruptedException {
    Path home = Files.createDirectories(Path.of(options.text("out"), "nginx").toAbsolutePath());
    int port = freePort();
    Path config = home.resolve("nginx.conf");
    Files.writeString(config, """
        daemon off;
        master_process off;
        pid %1$s/nginx.pid;
        error_log stderr error;
        events { worker_connections 8192; }
        http {
          access_log off;
          client_body_temp_path %1$s/body; proxy_temp_path %1$s/proxy; fastcgi_temp_path %1$s/f; uwsgi_temp_path %1$s/u; scgi_temp_path %1$s/s;
          keepalive_requests 100000000;
          upstream mock { server %2$s; keepalive 1024; keepalive_requests 100000000; }
          server {
            listen 127.0.0.1:%3$d backlog=4096;
            location / { proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }
          }
        }
        """.formatted(home, URI.create(upstreamBaseUrl).getAuthority(), port));
    ProcessBuilder builder = new ProcessBuilder("nginx", "-p", home.toString(), "-c", config.toString());
    builder.redirectErrorStream(true).redirectOutput(home.resolve("nginx.log").toFile());
    Child nginx = new Child(start(builder), "http://127.0.0.1:" + port + "/v1", "");
    nginx.awaitReady("/v1/models", Duration.ofSeconds(5));
    return nginx;
  }

  /** The gateway's jar. {@code environment} comes on top of the harness's own. */
  static Child gateway(Options options, int port, Map<String, String> environment) throws IOException {
    Path out = Path.of(options.text("out")).toAbsolutePath();
    List<String> command = new ArrayList<>(List.of(options.text("java"), "-Xlog:gc:file=" + out.resolve("gateway-gc.log")));
    command.addAll(options.words("java-opts"));
    command.addAll(List.of("-jar", Path.of(options.text("jar")).toAbsolutePath().toString()));
    command.addAll(options.words("gateway-args"));
    ProcessBuilder builder = new ProcessBuilder(command);
    Map<String, String> env = builder.environment();
    env.keySet().removeIf(name -> name.endsWith("_API_KEY") || name.endsWith("_BASE_URL") || name.equals("DATABASE_URL") || name.equals("REDIS_URL") || name.startsWith("DROMEDARY_"));
    Path envFile = Path.of(options.text("gateway-env"));
    if (Files.exists(envFile)) {
      for (String line : Files.readAllLines(envFile)) {
        if (!line.isBlank() && !line.startsWith("#")) {
          env.put(line.substring(0, line.indexOf('=')).strip(), line.substring(line.indexOf('=') + 1).strip());
        }
      }
    }
    env.put("PORT", Integer.toString(port));
    env.putAll(environment);
    builder.redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.appendTo(out.resolve("gateway.log").toFile()));
    return new Child(start(builder), "http://127.0.0.1:" + port + "/v1", "");
  }

  /** What the process answers to a diagnostic command of the JVM ({@code jcmd}). */
  String tell(String command) throws IOException, InterruptedException {
    Process jcmd = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "jcmd").toString(), Long.toString(process.pid()), command).redirectErrorStream(true).start();
    String text = new String(jcmd.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (jcmd.waitFor() != 0) {
      throw new IOException("jcmd " + command + ": " + text.strip());
    }
    return text;
  }

  static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  /** Waits for a 200. @throws IOException when the process ends or the time is over */
  void awaitReady(String path, Duration limit) throws IOException, InterruptedException {
    long end = System.nanoTime() + limit.toNanos();
    while (System.nanoTime() < end) {
      if (!process.isAlive()) {
        throw new IOException("it ended with " + process.exitValue() + " before it was ready");
      }
      try {
        if (get(root() + path).statusCode() == 200) {
          return;
        }
      } catch (IOException notYet) {
        Thread.sleep(10);
        continue;
      }
      Thread.sleep(20);
    }
    throw new IOException(root() + path + " did not answer 200 within " + limit.toSeconds() + " s");
  }

  String root() {
    return baseUrl.substring(0, baseUrl.length() - "/v1".length());
  }

  private static final HttpClient HTTP = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(Duration.ofSeconds(2)).build();

  static HttpResponse<String> get(String url) throws IOException, InterruptedException {
    return HTTP.send(HttpRequest.newBuilder(URI.create(url)).timeout(Duration.ofSeconds(10)).header("Authorization", "Bearer bench").build(), HttpResponse.BodyHandlers.ofString());
  }

  /** {@code kill -9}. */
  void kill() throws InterruptedException {
    process.destroyForcibly();
    process.waitFor(10, TimeUnit.SECONDS);
  }

  /** SIGTERM, and {@code kill -9} after 15 s. */
  @Override
  public void close() {
    List<ProcessHandle> children = process.descendants().toList();
    process.destroy();
    try {
      if (!process.waitFor(15, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        process.waitFor(5, TimeUnit.SECONDS);
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
    children.forEach(ProcessHandle::destroyForcibly);
    synchronized (RUNNING) {
      RUNNING.remove(process);
    }
  }
}
