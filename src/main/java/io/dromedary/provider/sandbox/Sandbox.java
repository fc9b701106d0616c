package io.dromedary.provider.sandbox;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Candidate;
import io.dromedary.chat.Answer;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ChatStream;
import io.dromedary.chat.Json;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.chat.TokenCounter;
import io.dromedary.chat.Usage;
import io.dromedary.provider.CanonicalAnswer;
import io.dromedary.provider.CanonicalChunks;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** Answers a request without a model: says that it is the sandbox, and repeats the question. Counts tokens as a provider would, and costs nothing. */
public final class Sandbox {
  private static final int QUOTED_CHARS = 2_000;

  /** @param greeting the sentence the answer begins with */
  public Answer answer(ChatRequest request, Candidate candidate, Attempt attempt, String greeting) {
    String asked = request.lastUserText();
    String text = asked.isEmpty() ? greeting : greeting + " You said: " + (asked.length() <= QUOTED_CHARS ? asked : asked.substring(0, QUOTED_CHARS));
    long limit = request.maxOutputTokens().orElse(Long.MAX_VALUE);
    long output = TokenCounter.count(text);
    boolean cut = output > limit;
    if (cut) {
      text = firstWords(text, (int) limit);
      output = limit;
    }
    Usage usage = Usage.ofPrompt(TokenCounter.input(request), 0, 0, output, 0);
    String finish = cut ? "length" : "stop";
    if (request.stream()) {
      return new Words(new CanonicalChunks(candidate.model().id(), request), text, finish, usage, attempt);
    }
    CanonicalAnswer answer = new CanonicalAnswer("", candidate.model().id(), request);
    answer.choice(0, text, null, "", Json.array(), null, finish);
    attempt.ended(Attempt.Status.ANSWERED, usage, "", 200, Duration.ZERO, Duration.ZERO);
    return answer.with(usage);
  }

  private static String firstWords(String text, int words) {
    int at = 0;
    for (int i = 0; i < words && at >= 0; i++) {
      at = text.indexOf(' ', at + 1);
    }
    return at < 0 ? text : text.substring(0, at);
  }

  /** The text, word by word. */
  private static final class Words implements ChatStream {
    private final CanonicalChunks chunks;
    private final String text;
    private final String finish;
    private final Usage usage;
    private final Attempt attempt;
    private int at = -1;
    private boolean finished;
    private volatile @Nullable ProviderFailure aborted;

    Words(CanonicalChunks chunks, String text, String finish, Usage usage, Attempt attempt) {
      this.chunks = chunks;
      this.text = text;
      this.finish = finish;
      this.usage = usage;
      this.attempt = attempt;
    }

    @Override
    public @Nullable ObjectNode next() {
      ProviderFailure reason = aborted;
      if (reason != null) {
        throw reason;
      }
      if (at < 0) {
        at = 0;
        return chunks.opening(0);
      }
      if (at < text.length()) {
        int space = text.indexOf(' ', at);
        int end = space < 0 ? text.length() : space + 1;
        String word = text.substring(at, end);
        at = end;
        CanonicalChunks.Chunk chunk = chunks.chunk(0);
        chunk.delta().put("content", word);
        return chunk.json();
      }
      if (!finished) {
        finished = true;
        return chunks.finish(0, finish);
      }
      attempt.ended(Attempt.Status.ANSWERED, usage, "", 200, Duration.ZERO, Duration.ZERO);
      return null;
    }

    @Override
    public boolean hasReady() {
      return false;
    }

    @Override
    public Usage usage() {
      return complete() ? usage : Usage.counted(usage.input(), TokenCounter.count(text.substring(0, Math.max(0, at))));
    }

    @Override
    public boolean complete() {
      return finished;
    }

    @Override
    public void abort(ProviderFailure reason) {
      aborted = reason;
    }

    @Override
    public void close() {
      attempt.ended(Attempt.Status.CANCELLED, usage(), "cancelled", 200, Duration.ZERO, Duration.ZERO);
    }
  }
}
