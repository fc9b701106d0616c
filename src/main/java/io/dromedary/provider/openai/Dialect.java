package io.dromedary.provider.openai;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** How a provider's Chat Completions differ from OpenAI's. Read from the providers' specifications, state of 2026-11-20. */
public enum Dialect {
  OPENAI(4, null, Quirk.REASONING_MODELS, Quirk.PLAIN_PARTS),
  AZURE(4, null, Quirk.REASONING_MODELS, Quirk.PLAIN_PARTS, Quirk.API_KEY_HEADER),
  GROQ(4, Set.of("messages", "model", "stream", "stream_options", "temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "seed", "n", "user", "tools", "tool_choice", "parallel_tool_calls", "functions",
      "function_call", "response_format", "frequency_penalty", "presence_penalty", "reasoning_effort", "reasoning_format", "include_reasoning", "service_tier", "search_settings", "documents", "citation_options",
      "compound_custom", "disable_tool_validation", "include_domains", "exclude_domains", "metadata"),
      Quirk.ONE_CHOICE, Quirk.SCHEMA_ONLY_ALONE, Quirk.STRICT_MESSAGES, Quirk.PLAIN_PARTS),
  MISTRAL(Integer.MAX_VALUE, Set.of("model", "messages", "temperature", "top_p", "max_tokens", "stream", "stop", "random_seed", "metadata", "response_format", "tools", "tool_choice", "presence_penalty",
      "frequency_penalty", "n", "prediction", "parallel_tool_calls", "prompt_mode", "reasoning_effort", "guardrails", "prompt_cache_key", "safe_prompt"),
      Quirk.NO_DEVELOPER, Quirk.MAX_TOKENS, Quirk.USAGE_UNASKED, Quirk.STRICT_MESSAGES, Quirk.PLAIN_PARTS, Quirk.MISTRAL_TURNS, Quirk.NO_FUNCTIONS, Quirk.NO_EMPTY_ANSWERS),
  DEEPSEEK(16, null, Quirk.NO_DEVELOPER, Quirk.MAX_TOKENS, Quirk.ONE_CHOICE, Quirk.NO_SCHEMA, Quirk.NO_FUNCTIONS, Quirk.PLAIN_PARTS, Quirk.TAKES_REASONING,
      Quirk.TEXT_CONTENT, Quirk.NO_EMPTY_ANSWERS),
  OPENROUTER(4, null, Quirk.ONE_CHOICE, Quirk.ROUTES, Quirk.TAKES_REASONING),
  ROUTELLM(4, null, Quirk.NO_DEVELOPER, Quirk.MAX_TOKENS, Quirk.ROUTES),
  /** Any other server that says it is OpenAI-compatible, such as vLLM or LM Studio. */
  COMPATIBLE(Integer.MAX_VALUE, null, Quirk.NO_DEVELOPER, Quirk.MAX_TOKENS, Quirk.TAKES_REASONING);

  enum Quirk {
    /** Some of its models refuse sampling parameters and {@code max_tokens}. */
    REASONING_MODELS,
    /** Sends {@code api-key} instead of a bearer token. */
    API_KEY_HEADER,
    /** Role {@code developer} is sent as {@code system}. */
    NO_DEVELOPER,
    /** Knows the output limit as {@code max_tokens}; one it ignored would break the reservation. */
    MAX_TOKENS,
    /** {@code n} other than 1 is refused or ignored. */
    ONE_CHOICE,
    /** Sends the usage of a stream without being asked, and refuses to be asked. */
    USAGE_UNASKED,
    /** No JSON Schema output: {@code json_object} plus an instruction instead. */
    NO_SCHEMA,
    /** JSON Schema output neither with tools nor streamed. */
    SCHEMA_ONLY_ALONE,
    /** Knows {@code tools} only, not the older {@code functions}. */
    NO_FUNCTIONS,
    /** Refuses message fields it does not know. */
    STRICT_MESSAGES,
    /** Refuses or does not know {@code cache_control} and the like in messages. */
    PLAIN_PARTS,
    /** Takes content as one text, not as a list of text parts. */
    TEXT_CONTENT,
    /** Refuses a past answer that has neither text nor calls. */
    NO_EMPTY_ANSWERS,
    /** Takes past reasoning back. */
    TAKES_REASONING,
    /** Mistral's rules for turns, tool call ids, seeds and choices of tools. */
    MISTRAL_TURNS,
    /** Its model may be a router: the answer names the model that really served. */
    ROUTES
  }

  final int maxStops;
  /** The only top-level fields it takes; null if it takes or ignores any. */
  final @Nullable Set<String> fields;
  private final EnumSet<Quirk> quirks;

  Dialect(int maxStops, @Nullable Set<String> fields, Quirk... quirks) {
    this.maxStops = maxStops;
    this.fields = fields;
    this.quirks = quirks.length == 0 ? EnumSet.noneOf(Quirk.class) : EnumSet.copyOf(Arrays.asList(quirks));
  }

  boolean has(Quirk quirk) {
    return quirks.contains(quirk);
  }

  /** @throws IllegalArgumentException naming the dialects there are */
  public static Dialect named(String name) {
    for (Dialect dialect : values()) {
      if (dialect.name().equalsIgnoreCase(name)) {
        return dialect;
      }
    }
    throw new IllegalArgumentException("dialect `" + name + "` is unknown; known are " + Arrays.toString(values()).toLowerCase(Locale.ROOT));
  }
}
