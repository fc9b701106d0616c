package io.dromedary.batch;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Caller;
import io.dromedary.chat.Download;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.chat.Upload;
import java.io.IOException;
import java.io.InputStream;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/** OpenAI's Files API. Another project's file is one that does not exist (X6). */
public final class FilePages {
  /** Uploads at once: each holds a thread and a piece of its file. */
  private static final int UPLOADS = 16;
  private static final int PAGE = 100;
  private static final int MOST_PAGE = 10_000;

  private final BatchStore store;
  private final BatchLimits limits;
  private final Clock clock;
  private final Semaphore uploads = new Semaphore(UPLOADS);

  public FilePages(BatchStore store, BatchLimits limits, Clock clock) {
    this.store = store;
    this.limits = limits;
    this.clock = clock;
  }

  /**
   * {@code POST /v1/files}. With an {@code Idempotency-Key} one file is made however often it is sent.
   *
   * @throws Problem 400 for a form that lacks something, 413 for a file that is too large, 422 for a key that came with another file, 429 when the project has too much, 503 when too many upload
   */
  public ObjectNode upload(@Nullable Upload upload, Inbound in, Caller caller) {
    if (upload == null) {
      throw new Problem(415, "invalid_request_error", "a file is sent as multipart/form-data with the fields `purpose` and `file`").code("unsupported_media_type");
    }
    if (!uploads.tryAcquire()) {
      throw Problem.overloaded(503, UPLOADS + " files are being uploaded, the limit", Duration.ofSeconds(1));
    }
    try {
      return take(upload, Once.key(in), caller);
    } finally {
      uploads.release();
    }
  }

  private ObjectNode take(Upload upload, @Nullable String key, Caller caller) {
    long room = limits.maxProjectBytes() - store.bytes(caller.project());
    if (room <= 0) {
      throw new Problem(429, "insufficient_quota", "the files of project `" + caller.project() + "` have " + limits.maxProjectBytes() + " bytes, its limit (dromedary.batches.max-project-bytes); delete some").code("storage_full")
          .shouldRetry(false);
    }
    Form form = new Form(Ids.file(), caller.project(), Math.min(room, limits.maxFileBytes()));
    boolean taken = false;
    try {
      upload.receive(form);
      BatchFile file = form.file();
      if (key == null) {
        store.ready(file, null);
        taken = true;
        return file.json();
      }
      Once once = Once.of(key, form.hash());
      while (true) {
        Once.Made made = store.made(caller.project(), key);
        if (made == null) {
          taken = store.ready(file, once);
          if (taken) {
            return file.json();
          }
          continue;
        }
        once.check(made);
        BatchFile first = store.file(caller.project(), made.objectId());
        if (first != null) {
          return first.json();
        }
        store.freeKey(caller.project(), key, made.objectId());
      }
    } finally {
      if (!taken && form.begun) {
        store.discard(form.id);
      }
    }
  }

  /** The form as it comes in: its fields may stand before or after the file. */
  private final class Form implements Upload.Taker {
    private final String id;
    private final String project;
    private final long most;
    private boolean begun;
    private long bytes;
    private String filename = "";
    private String purpose = "";
    private final MessageDigest content = Once.digest();

    Form(String id, String project, long most) {
      this.id = id;
      this.project = project;
      this.most = most;
    }

    @Override
    public void field(String name, String value) {
      if (name.equals("purpose")) {
        purpose = value;
      }
    }

    @Override
    public void file(String name, String given, InputStream content) throws IOException {
      if (!name.equals("file")) {
        return;
      }
      if (begun) {
        throw Problem.badField("file", "the form has more than one `file`");
      }
      store.begin(id, project);
      begun = true;
      filename = BatchStore.clip(given.isBlank() ? "file.jsonl" : given.substring(Math.max(given.lastIndexOf('/'), given.lastIndexOf('\\')) + 1), 255);
      bytes = store.write(id, new DigestInputStream(content, this.content), most);
      if (bytes < 0) {
        throw new Problem(413, "invalid_request_error", "the file may have at most " + most + " bytes (dromedary.batches.max-file-bytes, max-project-bytes)").code("file_too_large").param("file").shouldRetry(false);
      }
    }

    byte[] hash() {
      MessageDigest all = Once.digest();
      all.update((filename.length() + ":" + filename + purpose + ":").getBytes(UTF_8));
      return all.digest(content.digest());
    }

    BatchFile file() {
      if (!begun) {
        throw Problem.badField("file", "the form has no `file`");
      }
      if (!purpose.equals(BatchFile.INPUT)) {
        throw Problem.badField("purpose", "`purpose` must be `batch`, not `" + Problem.clip(purpose) + "`");
      }
      if (bytes == 0) {
        throw Problem.badField("file", "the file is empty");
      }
      return new BatchFile(id, project, filename, purpose, bytes, true, null, clock.millis());
    }
  }

  /** {@code GET /v1/files}. */
  public ObjectNode list(Inbound in, Caller caller) {
    int most = Paging.limit(in, PAGE, MOST_PAGE);
    String order = in.query().getOrDefault("order", "desc");
    if (!order.equals("asc") && !order.equals("desc")) {
      throw Problem.badField("order", "`order` must be asc or desc");
    }
    String after = in.query().get("after");
    List<BatchFile> files = store.files(caller.project(), in.query().get("purpose"), after == null ? null : found(after, caller), order.equals("asc"), most + 1);
    ObjectNode page = Paging.page(files.size() > most);
    ArrayNode data = (ArrayNode) page.get("data");
    files.stream().limit(most).forEach(file -> data.add(file.json()));
    return Paging.ends(page);
  }

  /** {@code GET /v1/files/{id}}. @throws Problem 404 */
  public ObjectNode show(Inbound in, Caller caller) {
    return found(in.name(), caller).json();
  }

  /** {@code GET /v1/files/{id}/content}. @throws Problem 404 */
  public Download content(Inbound in, Caller caller) {
    BatchFile file = found(Paging.id(in), caller);
    return new Download(file.bytes(), out -> store.copy(file, out));
  }

  /** {@code DELETE /v1/files/{id}}. @throws Problem 404; 409 while a batch reads it */
  public ObjectNode delete(Inbound in, Caller caller) {
    BatchFile file = found(in.name(), caller);
    if (store.inUse(file.id())) {
      throw new Problem(409, "invalid_request_error", "the file `" + file.id() + "` is read by a batch that has not ended; cancel that first").code("file_in_use").shouldRetry(false);
    }
    store.delete(file);
    return Json.object().put("id", file.id()).put("object", "file").put("deleted", true);
  }

  private BatchFile found(String id, Caller caller) {
    BatchFile file = id.length() > 64 ? null : store.file(caller.project(), id);
    if (file == null) {
      throw Problem.notFound("there is no file `" + Problem.clip(id) + "`").param("id");
    }
    return file;
  }

  /** Housekeeping. */
  public void sweep() {
    store.forget(null, clock.instant().minus(limits.retention()).toEpochMilli());
    store.forgetUnfinished(clock.instant().minus(Duration.ofDays(1)));
  }

  /** An erasure: of a project's, or all; it does not know users apart. @return how many files and batches were forgotten */
  public int erase(@Nullable String project, @Nullable Instant before) {
    return store.forget(project, before == null ? Long.MAX_VALUE : before.toEpochMilli());
  }
}
