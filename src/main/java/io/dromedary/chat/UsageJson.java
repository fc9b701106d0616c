package io.dromedary.chat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** The canonical {@code usage} object, made from the house's counts and read back: {@code prompt_tokens} includes cached ones, {@code completion_tokens} includes reasoning. */
public final class UsageJson {
  private UsageJson() {}

  public static ObjectNode write(Usage usage) {
    ObjectNode json = Json.object().put("prompt_tokens", usage.input()).put("completion_tokens", usage.output()).put("total_tokens", usage.total());
    ObjectNode prompt = json.putObject("prompt_tokens_details").put("cached_tokens", usage.cacheRead());
    if (usage.cacheWrite() > 0) {
      prompt.put("cache_write_tokens", usage.cacheWrite());
    }
    prompt.put("audio_tokens", 0);
    json.putObject("completion_tokens_details").put("reasoning_tokens", usage.reasoning()).put("audio_tokens", 0).put("accepted_prediction_tokens", 0).put("rejected_prediction_tokens", 0);
    return json;
  }

  /** Reads a canonical usage object; anything missing or odd counts as zero. */
  public static Usage read(JsonNode json) {
    JsonNode prompt = json.path("prompt_tokens_details");
    return Usage.ofPrompt(json.path("prompt_tokens").asLong(0), prompt.path("cached_tokens").asLong(0), prompt.path("cache_write_tokens").asLong(0),
        json.path("completion_tokens").asLong(0), json.path("completion_tokens_details").path("reasoning_tokens").asLong(0));
  }
}
