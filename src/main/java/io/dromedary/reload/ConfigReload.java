package io.dromedary.reload;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.ConfigError;
import io.dromedary.catalog.ConfigPart;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import java.io.IOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The configuration files as one. A reload reads them all, checks each against the fresh others, and only when all are right puts them in force; a mistake in any leaves all the old ones in force and is told with file, key and what is
 * allowed.
 *
 * <p>Files are named after those they depend on: the catalogue before the routing that names its models.
 */
public final class ConfigReload {
  private static final Logger LOG = LoggerFactory.getLogger(ConfigReload.class);

  /** What is known of one file. */
  private static final class State {
    final ConfigPart part;
    volatile String version;
    volatile Instant loadedAt;
    volatile @Nullable String error;
    volatile @Nullable Instant errorAt;
    /** As last read, and as last seen by the watch. */
    volatile long stamp;
    volatile long seen;

    State(ConfigPart part, String version, Instant loadedAt) {
      this.part = part;
      this.version = version;
      this.loadedAt = loadedAt;
      this.stamp = part.stamp();
      this.seen = stamp;
    }
  }

  private record Fresh(State state, String version, Runnable swap) {}

  private final List<State> states = new ArrayList<>();
  private final boolean watched;
  private final Clock clock;
  private volatile int generation = 1;
  private volatile Instant loadedAt;
  private final AtomicLong reloads = new AtomicLong();
  private final AtomicLong refusals = new AtomicLong();

  /**
   * @param parts in the order of checking; what they hold now is generation 1
   * @param watched whether {@link #watch} does anything
   */
  public ConfigReload(List<ConfigPart> parts, boolean watched, Clock clock) {
    this.watched = watched;
    this.clock = clock;
    this.loadedAt = clock.instant();
    for (ConfigPart part : parts) {
      try {
        states.add(new State(part, hash(part.read()), loadedAt));
      } catch (IOException e) {
        throw new ConfigError(part.file() + " cannot be read: " + e.getMessage(), e);
      }
    }
  }

  /**
   * {@code POST /admin/reload}.
   *
   * @return what is in force now, as {@link #show}, with {@code changed}: the files that are not as they were
   * @throws Problem 422 {@code invalid_config} with all that is wrong; nothing has changed
   */
  public ObjectNode reload() {
    List<String> changed = swap();
    ObjectNode page = show();
    ArrayNode list = page.putArray("changed");
    changed.forEach(list::add);
    return page;
  }

  private synchronized List<String> swap() {
    List<Fresh> fresh = new ArrayList<>(states.size());
    List<String> faults = new ArrayList<>(0);
    String faulty = "";
    try {
      for (State state : states) {
        try {
          state.stamp = state.part.stamp();
          state.seen = state.stamp;
          byte[] bytes = state.part.read();
          fresh.add(new Fresh(state, hash(bytes), state.part.check(bytes)));
        } catch (IOException | RuntimeException e) {
          String why = told(state.part.file(), e);
          state.error = why;
          state.errorAt = clock.instant();
          faulty = faults.isEmpty() ? state.part.file() : faulty;
          faults.add(why);
        }
      }
      if (!faults.isEmpty()) {
        refusals.incrementAndGet();
        LOG.warn("the configuration stays as it was, generation {}: {}", generation, String.join("; ", faults));
        throw new Problem(422, "invalid_request_error", "the configuration stays as it was: " + String.join("; ", faults)).code("invalid_config").param(faulty).shouldRetry(false);
      }
      return inForce(fresh);
    } finally {
      states.forEach(state -> state.part.checked());
    }
  }

  private List<String> inForce(List<Fresh> fresh) {
    List<String> changed = new ArrayList<>(0);
    Instant now = clock.instant();
    for (Fresh next : fresh) {
      try {
        next.swap().run();
      } catch (RuntimeException e) {
        // the file is in force; who derives things from it has made a mistake, and the other files must not wait for it
        LOG.error("{} is in force, but not everything was told of it", next.state().part.file(), e);
      }
      next.state().error = null;
      next.state().errorAt = null;
      if (!next.version().equals(next.state().version)) {
        changed.add(next.state().part.file());
        next.state().version = next.version();
        next.state().loadedAt = now;
      }
    }
    reloads.incrementAndGet();
    if (!changed.isEmpty()) {
      generation++;
      loadedAt = now;
      LOG.info("configuration generation {} is in force: {}", generation, versions());
    }
    return changed;
  }

  /** Reloads when a file has changed and been left alone since the last look: one that is being written is not read half. A mistake is told in the log, once per change. */
  public void watch() {
    if (!watched) {
      return;
    }
    boolean changed = false;
    for (State state : states) {
      long now = state.part.stamp();
      if (now != state.stamp) {
        if (now != state.seen) {
          state.seen = now;
          return;
        }
        changed = true;
      }
    }
    if (changed) {
      try {
        swap();
      } catch (Problem told) {
        LOG.debug("told already", told);
      }
    }
  }

  /** {@code GET /admin/config}: each file's version (a hash), since when it is in force, and what was wrong with it at the last reload. */
  public ObjectNode show() {
    ObjectNode page = Json.object().put("object", "config").put("generation", generation).put("loaded_at", loadedAt.toString()).put("reloads", reloads.get()).put("refused", refusals.get());
    ArrayNode files = page.putArray("files");
    for (State state : states) {
      ObjectNode file = files.addObject().put("file", state.part.file()).put("version", state.version).put("loaded_at", state.loadedAt.toString()).put("watched", watched && state.part.stamp() != 0);
      file.put("error", state.error).put("error_at", state.errorAt == null ? null : String.valueOf(state.errorAt));
    }
    return page;
  }

  /** How often the configuration in force has changed, counted from 1 at the start. */
  public int generation() {
    return generation;
  }

  public long reloads() {
    return reloads.get();
  }

  public long refusals() {
    return refusals.get();
  }

  /** File to hash. */
  public Map<String, String> versions() {
    Map<String, String> versions = new TreeMap<>();
    states.forEach(state -> versions.put(state.part.file(), state.version));
    return versions;
  }

  private static String told(String file, Exception e) {
    String message = String.valueOf(e.getMessage());
    if (e instanceof ConfigError || e instanceof IllegalArgumentException) {
      return message;
    }
    return file + " cannot be " + (e instanceof IOException ? "read: " + message : "used: " + e.getClass().getSimpleName() + " " + message);
  }

  private static String hash(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes), 0, 6);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
