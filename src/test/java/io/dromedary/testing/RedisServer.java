package io.dromedary.testing;

import io.dromedary.cache.RedisCalls;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisFuture;
import io.lettuce.core.api.async.RedisAsyncCommands;
import io.lettuce.core.codec.ByteArrayCodec;
import io.lettuce.core.codec.RedisCodec;
import io.lettuce.core.codec.StringCodec;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import redis.embedded.core.ExecutableProvider;

/** A real Redis, unpacked from Maven, on a free port of loopback: it can be stopped, held (SIGSTOP, so that it accepts and never answers) and started again. It keeps nothing over a restart. */
public final class RedisServer implements AutoCloseable {
  private final File binary;
  private final int port;
  private Process process;

  private RedisServer() throws IOException {
    binary = ExecutableProvider.newJarResourceProvider().get();
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = socket.getLocalPort();
    }
  }

  /** Starts one and waits until it answers. */
  public static RedisServer start() {
    try {
      RedisServer server = new RedisServer();
      server.run();
      return server;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public String url() {
    return "redis://127.0.0.1:" + port;
  }

  public int port() {
    return port;
  }

  /** As another node calls it. */
  public Calls calls() {
    return new Calls(RedisClient.create(url()));
  }

  /** A second at the most for each. */
  public static final class Calls implements RedisCalls, AutoCloseable {
    private final RedisClient client;
    private final RedisAsyncCommands<String, byte[]> commands;

    private Calls(RedisClient client) {
      this.client = client;
      commands = client.connect(RedisCodec.of(StringCodec.UTF8, ByteArrayCodec.INSTANCE)).async();
    }

    @Override
    public <T> T call(Function<RedisAsyncCommands<String, byte[]>, RedisFuture<T>> command) {
      return command.apply(commands).toCompletableFuture().orTimeout(1, TimeUnit.SECONDS).join();
    }

    @Override
    public void close() {
      client.close();
    }
  }

  private void run() throws IOException {
    process = new ProcessBuilder(List.of(binary.getPath(), "--port", Integer.toString(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")).directory(Files.createTempDirectory("redis").toFile())
        .redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (System.nanoTime() < end && process.isAlive()) {
      try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
        socket.setSoTimeout(1_000);
        socket.getOutputStream().write("PING\r\n".getBytes());
        if (socket.getInputStream().read() == '+') {
          return;
        }
      } catch (IOException notYet) {
        Thread.onSpinWait();
      }
    }
    throw new IOException("Redis does not start");
  }

  /** Kills it; {@link #restart} brings an empty one to the same port. */
  public void stop() {
    process.destroyForcibly();
    try {
      process.waitFor();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  public void restart() {
    stop();
    try {
      run();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Freezes it: connections stay open and nothing is answered. */
  public void hold() {
    signal("STOP");
  }

  public void letGo() {
    signal("CONT");
  }

  private void signal(String name) {
    try {
      int code = new ProcessBuilder("kill", "-" + name, Long.toString(process.pid())).inheritIO().start().waitFor();
      if (code != 0) {
        throw new IllegalStateException("kill -" + name + " said " + code);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    if (process.isAlive()) {
      signal("CONT");
    }
    stop();
  }
}
