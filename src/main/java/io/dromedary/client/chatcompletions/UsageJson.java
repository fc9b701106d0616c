package io.dromedary.client.chatcompletions;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Json;
import io.dromedary.chat.Usage;
import io.dromedary.chat.Usd;
import org.jspecify.annotations.Nullable;

/** OpenAI's usage object from the house's counts and back: {@code prompt_tokens} includes cached ones, {@code completion_tokens} includes reasoning. */
public final class UsageJson {
  private UsageJson() {}

  public static ObjectNode write(Usage usage) {
    return write(usage, null);
  }

  /** @param cost added as {@code cost}, in dollars, exact; left out when null */
  public static ObjectNode write(Usage usage, @Nullable Usd cost) {
    ObjectNode json = Json.object();
    json.put("prompt_tokens", usage.input());
    json.put("completion_tokens", usage.output());
    json.put("total_tokens", usage.total());
    json.putObject("prompt_tokens_details").put("cached_tokens", usage.cacheRead()).put("cache_write_tokens", usage.cacheWrite()).put("audio_tokens", 0);
    json.putObject("completion_tokens_details").put("reasoning_tokens", usage.reasoning()).put("audio_tokens", 0)
        .put("accepted_prediction_tokens", 0).put("rejected_prediction_tokens", 0);
    if (cost != null) {
      json.put("cost", cost.plain());
    }
    return json;
  }

  /** Reads a usage object; anything missing or odd counts as zero. */
  public static Usage read(JsonNode json) {
    JsonNode prompt = json.path("prompt_tokens_details");
    return Usage.ofPrompt(json.path("prompt_tokens").asLong(0), prompt.path("cached_tokens").asLong(0), prompt.path("cache_write_tokens").asLong(0),
        json.path("completion_tokens").asLong(0), json.path("completion_tokens_details").path("reasoning_tokens").asLong(0));
  }
}
