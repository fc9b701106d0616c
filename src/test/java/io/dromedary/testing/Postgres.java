package io.dromedary.testing;

import io.dromedary.spend.Store;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import java.util.Comparator;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** One PostgreSQL server for all tests of this process, with its own port and directory, and a database for each who asks: with our tables in it, made once and copied. It ends with the process. */
public final class Postgres {
  private static EmbeddedPostgres server;
  private static int databases;

  private Postgres() {}

  /** A new database, as {@code DATABASE_URL} has it. */
  public static synchronized String freshUrl() throws Exception {
    if (server == null) {
      Path data = Files.createTempDirectory("postgres");
      // its own hook waits for a program that stops the server, and for the program's log, longer than the process may take to end
      server = EmbeddedPostgres.builder().setDataDirectory(data).setRegisterShutdownHook(false).start();
      Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(data)));
      execute("CREATE DATABASE model");
      Path node = Files.createTempDirectory("postgres-model");
      Store.open(node, url("model")).close();
      Files.deleteIfExists(node.resolve("node-id"));
      Files.delete(node);
    }
    String name = "test" + databases++;
    execute("CREATE DATABASE " + name + " TEMPLATE model");
    return url(name);
  }

  private static void stop(Path data) {
    try {
      ProcessHandle postmaster = ProcessHandle.of(Long.parseLong(Files.readAllLines(data.resolve("postmaster.pid")).get(0))).orElseThrow();
      postmaster.destroy();
      postmaster.onExit().get(5, TimeUnit.SECONDS);
      try (Stream<Path> all = Files.walk(data)) {
        all.sorted(Comparator.reverseOrder()).forEach(path -> path.toFile().delete());
      }
    } catch (Exception e) {
      System.err.println("PostgreSQL in " + data + " was not stopped: " + e);
    }
  }

  /** The server trusts everybody: the password only shows that one may stand there, percent-encoded. */
  private static String url(String database) {
    return "postgres://postgres:p%40ss@127.0.0.1:" + server.getPort() + "/" + database + "?sslmode=disable";
  }

  private static void execute(String sql) throws Exception {
    try (Connection connection = server.getPostgresDatabase().getConnection(); Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }
}
