package io.dromedary.provider;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.catalog.Arrival;
import io.dromedary.catalog.Arrivals;
import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Candidate;
import io.dromedary.catalog.Cargo;
import io.dromedary.catalog.Lot;
import io.dromedary.catalog.LotNews;
import io.dromedary.catalog.LotNews.Word;
import io.dromedary.catalog.Model;
import io.dromedary.chat.Answer;
import io.dromedary.chat.Caller;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.EmbeddingRequest;
import io.dromedary.chat.EmbeddingResponse;
import io.dromedary.chat.Json;
import io.dromedary.chat.ModelRequest;
import io.dromedary.chat.Problem;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.chat.ProviderFailure.Kind;
import io.dromedary.chat.TokenCounter;
import io.dromedary.chat.Usage;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.apache.hc.client5.http.classic.methods.HttpUriRequestBase;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.ContentType;
import org.apache.hc.core5.http.io.entity.ByteArrayEntity;
import org.apache.hc.core5.http.io.entity.FileEntity;
import org.jspecify.annotations.Nullable;

/**
 * Speaks to one provider's batch API: the bean inside each batch Kamelet. What it is told of a batch is {@link LotNews}, failures too: what they mean for the lines that wait is for others to decide.
 *
 * <p>Requests and results go through files of this node's temporary directory, never through memory as a whole.
 */
public final class LotClient {
  /** For files of requests and results. */
  private static final Duration TRANSFER = Duration.ofMinutes(15);
  /** How much older than the lot a batch in the list may be, for clocks that differ. */
  private static final Duration CLOCKS = Duration.ofMinutes(10);
  private static final int MOST_PAGES = 20;
  private static final int LONGEST_LINE = ProviderClient.MAX_ANSWER_BYTES;
  private static final String BOUNDARY = "dromedary-5a0c8f1e7b";

  private String provider = "";
  private WireFormat wireFormat;
  private @Nullable EmbeddingFormat embeddingFormat;
  private LotFormat lotFormat;
  private ProviderAccounts accounts;
  private ThoughtMemory thoughts = ThoughtMemory.NONE;

  public void setProvider(String provider) {
    this.provider = provider;
  }

  public void setWireFormat(WireFormat wireFormat) {
    this.wireFormat = wireFormat;
  }

  /** Where embeddings may be batched. */
  public void setEmbeddingFormat(EmbeddingFormat embeddingFormat) {
    this.embeddingFormat = embeddingFormat;
  }

  public void setLotFormat(LotFormat lotFormat) {
    this.lotFormat = lotFormat;
  }

  public void setAccounts(ProviderAccounts accounts) {
    this.accounts = accounts;
  }

  public void setThoughts(ThoughtMemory thoughts) {
    this.thoughts = thoughts;
  }

  // ---- requests and answers

  /**
   * A request in the provider's words.
   *
   * @throws Problem 400 when the provider cannot do what it asks, or not in one call of a batch
   */
  public byte[] write(ModelRequest request, Candidate candidate, Caller caller) {
    Model model = candidate.model();
    if (request instanceof ChatRequest chat) {
      return ProviderClient.strictly(chat, model, wireFormat.write(thoughts.giveBack(caller.project(), provider, chat), model)).body();
    }
    EmbeddingFormat format = embeddingFormat;
    List<EmbeddingFormat.Part> parts = format == null ? List.of() : format.write((EmbeddingRequest) request, model);
    if (parts.size() != 1) {
      throw Problem.badField("input", "`input` does not go into one request of a batch of `" + provider + "`");
    }
    return parts.get(0).outgoing().body();
  }

  /** What came of a request, as {@link ProviderClient} would tell it; {@code attempt} has its outcome. @throws ProviderFailure for one that brought no answer */
  public Answer read(ModelRequest request, Candidate candidate, Attempt attempt, Caller caller, Arrival arrival) {
    if (!arrival.answered()) {
      ProviderFailure failure = wireFormat.failure(provider, new WireFormat.Incoming(arrival.status(), Map.of(), arrival.body()));
      attempt.ended(Attempt.Status.FAILED, Usage.NONE, failure.kind().name().toLowerCase(Locale.ROOT), arrival.status(), null, Duration.ZERO);
      throw failure;
    }
    try {
      Answer answer;
      Usage usage;
      if (request instanceof ChatRequest chat) {
        ChatResponse whole = ProviderClient.counted(chat, wireFormat.read(chat, candidate.model(), arrival.body()));
        thoughts.keep(caller.project(), provider, chat, whole.json());
        usage = whole.usage();
        answer = whole;
      } else {
        EmbeddingRequest texts = (EmbeddingRequest) request;
        EmbeddingFormat.Part part = embeddingFormat.write(texts, candidate.model()).get(0);
        EmbeddingFormat.Vectors vectors = embeddingFormat.read(texts, part, arrival.body());
        usage = vectors.inputTokens() > 0 ? Usage.ofPrompt(vectors.inputTokens(), 0, 0, 0, 0) : Usage.counted(TokenCounter.input(texts, part.from(), part.to()), 0);
        answer = EmbeddingResponse.of(candidate.model().id(), vectors.vectors(), texts.base64(), usage);
      }
      attempt.ended(Attempt.Status.ANSWERED, usage, "", arrival.status(), null, Duration.ZERO);
      return answer;
    } catch (IOException | RuntimeException junk) {
      ProviderFailure failure = junk instanceof ProviderFailure told ? told : ProviderFailure.of(Kind.JUNK, provider, "the answer could not be read", junk);
      // it has been given, so it is charged
      Usage usage = request instanceof ChatRequest chat ? Usage.counted(TokenCounter.input(chat), 0) : Usage.counted(TokenCounter.input((EmbeddingRequest) request, 0, ((EmbeddingRequest) request).inputs().size()), 0);
      attempt.ended(Attempt.Status.FAILED, usage, failure.kind().name().toLowerCase(Locale.ROOT), arrival.status(), null, Duration.ZERO);
      throw failure;
    }
  }

  // ---- batches

  /** Sends a lot. {@link Word#IN_DOUBT} only once the call that begins the batch was under way. */
  public LotNews send(Lot lot, Cargo cargo) {
    Path file = null;
    boolean begins = false;
    try {
      file = Files.createTempFile("dromedary-lot", ".jsonl");
      String files = lotFormat.filesPath();
      try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(file), 64 << 10)) {
        if (files != null) {
          out.write(("--" + BOUNDARY + "\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--" + BOUNDARY + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + lot.id()
              + ".jsonl\"\r\nContent-Type: application/jsonl\r\n\r\n").getBytes(UTF_8));
        }
        lotFormat.write(lot, cargo, out);
        if (files != null) {
          out.write(("\r\n--" + BOUNDARY + "--\r\n").getBytes(UTF_8));
        }
      }
      HttpUriRequestBase begin = new HttpUriRequestBase("POST", http().uri(lotFormat.batchesPath()));
      if (files != null) {
        HttpUriRequestBase upload = new HttpUriRequestBase("POST", http().uri(files));
        upload.setEntity(new FileEntity(file.toFile(), ContentType.parse("multipart/form-data; boundary=" + BOUNDARY)));
        String fileId = json(upload, TRANSFER, "the file's id").path("id").asText();
        begin.setEntity(new ByteArrayEntity(lotFormat.begin(lot, fileId), ContentType.APPLICATION_JSON));
      } else {
        begin.setEntity(new FileEntity(file.toFile(), ContentType.APPLICATION_JSON));
      }
      // where it means something, a second one changes nothing
      begin.setHeader("Idempotency-Key", lot.id());
      begins = true;
      LotNews news = lotFormat.news(json(begin, files == null ? TRANSFER : patience(), "word of the batch"));
      return news.theirId().isEmpty() ? LotNews.of(Word.IN_DOUBT, "it said no id") : news;
    } catch (ProviderFailure failure) {
      return LotNews.of(switch (failure.kind()) {
        case REFUSED, CREDENTIALS -> Word.REFUSED;
        case BUSY, UNREACHABLE, NOT_CALLED, LIMITED -> Word.LATER;
        default -> begins ? Word.IN_DOUBT : Word.LATER;
      }, String.valueOf(failure.getMessage()));
    } catch (IOException disk) {
      return LotNews.of(Word.LATER, "its requests cannot be written to a file: " + disk.getMessage());
    } finally {
      delete(file);
    }
  }

  /**
   * Looks for a lot that may have been taken.
   *
   * @param known ids of batches that are others
   */
  public LotNews find(Lot lot, Set<String> known) {
    try {
      Instant from = Instant.ofEpochMilli(lot.createdAtMs()).minus(CLOCKS);
      boolean unsure = false;
      String after = null;
      for (int page = 0; page < MOST_PAGES; page++) {
        JsonNode list = json(get(lotFormat.batchesPath() + lotFormat.page(after)), patience(), "the list of batches");
        for (JsonNode batch : list.path("data")) {
          String id = batch.path("id").asText();
          if (lotFormat.createdAt(batch).isBefore(from)) {
            return LotNews.of(unsure ? Word.IN_DOUBT : Word.ABSENT, "");
          }
          after = id;
          Boolean is = known.contains(id) ? Boolean.FALSE : lotFormat.is(lot, batch);
          if (is == null && lotFormat.news(batch).ended()) {
            is = holds(lot, batch);
          }
          if (Boolean.TRUE.equals(is)) {
            return lotFormat.news(batch);
          }
          unsure |= is == null;
        }
        if (after == null || !list.path("has_more").asBoolean()) {
          break;
        }
      }
      return LotNews.of(unsure ? Word.IN_DOUBT : Word.ABSENT, "");
    } catch (ProviderFailure | IOException e) {
      return LotNews.of(Word.LATER, String.valueOf(e.getMessage()));
    }
  }

  /** Are the results of this batch those of the lot? */
  private boolean holds(Lot lot, JsonNode batch) throws IOException {
    try (Arrivals arrivals = results(batch)) {
      Arrival first = arrivals.next();
      return first != null && lot.line(first.customId()) > 0;
    }
  }

  /** How a lot stands. */
  public LotNews look(Lot lot) {
    try {
      return lotFormat.news(json(get(lotFormat.batchPath(theirs(lot))), patience(), "word of the batch"));
    } catch (ProviderFailure failure) {
      return LotNews.of(failure.providerStatus() == 404 ? Word.ABSENT : Word.LATER, String.valueOf(failure.getMessage()));
    }
  }

  /** Cancels a lot; one that has ended already stays as it is. */
  public LotNews cancel(Lot lot) {
    try {
      json(new HttpUriRequestBase("POST", http().uri(lotFormat.cancelPath(theirs(lot)))), patience(), "word of the batch");
      return LotNews.of(Word.GOES_ON, "");
    } catch (ProviderFailure failure) {
      return LotNews.of(failure.kind() == Kind.REFUSED || failure.providerStatus() == 409 ? Word.GOES_ON : Word.LATER, String.valueOf(failure.getMessage()));
    }
  }

  /** The results of a lot that has ended. @throws ProviderFailure if they cannot be had now */
  public Arrivals fetch(Lot lot) {
    try {
      return results(json(get(lotFormat.batchPath(theirs(lot))), patience(), "word of the batch"));
    } catch (IOException e) {
      throw ProviderFailure.of(Kind.JUNK, provider, "the results cannot be kept in a file", e);
    }
  }

  private Arrivals results(JsonNode batch) throws IOException {
    Path file = Files.createTempFile("dromedary-results", ".jsonl");
    boolean cut = false;
    boolean opened = false;
    try {
      try (OutputStream out = Files.newOutputStream(file)) {
        for (String path : lotFormat.resultPaths(batch)) {
          try {
            transfer(path, out);
          } catch (ProviderFailure | IOException broken) {
            if (Files.size(file) == 0) {
              throw broken;
            }
            cut = true;
          }
          out.write('\n');
        }
      }
      Arrivals results = new Results(file, lotFormat, cut);
      opened = true;
      return results;
    } finally {
      if (!opened) {
        delete(file);
      }
    }
  }

  private void transfer(String path, OutputStream out) throws IOException {
    call(get(path), TRANSFER, "the results", response -> {
      try (InputStream in = ProviderClient.stream(response)) {
        in.transferTo(out);
      }
      return null;
    });
  }

  private static String theirs(Lot lot) {
    return lot.theirId() == null ? "" : lot.theirId();
  }

  /** Results in a file, which is deleted when they are closed. */
  private static final class Results implements Arrivals {
    private final Path file;
    private final LotFormat format;
    private final boolean cut;
    private final InputStream in;

    Results(Path file, LotFormat format, boolean cut) throws IOException {
      this.file = file;
      this.format = format;
      this.cut = cut;
      this.in = new BufferedInputStream(Files.newInputStream(file), 64 << 10);
    }

    @Override
    public @Nullable Arrival next() throws IOException {
      ByteArrayOutputStream line = new ByteArrayOutputStream(1_024);
      while (true) {
        int b = in.read();
        if (b < 0 || b == '\n') {
          Arrival arrival = line.size() == 0 || line.size() > LONGEST_LINE ? null : arrival(line.toByteArray());
          if (arrival != null) {
            return arrival;
          }
          if (b < 0) {
            if (cut) {
              throw new IOException("the results were cut");
            }
            return null;
          }
          line.reset();
        } else if (line.size() <= LONGEST_LINE) {
          line.write(b);
        }
      }
    }

    private @Nullable Arrival arrival(byte[] line) {
      try {
        JsonNode json = Json.read(line);
        return json == null ? null : format.arrival(json);
      } catch (IOException cutOff) {
        return null;
      }
    }

    @Override
    public void close() throws IOException {
      in.close();
      Files.deleteIfExists(file);
    }
  }

  private static void delete(@Nullable Path file) {
    try {
      if (file != null) {
        Files.deleteIfExists(file);
      }
    } catch (IOException left) {
      file.toFile().deleteOnExit();
    }
  }

  // ---- calls

  private ProviderHttp http() {
    return accounts.http(provider);
  }

  private Duration patience() {
    return accounts.account(provider).answerTimeout();
  }

  private HttpUriRequestBase get(String path) {
    return http().get(path);
  }

  private interface Reading<T> {
    T read(ClassicHttpResponse response) throws IOException;
  }

  private JsonNode json(HttpUriRequestBase request, Duration patience, String waitingFor) {
    return call(request, patience, waitingFor, response -> {
      JsonNode json = Json.read(ProviderClient.body(provider, response, ProviderClient.MAX_ANSWER_BYTES, false));
      if (json == null || !json.isObject()) {
        throw new IOException("no JSON object");
      }
      return json;
    });
  }

  /** @throws ProviderFailure whatever went wrong */
  private <T> T call(HttpUriRequestBase request, Duration patience, String waitingFor, Reading<T> reading) {
    ProviderCall call = new ProviderCall(request, provider, () -> false, System.nanoTime() + patience.toNanos(), waitingFor);
    try {
      wireFormat.authentication(accounts.account(provider).apiKey()).forEach(request::setHeader);
      accounts.watch().add(call);
      call.sending();
      try (ClassicHttpResponse response = http().open(request)) {
        if (response.getCode() / 100 != 2) {
          throw wireFormat.failure(provider, new WireFormat.Incoming(response.getCode(), ProviderClient.headers(response), ProviderClient.body(provider, response, 64 << 10, true)));
        }
        return reading.read(response);
      }
    } catch (IOException e) {
      ProviderFailure aborted = call.aborted();
      throw aborted != null ? aborted : ProviderClient.failure(provider, e, call);
    } finally {
      accounts.watch().remove(call);
    }
  }
}
