package io.dromedary.client.chatcompletions;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.client.ChainExhausted;
import io.dromedary.client.Problems;
import java.util.List;
import java.util.Map;

/** OpenAI's error object: {@code {"error":{"message","type","param","code"}}}, all four always present, with {@code attempts} beside them when a chain of providers failed. */
public final class ErrorFormat {
  /** What to answer for anything that was thrown; see {@link Problems#of}. */
  public Problem problem(Throwable thrown) {
    return Problems.of(thrown);
  }

  /** The last word of a chain; see {@link Problems#chainExhausted}. */
  public Problem chainExhausted(List<ProviderFailure> failures) {
    return Problems.chainExhausted(failures);
  }

  /** {@code retry-after}, {@code retry-after-ms}, {@code x-should-retry} and the problem's own headers. */
  public Map<String, String> headers(Problem problem) {
    return Problems.headers(problem);
  }

  /** The error body as JSON bytes. Never throws. */
  public byte[] openAi(Throwable thrown) {
    return Json.bytes(error(Problems.of(thrown)));
  }

  static ObjectNode error(Problem problem) {
    ObjectNode root = Json.object();
    ObjectNode error = root.putObject("error");
    error.put("message", problem.getMessage());
    error.put("type", problem.type());
    error.put("param", problem.param());
    error.put("code", problem.code());
    if (problem instanceof ChainExhausted chain) {
      ArrayNode attempts = error.putArray("attempts");
      for (ChainExhausted.Try attempt : chain.attempts()) {
        ObjectNode node = attempts.addObject().put("provider", attempt.provider()).put("failure", attempt.failure());
        if (attempt.status() != 0) {
          node.put("status", attempt.status());
        }
      }
    }
    return root;
  }
}
