package io.dromedary.spend;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;
import java.util.UUID;
import javax.sql.DataSource;
import org.flywaydb.core.Flyway;
import org.h2.engine.SessionLocal;
import org.h2.jdbc.JdbcConnection;
import org.h2.mvstore.MVStore;
import org.h2.mvstore.MVStoreException;
import org.jspecify.annotations.Nullable;

/** The database behind the ledger, opened and migrated: an H2 file by default, PostgreSQL by {@code DATABASE_URL}; with the identity of this node. */
public final class Store implements AutoCloseable {
  /** Connections for reports, the outbox and idempotency keys; the ledger's writer has one more. */
  private static final int READERS = 8;
  /** Of H2's file: pieces of which less is alive are joined, so many bytes in one go (some 5 ms, in which a commit may wait), once there were so many commits. */
  private static final int ALIVE_PERCENT = 50;
  private static final int TIDIED_BYTES = 512 * 1024;
  private static final int WORTH_TIDYING = 256;
  /** Tidying commits too, and must not keep itself going. */
  private static final int TIDYING_ROUNDS = 30;

  private final DataSource dataSource;
  private final boolean postgres;
  private final String node;
  private final @Nullable FileChannel nodeFile;
  private long tidied;
  private int roundsLeft;

  Store(DataSource dataSource, boolean postgres, String node, @Nullable FileChannel nodeFile) {
    this.dataSource = dataSource;
    this.postgres = postgres;
    this.node = node;
    this.nodeFile = nodeFile;
  }

  /**
   * Connections to a PostgreSQL for something beside the ledger, that it must not wait for. None is made before it is used.
   *
   * @param databaseUrl as for {@link #open}
   * @throws IllegalArgumentException if the URL is none of these; the message does not repeat it
   */
  public static HikariDataSource pool(String databaseUrl, String name, int most, Duration wait) {
    HikariConfig config = new HikariConfig();
    config.setPoolName(name);
    config.setMaximumPoolSize(most);
    config.setMinimumIdle(1);
    config.setConnectionTimeout(Math.max(250, wait.toMillis()));
    config.setInitializationFailTimeout(-1);
    DatabaseUrl.parse(databaseUrl).configure(config);
    return new HikariDataSource(config);
  }

  /**
   * Opens the store and brings its schema up to date.
   *
   * @param stateDir the directory for the H2 file and the node's id; created with mode 0700
   * @param databaseUrl {@code postgres://user:password@host:port/db?...} (credentials percent-encoded), {@code postgresql://...} or {@code jdbc:postgresql:...}; null or blank for H2
   * @throws IllegalArgumentException if the URL is none of these; the message does not repeat it
   * @throws IllegalStateException if another process has the state directory open, or the store cannot be reached or migrated
   */
  public static Store open(Path stateDir, @Nullable String databaseUrl) {
    boolean postgres = databaseUrl != null && !databaseUrl.isBlank();
    HikariConfig config = new HikariConfig();
    config.setPoolName("dromedary-ledger");
    config.setMaximumPoolSize(READERS + 1);
    config.setMinimumIdle(2);
    config.setConnectionTimeout(3_000);
    FileChannel nodeFile = null;
    HikariDataSource pool = null;
    try {
      createPrivately(stateDir);
      nodeFile = FileChannel.open(stateDir.resolve("node-id"), StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
      String node = node(nodeFile);
      if (postgres) {
        DatabaseUrl.parse(databaseUrl).configure(config);
      } else {
        config.setJdbcUrl(h2Url(stateDir));
        config.setUsername("sa");
        config.setPassword("");
      }
      pool = new HikariDataSource(config);
      migrate(pool, postgres);
      return new Store(pool, postgres, node, nodeFile);
    } catch (IOException e) {
      close(pool, nodeFile);
      throw new UncheckedIOException("the state directory `" + stateDir + "` cannot be used: " + e.getMessage(), e);
    } catch (IllegalArgumentException e) {
      close(pool, nodeFile);
      throw e;
    } catch (RuntimeException e) {
      close(pool, nodeFile);
      String hint = postgres ? "is DATABASE_URL right and the server up?" : "does another process use the state directory `" + stateDir + "`?";
      throw new IllegalStateException("the ledger's store cannot be opened: " + rootMessage(e) + "; " + hint, e);
    }
  }

  /*
   * retry: a caller whose thread is interrupted closes the file under all others; this file system opens it again (without it one cancelled request took the ledger down).
   * WRITE_DELAY=0: a commit is in the file when it returns; H2's default loses acknowledged commits on kill -9.
   * FILE_LOCK=FS: the kernel's lock, gone with the process, so that a restart after kill -9 need not wait for a stale lock file.
   * DB_CLOSE_ON_EXIT=FALSE, DB_CLOSE_DELAY=-1: we close it ourselves, after the last settlement and not in a JVM hook beside it.
   * TRACE_LEVEL_FILE=0: no file of its own beside the ledger, with statements and values in it; what fails is thrown.
   * CACHE_SIZE in KB: reports read little, writes only append.
   */
  static String h2Url(Path stateDir) {
    return "jdbc:h2:retry:" + stateDir.toAbsolutePath().normalize() + "/ledger;WRITE_DELAY=0;FILE_LOCK=FS;DB_CLOSE_ON_EXIT=FALSE;DB_CLOSE_DELAY=-1;TRACE_LEVEL_FILE=0;CACHE_SIZE=16384";
  }

  static void migrate(DataSource dataSource, boolean postgres) {
    Flyway.configure(Store.class.getClassLoader())
        .dataSource(dataSource)
        .locations("classpath:db/dromedary")
        .table("dromedary_schema_history")
        .placeholders(Map.of("bytes", postgres ? "BYTEA" : "BLOB"))
        // the schema may be a host application's, with tables of its own
        .baselineOnMigrate(true)
        .baselineVersion("0")
        .load()
        .migrate();
  }

  private static void createPrivately(Path dir) throws IOException {
    if (!Files.isDirectory(dir)) {
      Path parent = dir.toAbsolutePath().getParent();
      if (parent != null) {
        Files.createDirectories(parent);
      }
      if (dir.getFileSystem().supportedFileAttributeViews().contains("posix")) {
        Files.createDirectory(dir, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      } else {
        Files.createDirectory(dir);
      }
    }
  }

  /** The node's id, kept in the file; a second process on the same directory (possible with PostgreSQL only) gets a fresh one that is kept nowhere. */
  private static String node(FileChannel file) throws IOException {
    FileLock lock;
    try {
      lock = file.tryLock();
    } catch (OverlappingFileLockException sameProcess) {
      lock = null;
    }
    if (lock == null) {
      return UUID.randomUUID().toString();
    }
    java.nio.ByteBuffer bytes = java.nio.ByteBuffer.allocate(64);
    file.read(bytes, 0);
    String known = new String(bytes.array(), 0, bytes.position(), StandardCharsets.US_ASCII).strip();
    if (known.length() == 36) {
      return known;
    }
    String fresh = UUID.randomUUID().toString();
    file.truncate(0);
    file.write(java.nio.ByteBuffer.wrap(fresh.getBytes(StandardCharsets.US_ASCII)), 0);
    file.force(true);
    return fresh;
  }

  public DataSource dataSource() {
    return dataSource;
  }

  boolean postgres() {
    return postgres;
  }

  /** This node's id. */
  public String node() {
    return node;
  }

  /**
   * Writes what is alive in mostly dead pieces of H2's file into one new piece, a little at a time; for housekeeping, every second. Every commit appends a piece, of which a few percent stay alive, and H2 joins them in a thread that
   * {@code WRITE_DELAY=0} does not start: left alone, the file takes some 11 KB a request where 2 do, and the list of its pieces a heap that never ends. Does nothing on PostgreSQL, nor when little was written.
   */
  public synchronized void tidy() {
    if (postgres) {
      return;
    }
    try (Connection connection = dataSource.getConnection()) {
      SessionLocal session = (SessionLocal) connection.unwrap(JdbcConnection.class).getSession();
      MVStore file = session.getDatabase().getStore().getMvStore();
      if (file.getCurrentVersion() - tidied >= WORTH_TIDYING) {
        tidied = file.getCurrentVersion();
        roundsLeft = TIDYING_ROUNDS;
      }
      if (roundsLeft > 0) {
        roundsLeft = file.compact(ALIVE_PERCENT, TIDIED_BYTES) ? roundsLeft - 1 : 0;
      }
    } catch (SQLException | MVStoreException e) {
      // the next second tries again; what is wrong with the store is told by those who need it
      System.getLogger(Store.class.getName()).log(System.Logger.Level.DEBUG, "the ledger's file could not be tidied", e);
    }
  }

  /** Can it be read? For readiness. */
  public boolean healthy() {
    try (Connection connection = dataSource.getConnection()) {
      return connection.isValid(2);
    } catch (SQLException e) {
      return false;
    }
  }

  @Override
  public void close() {
    if (!postgres && dataSource instanceof HikariDataSource) {
      try (Connection connection = dataSource.getConnection(); Statement statement = connection.createStatement()) {
        statement.execute("SHUTDOWN");
      } catch (SQLException alreadyClosed) {
        System.getLogger(Store.class.getName()).log(System.Logger.Level.DEBUG, "H2 was closed already", alreadyClosed);
      }
    }
    close(dataSource instanceof HikariDataSource pool ? pool : null, nodeFile);
  }

  private static void close(@Nullable HikariDataSource pool, @Nullable FileChannel nodeFile) {
    if (pool != null) {
      pool.close();
    }
    if (nodeFile != null) {
      try {
        nodeFile.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  private static String rootMessage(Throwable e) {
    Throwable root = e;
    while (root.getCause() != null && root.getCause() != root) {
      root = root.getCause();
    }
    return String.valueOf(root.getMessage());
  }
}
