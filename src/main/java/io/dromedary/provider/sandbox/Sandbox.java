package io.dromedary.provider.sandbox;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Candidate;
import io.dromedary.chat.Answer;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.ChatStream;
import io.dromedary.chat.Json;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.chat.TokenCounter;
import io.dromedary.chat.Usage;
import java.time.Duration;
import java.time.Instant;
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
    String id = "chatcmpl-" + request.id();
    long created = Instant.now().getEpochSecond();
    String finish = cut ? "length" : "stop";
    if (request.stream()) {
      return new Words(id, created, candidate.model().id(), text, finish, usage, attempt);
    }
    ObjectNode json = Json.object().put("id", id).put("object", "chat.completion").put("created", created).put("model", candidate.model().id());
    ObjectNode choice = json.putArray("choices").addObject().put("index", 0);
    choice.putObject("message").put("role", "assistant").put("content", text).putNull("refusal");
    choice.putNull("logprobs").put("finish_reason", finish);
    ObjectNode counts = json.putObject("usage").put("prompt_tokens", usage.input()).put("completion_tokens", usage.output()).put("total_tokens", usage.total());
    counts.putObject("prompt_tokens_details").put("cached_tokens", 0);
    counts.putObject("completion_tokens_details").put("reasoning_tokens", 0);
    attempt.ended(Attempt.Status.ANSWERED, usage, "", 200, Duration.ZERO, Duration.ZERO);
    return new ChatResponse(json, usage);
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
    private final String id;
    private final long created;
    private final String model;
    private final String text;
    private final String finish;
    private final Usage usage;
    private final Attempt attempt;
    private int at = -1;
    private boolean finished;
    private volatile @Nullable ProviderFailure aborted;

    Words(String id, long created, String model, String text, String finish, Usage usage, Attempt attempt) {
      this.id = id;
      this.created = created;
      this.model = model;
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
        return chunk(Json.object().put("role", "assistant").put("content", "").putNull("refusal"), null);
      }
      if (at < text.length()) {
        int space = text.indexOf(' ', at);
        int end = space < 0 ? text.length() : space + 1;
        String word = text.substring(at, end);
        at = end;
        return chunk(Json.object().put("content", word), null);
      }
      if (!finished) {
        finished = true;
        return chunk(Json.object(), finish);
      }
      attempt.ended(Attempt.Status.ANSWERED, usage, "", 200, Duration.ZERO, Duration.ZERO);
      return null;
    }

    private ObjectNode chunk(ObjectNode delta, @Nullable String finishReason) {
      ObjectNode json = Json.object().put("id", id).put("object", "chat.completion.chunk").put("created", created).put("model", model);
      ObjectNode choice = json.putArray("choices").addObject().put("index", 0);
      choice.set("delta", delta);
      choice.putNull("logprobs").put("finish_reason", finishReason);
      return json;
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
