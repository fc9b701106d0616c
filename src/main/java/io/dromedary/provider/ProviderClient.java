package io.dromedary.provider;

import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Candidate;
import io.dromedary.catalog.Model;
import io.dromedary.chat.Answer;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.chat.ProviderFailure.Kind;
import io.dromedary.chat.TokenCounter;
import io.dromedary.chat.Usage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.net.ConnectException;
import java.net.NoRouteToHostException;
import java.net.UnknownHostException;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.zip.GZIPInputStream;
import org.apache.hc.client5.http.ConnectTimeoutException;
import org.apache.hc.client5.http.classic.methods.HttpUriRequestBase;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.ConnectionRequestTimeoutException;
import org.apache.hc.core5.http.Header;
import org.apache.hc.core5.http.HttpEntity;

/**
 * Asks one provider one request: the bean inside each provider Kamelet. It ends the {@link Attempt}'s account in every case, returns an {@link Answer} whose first content has been read, or throws the {@link ProviderFailure}.
 */
public final class ProviderClient {
  /** The largest whole answer we take (S6). */
  static final int MAX_ANSWER_BYTES = 32 << 20;
  private static final int MAX_ERROR_BYTES = 64 << 10;

  private String provider = "";
  private WireFormat wireFormat;
  private ProviderAccounts accounts;

  /** For Kamelets, which set the three properties. */
  public ProviderClient() {}

  public ProviderClient(String provider, WireFormat wireFormat, ProviderAccounts accounts) {
    this.provider = provider;
    this.wireFormat = wireFormat;
    this.accounts = accounts;
  }

  public void setProvider(String provider) {
    this.provider = provider;
  }

  public void setWireFormat(WireFormat wireFormat) {
    this.wireFormat = wireFormat;
  }

  public void setAccounts(ProviderAccounts accounts) {
    this.accounts = accounts;
  }

  /**
   * Makes the call and waits for the whole answer, or for the first content of a stream.
   *
   * @throws ProviderFailure what went wrong; {@code attempt} has its outcome
   * @throws io.dromedary.chat.Problem 400 when this provider cannot do what the request asks
   */
  public Answer ask(ChatRequest request, Candidate candidate, Attempt attempt) {
    long started = System.nanoTime();
    Model model = candidate.model();
    ProviderAccount account = accounts.account(provider);
    ProviderHttp http = accounts.http(provider);
    WireFormat.Outgoing outgoing;
    try {
      outgoing = wireFormat.write(request, model);
    } catch (RuntimeException refusedHere) {
      attempt.ended(Attempt.Status.FAILED, Usage.NONE, "not_called", 0, null, Duration.ZERO);
      throw refusedHere;
    }
    attempt.dropped(outgoing.dropped());

    HttpUriRequestBase post = http.post(outgoing.path(), outgoing.body());
    try {
      for (Map.Entry<String, String> header : wireFormat.headers(account.apiKey(), "POST", http.uri(outgoing.path()), outgoing.body()).entrySet()) {
        post.setHeader(header.getKey(), header.getValue());
      }
    } catch (ProviderFailure noCredentials) {
      accounts.failed(provider, noCredentials);
      attempt.ended(Attempt.Status.FAILED, Usage.NONE, noCredentials.kind().name().toLowerCase(Locale.ROOT), 0, null, since(started));
      throw noCredentials;
    }
    post.setHeader("Accept", request.stream() ? wireFormat.framing().mediaType() : "application/json");

    long patience = patience(request, attempt, request.stream() ? account.firstTokenTimeout() : account.answerTimeout());
    ProviderCall call = new ProviderCall(post, provider, request.callerGone(), started + patience, request.stream() ? "its first token" : "an answer");
    int status = 0;
    boolean entered = false;
    boolean handedOver = false;
    try {
      http.enter(patience);
      entered = true;
      accounts.watch().add(call);
      call.sending();
      ClassicHttpResponse response = http.open(post);
      try {
        status = response.getCode();
        if (status / 100 != 2) {
          throw wireFormat.failure(provider, new WireFormat.Incoming(status, headers(response), body(response, MAX_ERROR_BYTES, true)));
        }
        if (!request.stream()) {
          ChatResponse answer = whole(request, model, response);
          attempt.ended(Attempt.Status.ANSWERED, answer.usage(), "", status, since(started), since(started));
          return answer;
        }
        if (!http.enterStream()) {
          throw ProviderFailure.of(Kind.NOT_CALLED, provider, "provider `" + provider + "` has " + account.maxStreams() + " streams open already, its limit here");
        }
        ProviderStream stream = new ProviderStream(request, attempt, account, accounts, call, response, stream(response), wireFormat.framing(), wireFormat.decoder(request, model), started);
        handedOver = true;
        stream.open();
        return stream;
      } finally {
        if (!handedOver) {
          response.close();
        }
      }
    } catch (ProviderFailure failure) {
      throw ended(failure, request, attempt, call, started, status);
    } catch (IOException e) {
      throw ended(failure(e, call), request, attempt, call, started, status);
    } catch (RuntimeException e) {
      // A wire format that chokes on what a provider said: the provider's junk, not the caller's problem.
      throw ended(ProviderFailure.of(Kind.JUNK, provider, "the answer could not be read", e), request, attempt, call, started, status);
    } finally {
      if (!handedOver) {
        accounts.watch().remove(call);
      }
      if (entered) {
        http.leave();
      }
    }
  }

  private ProviderFailure ended(ProviderFailure failure, ChatRequest request, Attempt attempt, ProviderCall call, long started, int status) {
    ProviderFailure aborted = call.aborted();
    ProviderFailure told = aborted == null ? failure : named(aborted);
    accounts.failed(provider, told);
    // M6: a provider that took the request in and then failed charges its input; an error status or a refused connection charges nothing. An error told inside a 200 has a status of its own, which does not count here.
    boolean charged = call.wasSent() && status < 400;
    Usage usage = charged ? Usage.counted(TokenCounter.input(request), 0) : Usage.NONE;
    attempt.ended(told.kind() == Kind.CANCELLED ? Attempt.Status.CANCELLED : Attempt.Status.FAILED, usage, told.kind().name().toLowerCase(Locale.ROOT), told.providerStatus(), null, since(started));
    return told;
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
      return new ChatResponse(answer.json(), Usage.counted(TokenCounter.input(request), TokenCounter.count(answer.text())));
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

  private static Map<String, String> headers(ClassicHttpResponse response) {
    Map<String, String> headers = new HashMap<>();
    for (Header header : response.getHeaders()) {
      headers.put(header.getName().toLowerCase(Locale.ROOT), header.getValue());
    }
    return headers;
  }

  private static long patience(ChatRequest request, Attempt attempt, Duration own) {
    long nanos = Math.min(own.toNanos(), request.remaining(Instant.now()).toNanos());
    Duration shared = attempt.patience();
    return shared == null ? nanos : Math.min(nanos, shared.toNanos());
  }

  static Duration since(long startedNanos) {
    return Duration.ofNanos(System.nanoTime() - startedNanos);
  }
}
