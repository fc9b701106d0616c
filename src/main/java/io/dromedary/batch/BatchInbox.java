package io.dromedary.batch;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Batches by files: takes a file of the inbox in and puts the results of its batch into the outbox.
 *
 * <p>A file is known by its name, size and time: one that was taken in and, by a crash, not moved away is not taken in twice. Results are written under another name and renamed when they are whole.
 */
public final class BatchInbox {
  private static final Logger LOG = LoggerFactory.getLogger(BatchInbox.class);
  private static final String WINDOW = "24h";
  private static final String DONE = ".done";
  private static final String FAILED = ".failed";

  private final BatchStore store;
  private final BatchLimits limits;
  private final String project;
  private final @Nullable Path outbox;
  private final Clock clock;

  /**
   * @param project whose the files are
   * @param outbox null when there is no inbox
   */
  public BatchInbox(BatchStore store, BatchLimits limits, String project, @Nullable Path outbox, Clock clock) {
    this.store = store;
    this.limits = limits;
    this.project = project;
    this.outbox = outbox;
    this.clock = clock;
  }

  /**
   * Takes a file in, whole or not at all.
   *
   * @param in its path is the file's
   * @return where it goes then: {@code .done}, or {@code .failed} with its reason in {@code <name>.reason.json}
   * @throws Problem 503 when the store cannot be reached: it stays and is tried again
   */
  public String take(Inbound in) {
    Path file = Path.of(in.path());
    Problem wrong;
    try {
      batch(file);
      return DONE;
    } catch (Problem problem) {
      if (problem.status() >= 500) {
        LOG.warn("the file {} of the inbox stays there and is tried again: {}", file.getFileName(), problem.getMessage());
        throw problem;
      }
      wrong = problem;
    } catch (IOException e) {
      wrong = Problem.badRequest("the file cannot be read: " + e).code("unreadable_file");
    }
    tellWhy(file, wrong);
    return FAILED;
  }

  private void batch(Path path) throws IOException {
    String name = path.getFileName().toString();
    if (Files.isSymbolicLink(path)) {
      throw Problem.badRequest("the file is a link; only what lies in the inbox itself is read").code("unreadable_file");
    }
    String source = BatchStore.clip(name, 255) + "|" + Files.size(path) + "|" + Files.getLastModifiedTime(path).toMillis();
    if (store.known(source)) {
      LOG.info("the file {} of the inbox was taken in before", name);
      return;
    }
    if (Files.size(path) > limits.maxFileBytes()) {
      throw new Problem(413, "invalid_request_error", "the file has " + Files.size(path) + " bytes; the limit is " + limits.maxFileBytes() + " (dromedary.batches.max-file-bytes)").code("file_too_large");
    }
    BatchReader.Checked checked;
    try (InputStream content = Files.newInputStream(path, LinkOption.NOFOLLOW_LINKS)) {
      checked = BatchReader.check(content, "", BatchPages.ENDPOINTS, limits.longestLine(), limits.maxLines());
    }
    if (checked.errors() != null) {
      throw new Wrong(checked.errors());
    }
    String fileId = Ids.file();
    boolean taken = false;
    store.begin(fileId, project);
    try (InputStream content = Files.newInputStream(path, LinkOption.NOFOLLOW_LINKS)) {
      long bytes = store.write(fileId, content, limits.maxFileBytes());
      long now = clock.millis();
      String id = Ids.batch();
      String stem = BatchStore.clip(name.toLowerCase(Locale.ROOT).endsWith(".jsonl") ? name.substring(0, name.length() - 6) : name, 200);
      Batch batch = new Batch(id, project, "", "file", checked.endpoint(), fileId, WINDOW, null, Batch.IN_PROGRESS, checked.requests(), 0, 0, null, null, null, now, now + BatchPages.window(WINDOW).toMillis(),
          Map.of("in_progress_at", now), store.named(stem) ? stem + "." + id : stem);
      store.create(new BatchFile(fileId, project, BatchStore.clip(name, 255), BatchFile.INPUT, bytes, true, null, now), batch, source);
      taken = true;
      LOG.info("batch={} project={} file={} lines={} endpoint={}", id, project, name, checked.requests(), checked.endpoint());
    } finally {
      if (!taken) {
        store.discard(fileId);
      }
    }
  }

  /** A file with lines that are wrong. */
  private static final class Wrong extends Problem {
    private final transient ObjectNode errors;

    Wrong(ObjectNode errors) {
      super(400, "invalid_request_error", "the file is no batch: " + errors.at("/data/0/message").asText() + (errors.at("/data/0/line").isInt() ? " (line " + errors.at("/data/0/line").asInt() + ")" : ""));
      code("invalid_batch");
      this.errors = errors;
    }
  }

  private static void tellWhy(Path file, Problem wrong) {
    LOG.warn("the file {} of the inbox is put aside: {}", file.getFileName(), wrong.getMessage());
    ObjectNode why = Json.object().put("file", file.getFileName().toString()).put("message", wrong.getMessage()).put("code", wrong.code());
    why.set("errors", wrong instanceof Wrong lines ? lines.errors : null);
    try {
      Path aside = Files.createDirectories(file.resolveSibling(FAILED));
      Files.writeString(aside.resolve(file.getFileName() + ".reason.json"), Json.mapper().writerWithDefaultPrettyPrinter().writeValueAsString(why) + "\n", StandardCharsets.UTF_8);
    } catch (IOException e) {
      LOG.warn("why the file {} was put aside could not be written: {}", file.getFileName(), e.getMessage());
    }
  }

  /** Puts the results of batches that have ended into the outbox. */
  public void putOut() {
    if (outbox == null) {
      return;
    }
    List<Batch> ended;
    try {
      ended = store.toPutOut();
    } catch (Problem storeIsDown) {
      LOG.debug("nothing is put into the outbox just now: {}", storeIsDown.getMessage());
      return;
    }
    for (Batch batch : ended) {
      String name = batch.outboxName() == null ? batch.id() : batch.outboxName();
      try {
        Files.createDirectories(outbox);
        put(batch, true, outbox.resolve(name + ".results.jsonl"));
        if (batch.failed() > 0) {
          put(batch, false, outbox.resolve(name + ".errors.jsonl"));
        }
        store.putOut(batch.id());
        LOG.info("batch={} results={} errors={} outbox={}", batch.id(), batch.completed(), batch.failed(), name);
      } catch (IOException | Problem e) {
        LOG.error("the results of batch {} cannot be written to the outbox `{}`; they are tried again: {}", batch.id(), outbox, e.getMessage());
        return;
      }
    }
  }

  private void put(Batch batch, boolean good, Path to) throws IOException {
    Path part = to.resolveSibling("." + to.getFileName() + ".tmp");
    try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(part), 64 << 10)) {
      store.lines(batch.id(), good, out);
    }
    try (FileChannel written = FileChannel.open(part, StandardOpenOption.WRITE)) {
      written.force(true);
    }
    Files.move(part, to, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }
}
