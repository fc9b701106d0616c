package io.dromedary.provider;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Attempt;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ChatStream;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.chat.ProviderFailure.Kind;
import io.dromedary.chat.TokenCounter;
import io.dromedary.chat.Usage;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.jspecify.annotations.Nullable;

/** A provider's stream, pulled frame by frame. It owns the connection and keeps the attempt's account: usage as reported, or counted from what was said so far when it breaks off (M6). */
final class ProviderStream implements ChatStream {
  /** How long the last bytes after the last event may take; then the connection is closed instead of reused. */
  private static final long TAIL_NANOS = 100_000_000;

  private final ChatRequest request;
  private final Attempt attempt;
  private final ProviderAccount account;
  private final ProviderAccounts accounts;
  private final ProviderCall call;
  private final ClassicHttpResponse response;
  private final InputStream in;
  private final FrameReader frames;
  private final StreamDecoder decoder;
  private final long started;
  private final long totalDeadline;
  private final ArrayDeque<ObjectNode> ready = new ArrayDeque<>(4);
  private final Spoken spoken = new Spoken();
  private final ThoughtMemory memory;
  private final String project;
  /** Of the one choice; streams of several are not followed. */
  private ThoughtMemory.@Nullable Heard heard;
  private final AtomicBoolean closed = new AtomicBoolean();
  private @Nullable Duration firstToken;
  private boolean failed;
  private boolean endedWhole;

  ProviderStream(ChatRequest request, Attempt attempt, ProviderAccount account, ProviderAccounts accounts, ProviderCall call, ClassicHttpResponse response, InputStream in, WireFormat.Framing framing,
      StreamDecoder decoder, ThoughtMemory memory, String project, long started) {
    this.request = request;
    this.attempt = attempt;
    this.account = account;
    this.accounts = accounts;
    this.call = call;
    this.response = response;
    this.in = in;
    this.frames = new FrameReader(in, framing, account.id());
    this.decoder = decoder;
    this.memory = memory;
    this.project = project;
    this.started = started;
    // A caller who named a time meant all of it; otherwise an open stream may run on for ten minutes.
    Duration total = request.hint(ProviderClient.TIMEOUT_HINT) == null ? Duration.ofMinutes(10) : request.remaining(Instant.now());
    this.totalDeadline = started + total.toNanos();
  }

  /** Reads up to the first content, so that what fails before it can still be answered by another provider. Closes itself when that fails. */
  void open() {
    ArrayDeque<ObjectNode> held = new ArrayDeque<>(4);
    try {
      boolean content = false;
      while (!content && !decoder.complete()) {
        ObjectNode chunk = pull();
        if (chunk == null) {
          break;
        }
        held.add(chunk);
        content = hasContent(chunk);
      }
    } catch (ProviderFailure failure) {
      close();
      throw failure;
    }
    firstToken = ProviderClient.since(started);
    held.addAll(ready);
    ready.clear();
    ready.addAll(held);
    idleFromNow(false);
  }

  @Override
  public @Nullable ObjectNode next() {
    if (ready.isEmpty()) {
      idleFromNow(true);
      try {
        return pull();
      } finally {
        idleFromNow(false);
      }
    }
    ProviderFailure aborted = call.aborted();
    if (aborted != null) {
      throw broke(aborted);
    }
    return ready.poll();
  }

  private void idleFromNow(boolean waiting) {
    long idle = System.nanoTime() + account.idleTimeout().toNanos();
    call.waitFor("the next chunk", waiting ? (idle - totalDeadline < 0 ? idle : totalDeadline) : totalDeadline);
  }

  private @Nullable ObjectNode pull() {
    try {
      while (ready.isEmpty()) {
        if (endedWhole || decoder.complete()) {
          finish();
          return null;
        }
        Frame frame = frames.next();
        if (frame == null) {
          if (decoder.wholeAtEnd()) {
            endedWhole = true;
            finish();
            return null;
          }
          throw ProviderFailure.of(Kind.JUNK, account.id(), "provider `" + account.id() + "` ended its stream without its last event");
        }
        for (ObjectNode chunk : decoder.accept(frame.event(), frame.data())) {
          remember(chunk);
          ready.add(chunk);
        }
      }
      return ready.poll();
    } catch (ProviderFailure failure) {
      throw broke(failure);
    } catch (IOException e) {
      if (call.aborted() == null && decoder.wholeAtEnd()) {
        endedWhole = true;
        finish();
        return null;
      }
      throw broke(ProviderFailure.of(Kind.JUNK, account.id(), "provider `" + account.id() + "` broke off its stream (" + e.getClass().getSimpleName() + ")", e));
    } catch (RuntimeException e) {
      throw broke(ProviderFailure.of(Kind.JUNK, account.id(), "a chunk could not be read", e));
    }
  }

  private void finish() {
    ThoughtMemory.Heard thoughts = heard;
    if (thoughts != null && request.json().path("n").asInt(1) == 1) {
      memory.keep(project, account.id(), request, thoughts, spoken.content(), spoken.reasoning());
    }
    heard = null;
    attempt.ended(Attempt.Status.ANSWERED, usage(), "", response.getCode(), firstToken == null ? ProviderClient.since(started) : firstToken, ProviderClient.since(started));
  }

  private ProviderFailure broke(ProviderFailure failure) {
    ProviderFailure aborted = call.aborted();
    ProviderFailure told = aborted == null ? failure : aborted.provider().isEmpty() ? ProviderFailure.of(aborted.kind(), account.id(), String.valueOf(aborted.getMessage())) : aborted;
    if (!failed) {
      failed = true;
      boolean opened = firstToken != null;
      Attempt.Status status = told.kind() == Kind.CANCELLED ? Attempt.Status.CANCELLED : opened ? Attempt.Status.CUT : Attempt.Status.FAILED;
      attempt.ended(status, usage(), told.kind().name().toLowerCase(Locale.ROOT), response.getCode(), firstToken, ProviderClient.since(started));
      if (opened) {
        accounts.streamBroke(account.id(), told.kind() == Kind.TIMEOUT && System.nanoTime() - totalDeadline >= 0 ? told.aside() : told);
      }
      close();
    }
    return told;
  }

  private void remember(ObjectNode chunk) {
    for (JsonNode choice : chunk.path("choices")) {
      JsonNode delta = choice.path("delta");
      spoken.add(delta);
      if (ThoughtMemory.matters(delta)) {
        heard = heard == null ? new ThoughtMemory.Heard() : heard;
        heard.add(delta);
      }
    }
  }

  private static boolean hasContent(ObjectNode chunk) {
    for (JsonNode choice : chunk.path("choices")) {
      JsonNode delta = choice.path("delta");
      if (!delta.path("content").asText("").isEmpty() && !delta.path("content").isNull() || delta.path("tool_calls").size() > 0
          || delta.path("reasoning_content").isTextual() && !delta.path("reasoning_content").textValue().isEmpty() || delta.path("refusal").isTextual()
          || choice.path("finish_reason").isTextual()) {
        return true;
      }
    }
    return false;
  }

  @Override
  public boolean hasReady() {
    return !ready.isEmpty() || frames.hasReady();
  }

  @Override
  public Usage usage() {
    Usage reported = decoder.usage();
    boolean said = reported != null && reported.total() > 0;
    if (said && complete()) {
      return reported;
    }
    // a stream that was cut: what was reported before the first word (Anthropic's one token) is less than what was said since
    long output = spoken.tokens();
    if (said && reported.input() > 0) {
      return output <= reported.output() ? reported : new Usage(reported.uncachedInput(), reported.cacheRead(), reported.cacheWrite(), output, reported.reasoning(), true);
    }
    return Usage.counted(TokenCounter.input(request), output);
  }

  @Override
  public boolean complete() {
    return (endedWhole || decoder.complete()) && !failed;
  }

  @Override
  public void abort(ProviderFailure reason) {
    call.abort(reason);
  }

  @Override
  public void close() {
    if (!closed.compareAndSet(false, true)) {
      return;
    }
    try {
      if (!complete() || !endsNow()) {
        call.cancel();
      }
      if (attempt.outcome() == null) {
        attempt.ended(complete() ? Attempt.Status.ANSWERED : Attempt.Status.CANCELLED, usage(), complete() ? "" : "cancelled", response.getCode(), firstToken, ProviderClient.since(started));
      }
      response.close();
    } catch (IOException alreadyGone) {
      call.cancel();
    } finally {
      accounts.watch().remove(call);
      accounts.http(account.id()).leaveStream();
    }
  }

  /** Reads the end of the HTTP body, so that the connection can be used again. */
  private boolean endsNow() {
    call.waitFor("the end of its stream", System.nanoTime() + TAIL_NANOS);
    try {
      int more = 0;
      while (in.read() >= 0) {
        if (++more > 1024) {
          return false;
        }
      }
      return true;
    } catch (IOException e) {
      return false;
    }
  }
}
