package io.dromedary.provider.gemini;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.chat.Usage;
import org.jspecify.annotations.Nullable;

/** Gemini's counts of one call. In a stream they are cumulative: what comes replaces what was. Prompt tokens include the cached ones; thoughts come on top of the candidates' tokens. */
final class GeminiUsage {
  private boolean known;
  private long prompt;
  private long toolUsePrompt;
  private long cached;
  private long candidates;
  private long thoughts;

  void set(JsonNode metadata) {
    if (metadata.isObject()) {
      known = true;
      prompt = metadata.path("promptTokenCount").asLong(prompt);
      toolUsePrompt = metadata.path("toolUsePromptTokenCount").asLong(toolUsePrompt);
      cached = metadata.path("cachedContentTokenCount").asLong(cached);
      candidates = metadata.path("candidatesTokenCount").asLong(candidates);
      thoughts = metadata.path("thoughtsTokenCount").asLong(thoughts);
    }
  }

  /** Null if none came. */
  @Nullable Usage toUsage() {
    return known ? Usage.ofPrompt(prompt + toolUsePrompt, cached, 0, candidates + thoughts, thoughts) : null;
  }
}
