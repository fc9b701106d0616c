package io.dromedary.provider.openai;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.chat.Usage;
import org.jspecify.annotations.Nullable;

/** Reads the {@code usage} of OpenAI and its imitators. */
final class OpenAiUsage {
  /** No model reads or writes that many tokens in one call: a larger count is a lie, and we count ourselves. */
  private static final long PLAUSIBLE = 100_000_000;

  private OpenAiUsage() {}

  /** @return null if the provider reported none, or counts that cannot be */
  static @Nullable Usage read(JsonNode usage) {
    if (!usage.isObject()) {
      return null;
    }
    long hit = count(usage, "prompt_cache_hit_tokens");
    long prompt = count(usage, "prompt_tokens");
    if (prompt < 0 && hit >= 0) {
      prompt = hit + Math.max(0, count(usage, "prompt_cache_miss_tokens"));
    }
    long completion = count(usage, "completion_tokens");
    if (prompt < 0 || completion < 0) {
      return null;
    }
    JsonNode details = usage.path("prompt_tokens_details");
    long cacheRead = count(details, "cached_tokens");
    if (cacheRead < 0) {
      cacheRead = hit >= 0 ? hit : Math.max(0, count(usage, "num_cached_tokens"));
    }
    long cacheWrite = Math.max(count(details, "cache_write_tokens"), count(usage, "cache_write_tokens"));
    cacheRead = Math.min(cacheRead, prompt);
    cacheWrite = Math.min(Math.max(0, cacheWrite), prompt - cacheRead);
    return Usage.ofPrompt(prompt, cacheRead, cacheWrite, completion, Math.max(0, count(usage.path("completion_tokens_details"), "reasoning_tokens")));
  }

  /** -1 if it is absent, negative or beyond belief. */
  private static long count(JsonNode node, String field) {
    JsonNode value = node.path(field);
    if (!value.isNumber() || !value.canConvertToLong()) {
      return -1;
    }
    long count = value.longValue();
    return count < 0 || count > PLAUSIBLE ? -1 : count;
  }
}
