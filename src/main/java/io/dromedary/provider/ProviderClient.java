package io.dromedary.provider;

import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Candidate;
import io.dromedary.catalog.Model;
import io.dromedary.chat.Answer;
import io.dromedary.chat.Caller;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.EmbeddingRequest;
import io.dromedary.chat.EmbeddingResponse;
import io.dromedary.chat.ModelRequest;
import io.dromedary.chat.Problem;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.chat.ProviderFailure.Kind;
import io.dromedary.chat.TokenCounter;
import io.dromedary.chat.Usage;
import io.dromedary.chat.UsageJson;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.net.ConnectException;
import java.net.NoRouteToHostException;
import java.net.UnknownHostException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.Supplier;
import java.util.zip.GZIPInputStream;
import org.apache.hc.client5.http.ConnectTimeoutException;
import org.apache.hc.client5.http.classic.methods.HttpUriRequestBase;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.ConnectionRequestTimeoutException;
import org.apache.hc.core5.http.Header;
import org.apache.hc.core5.http.HttpEntity;
import org.jspecify.annotations.Nullable;

/**
 * Asks one provider one request: the bean inside each provider Kamelet. It ends the {@link Attempt}'s account in every case, returns an {@link Answer} whose first content has been read, or throws the {@link ProviderFailure}.
 */
public final class ProviderClient {
  /** The largest whole answer we take (S6). */
  static final int MAX_ANSWER_BYTES = 32 << 20;
  /** By which a caller says how long it waits. */
  static final String TIMEOUT_HINT = "x-dromedary-timeout-ms";
  private static final int MAX_ERROR_BYTES = 64 << 10;

  private String provider = "";
  private WireFormat wireFormat;
  private @Nullable EmbeddingFormat embeddingFormat;
  private ProviderAccounts accounts;
  private ThoughtMemory thoughts = ThoughtMemory.NONE;

  /** For Kamelets, which set the properties. */
  public ProviderClient() {}

  public ProviderClient(String provider, WireFormat wireFormat, ProviderAccounts accounts) {
    this.provider = provider;
    this.wireFormat = wireFormat;
    this.accounts = accounts;
  }

  public void setProvider(String provider) {
    this.provider = provider;
    introduce();
  }

  public void setWireFormat(WireFormat wireFormat) {
    this.wireFormat = wireFormat;
    introduce();
  }

  private void introduce() {
    if (!provider.isEmpty() && wireFormat != null && accounts != null) {
      accounts.speaks(provider, wireFormat);
    }
  }

  /** For accounts that make embeddings; their key and errors go by the wire format. */
  public void setEmbeddingFormat(EmbeddingFormat embeddingFormat) {
    this.embeddingFormat = embeddingFormat;
  }

  public void setAccounts(ProviderAccounts accounts) {
    this.accounts = accounts;
    introduce();
  }

  /** What models thought in earlier turns; without it only clients that send back all they got continue a signed thought. */
  public void setThoughts(ThoughtMemory thoughts) {
    this.thoughts = thoughts;
  }

  /**
   * Makes the call and waits for the whole answer, or for the first content of a stream.
   *
   * @param caller whose thoughts are kept for the next turn; null for nobody's
   * @throws ProviderFailure what went wrong; {@code attempt} has its outcome
   * @throws Problem 400 when this provider cannot do what the request asks, or would do it only in part and the request wants all or nothing
   */
  public Answer ask(ChatRequest request, Candidate candidate, Attempt attempt, @Nullable Caller caller) {
    long started = System.nanoTime();
    Model model = candidate.model();
    ProviderAccount account = accounts.account(provider);
    ThoughtMemory memory = caller == null ? ThoughtMemory.NONE : thoughts;
    String project = caller == null ? "" : caller.project();
    WireFormat.Outgoing outgoing = written(attempt, () -> strictly(request, model, wireFormat.write(memory.giveBack(project, provider, request), model)));
    attempt.dropped(outgoing.dropped());
    String accepts = request.stream() ? wireFormat.framing().mediaType() : "application/json";
    long patience = patience(request, attempt, request.stream() ? account.firstTokenTimeout() : account.answerTimeout());
    Exchange exchange = new Exchange(request, attempt, outgoing, accepts, started, started + patience, request.stream() ? "its first token" : "an answer",
        sent -> sent ? Usage.counted(TokenCounter.input(request), 0) : Usage.NONE);
    return exchange.run(response -> {
      if (!request.stream()) {
        ChatResponse answer = whole(request, model, response);
        memory.keep(project, provider, request, answer.json());
        attempt.ended(Attempt.Status.ANSWERED, answer.usage(), "", response.getCode(), since(started), since(started));
        return answer;
      }
      if (!exchange.http.enterStream()) {
        throw ProviderFailure.of(Kind.NOT_CALLED, provider, "provider `" + provider + "` has " + account.maxStreams() + " streams open already, its limit here");
      }
      ProviderStream stream = new ProviderStream(request, attempt, account, accounts, exchange.call, response, stream(response), wireFormat.framing(), wireFormat.decoder(request, model),
          memory, project, started);
      exchange.handedOver = true;
      stream.open();
      return stream;
    });
  }

  /**
   * Has texts embedded, in as many calls as the provider's limits want, one after the other, under one attempt.
   *
   * @throws ProviderFailure what went wrong; {@code attempt} has its outcome, with what the calls before it used
   * @throws io.dromedary.chat.Problem 400 when this provider cannot do what the request asks
   */
  public Answer embed(EmbeddingRequest request, Candidate candidate, Attempt attempt) {
    long started = System.nanoTime();
    Model model = candidate.model();
    EmbeddingFormat format = Objects.requireNonNull(embeddingFormat, "embeddingFormat");
    ProviderAccount account = accounts.account(provider);
    List<EmbeddingFormat.Part> parts = written(attempt, () -> format.write(request, model));
    attempt.dropped(parts.get(0).outgoing().dropped());
    long deadline = started + patience(request, attempt, account.answerTimeout());
    List<float[]> vectors = new ArrayList<>(request.inputs().size());
    Usage used = Usage.NONE;
    for (EmbeddingFormat.Part part : parts) {
      Usage before = used;
      Exchange exchange = new Exchange(request, attempt, part.outgoing(), "application/json", started, deadline, "the embeddings",
          sent -> sent ? before.plus(Usage.counted(TokenCounter.input(request, part.from(), part.to()), 0)) : before);
      EmbeddingFormat.Vectors made = exchange.run(response -> {
        EmbeddingFormat.Vectors read = format.read(request, part, body(response, MAX_ANSWER_BYTES, false));
        return read.inputTokens() > 0 ? read : new EmbeddingFormat.Vectors(read.vectors(), format.inputTokens(headers(response)));
      });
      vectors.addAll(made.vectors());
      used = used.plus(made.inputTokens() > 0 ? Usage.ofPrompt(made.inputTokens(), 0, 0, 0, 0) : Usage.counted(TokenCounter.input(request, part.from(), part.to()), 0));
    }
    EmbeddingResponse answer = EmbeddingResponse.of(model.id(), vectors, request.base64(), used);
    attempt.ended(Attempt.Status.ANSWERED, used, "", 200, since(started), since(started));
    return answer;
  }

  /** T5: a request that wants all its parameters taken is refused rather than trimmed; whoever asked in another way gets the rest. */
  private static WireFormat.Outgoing strictly(ChatRequest request, Model model, WireFormat.Outgoing outgoing) {
    if (!outgoing.dropped().isEmpty() && request.providerPreferences().path("require_parameters").asBoolean(false)) {
      throw notTaken(outgoing.dropped().get(0), model);
    }
    return outgoing;
  }

  private static Problem notTaken(String parameter, Model model) {
    return Problem.badField(parameter, "`" + parameter + "` is not taken by " + model.id() + ", and `provider.require_parameters` is true; leave it out, name another model, or let parameters be dropped")
        .code("unsupported_parameter");
  }

  private static <T> T written(Attempt attempt, Supplier<T> writing) {
    try {
      return writing.get();
    } catch (RuntimeException refusedHere) {
      attempt.ended(Attempt.Status.FAILED, Usage.NONE, "not_called", 0, null, Duration.ZERO);
      throw refusedHere;
    }
  }

  /** Reads a 2xx answer. */
  private interface Reading<T> {
    T read(ClassicHttpResponse response) throws IOException;
  }

  /** What a call that failed used, if it {@code sent} its request to a provider that may charge for it. */
  private interface Charge {
    Usage of(boolean sent);
  }

  /** One HTTP exchange under an attempt: a place among the account's calls, the watch over it, the status. However it fails, the attempt's account is ended and a {@link ProviderFailure} thrown. */
  private final class Exchange {
    final ProviderHttp http = accounts.http(provider);
    final ProviderCall call;
    private final WireFormat.Outgoing outgoing;
    private final HttpUriRequestBase post;
    private final Attempt attempt;
    private final long started;
    private final long deadline;
    /** The time is its caller's, and less than half of what the account is given: that it was short says nothing of the provider, which others ask too. */
    private final boolean cutShort;
    private final Charge charge;
    /** The HTTP status, 0 before it came. */
    private int status;
    /** The answer lives on in a stream, which has taken over the connection. */
    boolean handedOver;

    Exchange(ModelRequest request, Attempt attempt, WireFormat.Outgoing outgoing, String accepts, long started, long deadline, String waitingFor, Charge charge) {
      this.outgoing = outgoing;
      this.attempt = attempt;
      this.started = started;
      this.deadline = deadline;
      ProviderAccount account = accounts.account(provider);
      Duration usual = request.stream() ? account.firstTokenTimeout() : account.answerTimeout();
      this.cutShort = request.hint(TIMEOUT_HINT) != null && (deadline - started) * 2 < usual.toNanos();
      this.charge = charge;
      post = http.post(outgoing.path(), outgoing.body());
      post.setHeader("Accept", accepts);
      call = new ProviderCall(post, provider, request.callerGone(), deadline, waitingFor);
    }

    <T> T run(Reading<T> reading) {
      boolean entered = false;
      try {
        for (Map.Entry<String, String> header : wireFormat.headers(accounts.account(provider).apiKey(), "POST", http.uri(outgoing.path()), outgoing.body()).entrySet()) {
          post.setHeader(header.getKey(), header.getValue());
        }
        http.enter(deadline - System.nanoTime());
        entered = true;
        accounts.watch().add(call);
        call.sending();
        ClassicHttpResponse response = http.open(post);
        try {
          status = response.getCode();
          http.pace().heard(name -> value(response, name));
          if (status / 100 != 2) {
            throw wireFormat.failure(provider, new WireFormat.Incoming(status, headers(response), body(response, MAX_ERROR_BYTES, true)));
          }
          T answer = reading.read(response);
          http.pace().took(handedOver ? 1 : 0, System.nanoTime() - started);
          return answer;
        } finally {
          if (!handedOver) {
            response.close();
          }
        }
      } catch (ProviderFailure failure) {
        throw ended(failure);
      } catch (IOException e) {
        throw ended(failure(e, call));
      } catch (RuntimeException e) {
        // A wire format that chokes on what a provider said: the provider's junk, not the caller's problem.
        throw ended(ProviderFailure.of(Kind.JUNK, provider, "the answer could not be read", e));
      } finally {
        if (!handedOver) {
          accounts.watch().remove(call);
        }
        if (entered) {
          http.leave();
        }
      }
    }

    private ProviderFailure ended(ProviderFailure failure) {
      ProviderFailure aborted = call.aborted();
      ProviderFailure told = aborted == null ? failure : named(aborted);
      // a judge's time is its judge's own, often a second: that it was short says nothing of the provider
      boolean aside = attempt.purpose() == Attempt.Purpose.SHADOW || told.kind() == Kind.TIMEOUT && (cutShort || attempt.purpose() == Attempt.Purpose.JUDGE);
      if (!aside) {
        accounts.failed(provider, told);
        if (told.kind() == Kind.BUSY || told.kind() == Kind.TIMEOUT) {
          http.pace().overloaded();
        }
      }
      // M6: a provider that took the request in and then failed charges its input; an error status or a refused connection charges nothing. An error told inside a 200 has a status of its own, which does not count here.
      Usage usage = charge.of(call.wasSent() && status < 400);
      attempt.ended(told.kind() == Kind.CANCELLED ? Attempt.Status.CANCELLED : Attempt.Status.FAILED, usage, told.kind().name().toLowerCase(Locale.ROOT), told.providerStatus(), null, since(started));
      return aside ? told.aside() : told;
    }
  }

  private ProviderFailure named(ProviderFailure aborted) {
    return aborted.provider().isEmpty() ? ProviderFailure.of(aborted.kind(), provider, String.valueOf(aborted.getMessage())) : aborted;
  }

  private ProviderFailure failure(IOException e, ProviderCall call) {
    if (e instanceof ConnectionRequestTimeoutException) {
      return ProviderFailure.of(Kind.NOT_CALLED, provider, "no connection to provider `" + provider + "` came free in time");
    }
    if (e instanceof ConnectException || e instanceof ConnectTimeoutException || e instanceof UnknownHostException || e instanceof NoRouteToHostException) {
      call.notSent();
      return ProviderFailure.of(Kind.UNREACHABLE, provider, "provider `" + provider + "` cannot be reached (" + e.getClass().getSimpleName() + ")");
    }
    if (e instanceof InterruptedIOException) {
      return ProviderFailure.of(Kind.TIMEOUT, provider, "provider `" + provider + "` did not answer in time");
    }
    return ProviderFailure.of(Kind.JUNK, provider, "provider `" + provider + "` broke off or sent no answer that can be read (" + e.getClass().getSimpleName() + ")", e);
  }

  private ChatResponse whole(ChatRequest request, Model model, ClassicHttpResponse response) throws IOException {
    byte[] body = body(response, MAX_ANSWER_BYTES, false);
    ChatResponse answer = wireFormat.read(request, model, body);
    if (answer.usage().total() == 0) {
      Usage counted = Usage.counted(TokenCounter.input(request), TokenCounter.count(answer.text()));
      answer.json().set("usage", UsageJson.write(counted));
      return new ChatResponse(answer.json(), counted);
    }
    return answer;
  }

  private byte[] body(ClassicHttpResponse response, int most, boolean cutIfLonger) throws IOException {
    HttpEntity entity = response.getEntity();
    if (entity == null) {
      return new byte[0];
    }
    long announced = entity.getContentLength();
    try (InputStream in = stream(response)) {
      if (announced >= 0 && announced <= most && entity.getContentEncoding() == null) {
        byte[] exact = in.readNBytes((int) announced);
        in.read();
        return exact;
      }
      ByteArrayOutputStream out = new ByteArrayOutputStream(4096);
      byte[] buffer = new byte[8192];
      int n;
      while ((n = in.read(buffer)) >= 0) {
        out.write(buffer, 0, Math.min(n, most - out.size()));
        if (out.size() >= most) {
          if (cutIfLonger) {
            break;
          }
          throw ProviderFailure.of(Kind.JUNK, provider, "the answer is larger than " + most + " bytes");
        }
      }
      return out.toByteArray();
    }
  }

  private static InputStream stream(ClassicHttpResponse response) throws IOException {
    HttpEntity entity = response.getEntity();
    if (entity == null) {
      return InputStream.nullInputStream();
    }
    return "gzip".equalsIgnoreCase(entity.getContentEncoding()) ? new GZIPInputStream(entity.getContent()) : entity.getContent();
  }

  private static @Nullable String value(ClassicHttpResponse response, String name) {
    Header header = response.getFirstHeader(name);
    return header == null ? null : header.getValue();
  }

  private static Map<String, String> headers(ClassicHttpResponse response) {
    Map<String, String> headers = new HashMap<>();
    for (Header header : response.getHeaders()) {
      headers.put(header.getName().toLowerCase(Locale.ROOT), header.getValue());
    }
    return headers;
  }

  private static long patience(ModelRequest request, Attempt attempt, Duration own) {
    long nanos = Math.min(own.toNanos(), request.remaining(Instant.now()).toNanos());
    Duration shared = attempt.patience();
    return shared == null ? nanos : Math.min(nanos, shared.toNanos());
  }

  static Duration since(long startedNanos) {
    return Duration.ofNanos(System.nanoTime() - startedNanos);
  }
}
