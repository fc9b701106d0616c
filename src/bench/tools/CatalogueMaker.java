import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Makes {@code config/models.yaml} from the price data: {@code java src/bench/tools/CatalogueMaker.java <model-prices.json> config/models.yaml}. Needs nothing but a JDK.
 *
 * <p>Figures come from the data; what the data does not know (quality, latency, aliases, traits, local models) is set by hand in the overlay below. Edit there and run again; never edit the YAML alone.
 */
final class CatalogueMaker {
  /** The day the default snapshot of the data was taken; prices are taken to be in force from then on. */
  private static final String SNAPSHOT = "2026-08-01";

  // ---- Overlay, by hand -------------------------------------------------------------------------------------------------------------------------------------

  /** Which models we list: id, quality prior 0..1, time to first token in ms (prior). */
  private static final String PICKED = """
      openai/gpt-5.6 0.95 1500
      openai/gpt-5.6-sol 0.95 1500
      openai/gpt-5.6-terra 0.90 1100
      openai/gpt-5.6-luna 0.81 700
      openai/gpt-5.5 0.94 1500
      openai/gpt-5.5-2026-04-23 0.94 1500
      openai/gpt-5.4 0.92 1400
      openai/gpt-5.4-2026-03-05 0.92 1400
      openai/gpt-5.4-mini 0.82 800
      openai/gpt-5.4-mini-2026-03-17 0.82 800
      openai/gpt-5.4-nano 0.70 600
      openai/gpt-5.3-chat-latest 0.85 700
      openai/gpt-5.2 0.90 1400
      openai/gpt-5.2-2025-12-11 0.90 1400
      openai/gpt-5.2-chat-latest 0.84 700
      openai/gpt-5.1 0.88 1300
      openai/gpt-5.1-2025-11-13 0.88 1300
      openai/gpt-5.1-chat-latest 0.82 700
      openai/gpt-5 0.87 1500
      openai/gpt-5-2025-08-07 0.87 1500
      openai/gpt-5-mini 0.79 1000
      openai/gpt-5-mini-2025-08-07 0.79 1000
      openai/gpt-5-nano 0.64 800
      openai/gpt-5-chat-latest 0.80 700
      openai/gpt-4.1 0.78 600
      openai/gpt-4.1-2025-04-14 0.78 600
      openai/gpt-4.1-mini 0.70 450
      openai/gpt-4.1-nano 0.56 350
      openai/gpt-4o 0.74 500
      openai/gpt-4o-2024-11-20 0.74 500
      openai/gpt-4o-2024-08-06 0.74 500
      openai/gpt-4o-mini 0.62 400
      openai/gpt-4o-mini-2024-07-18 0.62 400
      openai/o4-mini 0.80 2500
      openai/o3 0.86 3500
      openai/o3-mini 0.76 2500
      openai/o1 0.80 5000
      openai/gpt-4-turbo 0.68 900
      openai/gpt-4 0.64 1000
      openai/gpt-3.5-turbo 0.45 400
      openai/text-embedding-3-large 0.75 150
      openai/text-embedding-3-small 0.65 120
      openai/text-embedding-ada-002 0.50 120
      anthropic/claude-fable-5 0.97 1600
      anthropic/claude-opus-5 0.96 1500
      anthropic/claude-opus-4-8 0.95 1500
      anthropic/claude-opus-4-7 0.94 1500
      anthropic/claude-opus-4-6 0.93 1500
      anthropic/claude-opus-4-5 0.91 1500
      anthropic/claude-sonnet-5 0.92 1000
      anthropic/claude-sonnet-4-6 0.90 1000
      anthropic/claude-sonnet-4-5 0.87 1000
      anthropic/claude-haiku-4-5 0.77 600
      anthropic/claude-3-haiku-20240307 0.50 500
      gemini/gemini-3.6-flash 0.86 800
      gemini/gemini-3.5-flash 0.84 800
      gemini/gemini-3.5-flash-lite 0.74 450
      gemini/gemini-3.1-pro-preview 0.92 2000
      gemini/gemini-3-flash-preview 0.82 800
      gemini/gemini-3.1-flash-lite 0.70 450
      gemini/gemini-2.5-pro 0.85 2000
      gemini/gemini-2.5-flash 0.74 700
      gemini/gemini-2.5-flash-lite 0.62 400
      gemini/gemma-3-27b-it 0.55 700
      gemini/gemini-embedding-001 0.72 150
      gemini/gemini-embedding-2 0.76 150
      groq/llama-3.3-70b-versatile 0.62 250
      groq/llama-3.1-8b-instant 0.45 150
      groq/meta-llama/llama-4-maverick-17b-128e-instruct 0.64 250
      groq/meta-llama/llama-4-scout-17b-16e-instruct 0.58 200
      groq/moonshotai/kimi-k2-instruct-0905 0.76 350
      groq/openai/gpt-oss-120b 0.74 300
      groq/openai/gpt-oss-20b 0.62 200
      groq/qwen/qwen3-32b 0.66 300
      mistral/mistral-large-latest 0.79 700
      mistral/mistral-large-2512 0.79 700
      mistral/mistral-large-2411 0.68 700
      mistral/mistral-medium-latest 0.80 600
      mistral/mistral-medium-3-5 0.80 600
      mistral/mistral-medium-2508 0.74 600
      mistral/mistral-medium-2505 0.72 600
      mistral/mistral-small-latest 0.62 400
      mistral/mistral-small-3-2-2506 0.62 400
      mistral/ministral-3-14b-2512 0.58 350
      mistral/ministral-3-8b-2512 0.52 300
      mistral/ministral-3-3b-2512 0.44 250
      mistral/ministral-8b-latest 0.52 300
      mistral/magistral-medium-latest 0.77 2000
      mistral/magistral-small-latest 0.68 1500
      mistral/codestral-latest 0.62 400
      mistral/codestral-2508 0.64 400
      mistral/devstral-latest 0.70 600
      mistral/devstral-small-latest 0.60 400
      mistral/open-mistral-nemo 0.42 350
      mistral/pixtral-large-latest 0.66 800
      mistral/pixtral-12b-2409 0.48 500
      mistral/mistral-embed 0.60 150
      mistral/codestral-embed 0.62 150
      deepseek/deepseek-v4-pro 0.88 1500
      deepseek/deepseek-v4-flash 0.79 900
      deepseek/deepseek-v3.2 0.78 1000
      deepseek/deepseek-chat 0.78 1000
      deepseek/deepseek-reasoner 0.83 4000
      ollama/llama3.2 0.38 300
      ollama/llama3.1 0.44 400
      ollama/llama3 0.40 400
      ollama/mistral 0.38 400
      ollama/gemma2 0.42 400
      openrouter/openrouter/auto 0.70 1200
      openrouter/anthropic/claude-opus-4.7 0.94 1700
      openrouter/anthropic/claude-sonnet-4.6 0.90 1200
      openrouter/anthropic/claude-haiku-4.5 0.77 800
      openrouter/openai/gpt-5.2 0.90 1600
      openrouter/openai/gpt-5 0.87 1700
      openrouter/openai/gpt-5-mini 0.79 1200
      openrouter/openai/gpt-4.1 0.78 800
      openrouter/openai/gpt-4o 0.74 700
      openrouter/openai/gpt-oss-120b 0.74 700
      openrouter/openai/gpt-oss-20b 0.62 600
      openrouter/google/gemini-3.1-pro-preview 0.92 2200
      openrouter/google/gemini-3-flash-preview 0.82 1000
      openrouter/google/gemini-2.5-pro 0.85 2200
      openrouter/google/gemini-2.5-flash 0.74 900
      openrouter/deepseek/deepseek-v3.2 0.78 1300
      openrouter/mistralai/mistral-large-2512 0.79 900
      openrouter/moonshotai/kimi-k2.5 0.84 1200
      openrouter/minimax/minimax-m2.5 0.80 1200
      openrouter/qwen/qwen3-coder 0.76 1000
      openrouter/qwen/qwen3.5-397b-a17b 0.84 1300
      openrouter/qwen/qwen3.6-plus 0.85 1300
      openrouter/x-ai/grok-4 0.87 2500
      openrouter/xiaomi/mimo-v2.5-pro 0.82 1300
      openrouter/z-ai/glm-5.1 0.86 1300
      openrouter/z-ai/glm-4.7 0.81 1200
      azure/gpt-5.5 0.94 1500
      azure/gpt-5.4 0.92 1400
      azure/gpt-5.4-mini 0.82 800
      azure/gpt-5.2 0.90 1400
      azure/gpt-5.1 0.88 1300
      azure/gpt-5 0.87 1500
      azure/gpt-5-mini 0.79 1000
      azure/gpt-4.1 0.78 600
      azure/gpt-4.1-mini 0.70 450
      azure/gpt-4o 0.74 500
      azure/gpt-4o-mini 0.62 400
      azure/text-embedding-3-large 0.75 150
      azure/text-embedding-3-small 0.65 120
      azure/text-embedding-ada-002 0.50 120
      bedrock/anthropic.claude-opus-5 0.96 1700
      bedrock/anthropic.claude-opus-4-8 0.95 1700
      bedrock/anthropic.claude-sonnet-5 0.92 1200
      bedrock/anthropic.claude-sonnet-4-6 0.90 1200
      bedrock/anthropic.claude-haiku-4-5-20251001-v1:0 0.77 800
      bedrock/amazon.nova-pro-v1:0 0.66 700
      bedrock/amazon.nova-lite-v1:0 0.54 500
      bedrock/amazon.nova-micro-v1:0 0.46 400
      bedrock/amazon.nova-2-lite-v1:0 0.68 600
      bedrock/meta.llama3-3-70b-instruct-v1:0 0.62 700
      bedrock/amazon.titan-embed-text-v2:0 0.60 150
      bedrock/cohere.embed-v4:0 0.74 150
      bedrock/cohere.embed-multilingual-v3 0.66 150
      bedrock/cohere.embed-english-v3 0.66 150
      """;

  /** Listed past the date in the data: Azure closes such models to new customers, the deployments of others answer on and are charged. */
  private static final Set<String> STILL_SERVED = Set.of("azure/text-embedding-3-small");

  /** Other names of a model of the same provider: retired names lead to the nearest model of today; dated names of Anthropic are the same model. */
  private static final String ALIASES = """
      openai/gpt-4-turbo gpt-4-turbo-preview gpt-4-turbo-2024-04-09 gpt-4-0125-preview gpt-4-1106-preview
      openai/gpt-4 gpt-4-0613 gpt-4-0314
      openai/gpt-3.5-turbo gpt-3.5-turbo-0125 gpt-3.5-turbo-1106 gpt-3.5-turbo-16k
      openai/gpt-4o chatgpt-4o-latest gpt-4o-2024-05-13
      openai/gpt-5-chat-latest gpt-5-chat
      openai/o3 o3-2025-04-16
      openai/o3-mini o3-mini-2025-01-31
      openai/o4-mini o4-mini-2025-04-16
      openai/o1 o1-2024-12-17 o1-preview
      openai/text-embedding-ada-002 text-embedding-ada-002-v2
      anthropic/claude-opus-4-7 claude-opus-4-7-20260416
      anthropic/claude-opus-4-6 claude-opus-4-6-20260205
      anthropic/claude-opus-4-5 claude-opus-4-5-20251101 claude-opus-4-1 claude-opus-4-1-20250805 claude-opus-4-20250514 claude-4-opus-20250514 claude-opus-4-0 claude-3-opus-20240229 claude-3-opus-latest
      anthropic/claude-sonnet-4-5 claude-sonnet-4-5-20250929 claude-sonnet-4-20250514 claude-4-sonnet-20250514 claude-sonnet-4-0 claude-3-7-sonnet-20250219 claude-3-7-sonnet-latest claude-3-5-sonnet-20241022 claude-3-5-sonnet-20240620 claude-3-5-sonnet-latest
      anthropic/claude-haiku-4-5 claude-haiku-4-5-20251001 claude-3-5-haiku-20241022 claude-3-5-haiku-latest
      anthropic/claude-3-haiku-20240307 claude-3-haiku
      gemini/gemini-3.1-pro-preview gemini-1.5-pro gemini-1.5-pro-latest gemini-3-pro-preview gemini-3.1-pro-preview-customtools
      gemini/gemini-3.5-flash-lite gemini-1.5-flash gemini-1.5-flash-latest gemini-2.0-flash gemini-2.0-flash-001 gemini-2.0-flash-exp
      gemini/gemini-3.1-flash-lite gemini-1.5-flash-8b gemini-2.0-flash-lite gemini-2.0-flash-lite-001 gemini-3.1-flash-lite-preview
      gemini/gemini-2.5-flash-lite gemini-2.5-flash-lite-preview-06-17 gemini-2.5-flash-lite-preview-09-2025
      gemini/gemini-2.5-flash gemini-2.5-flash-preview-09-2025
      gemini/gemini-embedding-2 gemini-embedding-2-preview
      groq/llama-3.3-70b-versatile mixtral-8x7b-32768 llama-3.1-70b-versatile llama3-70b-8192
      groq/llama-3.1-8b-instant gemma2-9b-it gemma-7b-it llama3-8b-8192
      mistral/mistral-large-2512 mistral-large-3
      mistral/mistral-large-2411 mistral-large-2407 mistral-large-2402
      mistral/mistral-medium-3-5 mistral-medium-2604
      mistral/mistral-medium-2508 mistral-medium-3-1-2508
      mistral/mistral-medium-latest mistral-medium
      mistral/mistral-small-latest mistral-small open-mixtral-8x7b
      mistral/open-mistral-nemo open-mistral-nemo-2407 open-mistral-7b mistral-tiny
      mistral/devstral-latest devstral-2512 devstral-medium-latest
      mistral/pixtral-large-latest pixtral-large-2411
      mistral/codestral-embed codestral-embed-2505
      deepseek/deepseek-chat deepseek-v3 deepseek-coder
      deepseek/deepseek-reasoner deepseek-r1
      ollama/llama3.2 llama3.2:latest llama3.2:3b
      ollama/llama3.1 llama3.1:latest llama3.1:8b
      ollama/llama3 llama3:latest llama3:8b
      ollama/mistral mistral:latest mistral:7b
      ollama/gemma2 gemma2:latest gemma2:9b
      ollama/gemma3 gemma3:latest gemma3:4b
      ollama/qwen3 qwen3:latest qwen3:8b
      sandbox/echo sandbox
      """;

  /** Capabilities that the data lacks (+) or that our way of asking cannot use (-). */
  private static final String CAPABILITIES = """
      ollama/llama3.2 +tools
      ollama/llama3.1 +tools
      ollama/mistral +tools
      gemini/gemma-3-27b-it -tools -tool_choice
      openrouter/openrouter/auto +tools +tool_choice +vision +json_schema
      """;

  /** Models that the data lacks: id, mode, context, max output (0 = not known), quality, latency in ms, capabilities. Context of local models is general knowledge, not verified. */
  private static final String ADDED = """
      ollama/llama3.2:1b chat 131072 0 0.28 200 tools
      ollama/llama3.3 chat 131072 0 0.62 900 tools
      ollama/gemma3 chat 131072 0 0.46 400 vision
      ollama/qwen3 chat 40960 0 0.56 600 tools,reasoning
      ollama/phi4 chat 16384 0 0.52 600 -
      ollama/gpt-oss:20b chat 131072 0 0.60 700 tools,reasoning
      ollama/deepseek-r1 chat 131072 0 0.52 2000 reasoning
      ollama/nomic-embed-text embedding 2048 0 0.50 50 -
      local/all-minilm-l6-v2 embedding 509 0 0.45 10 -
      sandbox/echo chat 1000000 0 0.01 1 tools,parallel_tools,tool_choice,vision,json_schema
      routellm/route-llm chat 0 0 0.80 1500 tools,parallel_tools,tool_choice,vision,pdf,json_schema
      """;

  private static final String HEAD = """
      # The model catalogue: what can be asked, what it can do and what it costs. GET /v1/models shows it.
      #
      # Made by src/bench/tools/CatalogueMaker.java from a price snapshot; edit there, or edit here if this file is your own. Prices are list prices without warranty: they were compared with
      # two other open catalogues but not with the providers' price pages. Where a catalogue disagrees, the price's `source` says so.
      #
      # about            attribution; free text
      # defaults.source  where prices without a `source` of their own were read, and when
      # defaults.from    first day (UTC) of prices without a `from` of their own
      # models[]
      #   id            provider/name, unique; name is what the provider calls it and may hold slashes
      #   mode          chat (default) or embedding
      #   context       most input tokens; 0 or absent: not known
      #   max_output    most output tokens; 0 or absent: not known
      #   capabilities  of: tools parallel_tools tool_choice vision pdf audio json_schema prompt_caching reasoning web_search stream_usage
      #   prices[]      USD per 1,000,000 tokens, exact decimals. None: unpriced, which is not free: such a model is refused where a budget applies.
      #                   from, source; in, out; cache_read, cache_write (absent: as `in`);
      #                   above: [{tokens, in, out, ...}] replaces the rates for prompts of more than that many input tokens
      #   quality       0..1: our prior of a good answer to a hard general request, set by hand from the families' standing in public comparisons. Coarse; only the order matters.
      #   latency_ms    expected time to the first token in ms, set by hand; a prior, real figures vary by load
      #   tags          labels for `routing.require_tags`; `local`: runs here, and must be pulled before it answers
      #   aliases       other names for it at the same provider; retired names lead to the nearest model of today
      #   traits        what a wire format must know; a format reads those that its provider knows
      #                   sampling: none (temperature, top_p, top_k refused) | exclusive (temperature or top_p) | free (default; gpt-5 and o-models that are not listed: none)
      #                   sampling_if_effort_none: true  sampling is taken with reasoning_effort none
      #                   reasoning: how thinking is asked for; absent: not at all (gemini: as the generation in the name says)
      #                     effort    reasoning_effort, passed on               budget  a number of tokens (anthropic, gemini 2.5)
      #                     adaptive  output_config.effort, thinking adaptive   level   thinkingLevel (gemini 3)      think  ollama's think
      #                   reasoning_off: false           thinking cannot be switched off: reasoning_effort none asks for the least
      #                   max_tokens_field: max_completion_tokens
      #                   default_max_tokens             sent when the request has none and the provider wants one
      #                   prefill: false                 the last turn must not be the assistant's: a user turn is added
      #                   system_turns: true             system messages may stand after user turns; else all go to the top
      #                   thought_signatures: true       must come back unchanged on the next turn; a lost one is marked as such
      #                   num_ctx                        context window to load the model with (ollama), which cuts longer prompts from the front
      """;

  /** What a wire format must know, by provider and family as their API references say. */
  private static Map<String, String> traits(String provider, String name, Set<String> caps) {
    Map<String, String> traits = new LinkedHashMap<>();
    switch (provider) {
      case "openai", "azure" -> {
        boolean chatOnly = name.contains("-chat");
        if ((name.startsWith("gpt-5") && !chatOnly) || name.startsWith("o1") || name.startsWith("o3") || name.startsWith("o4")) {
          traits.put("sampling", "none");
          if (name.startsWith("gpt-5.")) {
            traits.put("sampling_if_effort_none", "true");
          }
          traits.put("reasoning", "effort");
          traits.put("max_tokens_field", "max_completion_tokens");
        } else if (chatOnly) {
          traits.put("sampling", "none");
          traits.put("max_tokens_field", "max_completion_tokens");
        }
      }
      case "anthropic", "bedrock" -> {
        if (name.contains("claude")) {
          boolean newest = name.contains("opus-5") || name.contains("sonnet-5") || name.contains("fable-5") || name.contains("opus-4-7") || name.contains("opus-4-8");
          boolean sixth = name.contains("4-6");
          traits.put("sampling", newest ? "none" : name.contains("claude-3-haiku") ? "free" : "exclusive");
          if (newest || sixth) {
            traits.put("reasoning", "adaptive");
            traits.put("prefill", "false");
          } else if (caps.contains("reasoning")) {
            traits.put("reasoning", "budget");
          }
          if (name.contains("opus-4-8") || name.contains("opus-5")) {
            traits.put("system_turns", "true");
          }
          traits.put("default_max_tokens", name.contains("claude-3-haiku") ? "4096" : "8192");
        }
      }
      case "gemini" -> {
        if (name.startsWith("gemini-3")) {
          traits.put("reasoning", "level");
          traits.put("thought_signatures", "true");
        } else if (name.startsWith("gemini-2.5")) {
          traits.put("reasoning", "budget");
          if (name.endsWith("pro")) {
            traits.put("reasoning_off", "false");
          }
        }
      }
      case "ollama" -> {
        if (caps.contains("reasoning")) {
          traits.put("reasoning", "think");
        }
      }
      default -> {
        if (caps.contains("reasoning")) {
          traits.put("reasoning", "effort");
        }
      }
    }
    return traits;
  }

  private static Set<String> tags(String provider) {
    return switch (provider) {
      case "ollama", "sandbox", "local" -> Set.of("local");
      case "mistral" -> Set.of("eu");
      default -> Set.of();
    };
  }

  // ---- The work ---------------------------------------------------------------------------------------------------------------------------------------------

  public static void main(String[] args) throws IOException {
    if (args.length != 2) {
      System.err.println("usage: java CatalogueMaker.java <model-prices.json> <models.yaml>");
      System.exit(2);
    }
    Map<?, ?> data = (Map<?, ?>) new JsonText(Files.readString(Path.of(args[0]))).value();
    Map<String, Map<?, ?>> byId = new LinkedHashMap<>();
    for (Object entry : (List<?>) data.get("models")) {
      Map<?, ?> model = (Map<?, ?>) entry;
      byId.put((String) model.get("id"), model);
    }
    Map<String, List<String>> aliases = words(ALIASES);
    Map<String, List<String>> corrections = words(CAPABILITIES);
    StringBuilder out = new StringBuilder(HEAD);
    out.append("about: >-\n  List prices and limits: a subset of LiteLLM's model_prices_and_context_window.json, MIT licence, (c) 2023 Berri AI, https://github.com/BerriAI/litellm; facts as committed 2026-08-01.\n"
        + "  Price changes announced since and disagreements: pydantic/genai-prices and Portkey-AI/models (both MIT), 2026-08-21. Quality, latency, aliases and traits: Dromedary.\n");
    out.append("defaults:\n  source: LiteLLM snapshot of ").append(SNAPSHOT).append("\n  from: ").append(SNAPSHOT).append("\nmodels:\n");
    int count = 0;
    Set<String> done = new LinkedHashSet<>();
    for (String line : PICKED.strip().split("\n")) {
      String[] word = line.strip().split(" +");
      Map<?, ?> model = byId.get(word[0]);
      if (model == null) {
        throw new IllegalStateException("not in the data: " + word[0]);
      }
      if (!STILL_SERVED.contains(word[0]) && model.containsKey("deprecation_date") && ((String) model.get("deprecation_date")).compareTo("2026-11-21") < 0 || model.containsKey("retired")) {
        throw new IllegalStateException("retired: " + word[0]);
      }
      write(out, model, word[1], word[2], aliases.remove(word[0]), corrections.getOrDefault(word[0], List.of()));
      done.add(word[0]);
      count++;
    }
    for (String line : ADDED.strip().split("\n")) {
      String[] word = line.strip().split(" +");
      Map<String, Object> model = new LinkedHashMap<>();
      model.put("id", word[0]);
      model.put("mode", word[1]);
      model.put("context", new BigDecimal(word[2]));
      model.put("max_output", new BigDecimal(word[3]));
      model.put("caps", word[6].equals("-") ? List.of() : List.of(word[6].split(",")));
      if (!word[0].startsWith("routellm/")) {
        model.put("in", BigDecimal.ZERO);
        model.put("out", BigDecimal.ZERO);
      }
      write(out, model, word[4], word[5], aliases.remove(word[0]), List.of());
      done.add(word[0]);
      count++;
    }
    if (!aliases.isEmpty()) {
      throw new IllegalStateException("aliases of models that are not picked: " + aliases.keySet());
    }
    Files.writeString(Path.of(args[1]), out);
    System.out.println(count + " models -> " + args[1]);
  }

  private static void write(StringBuilder out, Map<?, ?> model, String quality, String latency, List<String> aliases, List<String> corrections) {
    String id = (String) model.get("id");
    String provider = id.substring(0, id.indexOf('/'));
    String name = id.substring(id.indexOf('/') + 1);
    boolean embedding = "embedding".equals(model.get("mode"));
    Set<String> caps = capabilities(provider, embedding, model, corrections);
    out.append("- id: ").append(id).append('\n');
    if (embedding) {
      out.append("  mode: embedding\n");
    }
    number(out, "context", model.get("context"));
    number(out, "max_output", model.get("max_output"));
    if (!caps.isEmpty()) {
      out.append("  capabilities: [").append(String.join(", ", caps)).append("]\n");
    }
    prices(out, id, provider, model);
    out.append("  quality: ").append(quality).append("\n  latency_ms: ").append(latency).append('\n');
    if (!tags(provider).isEmpty()) {
      out.append("  tags: [").append(String.join(", ", tags(provider))).append("]\n");
    }
    if (aliases != null) {
      out.append("  aliases: [").append(String.join(", ", quoted(aliases))).append("]\n");
    }
    Map<String, String> traits = embedding ? Map.of() : traits(provider, name, caps);
    if (!traits.isEmpty()) {
      List<String> pairs = new ArrayList<>();
      traits.forEach((key, value) -> pairs.add(key + ": " + value));
      out.append("  traits: {").append(String.join(", ", pairs)).append("}\n");
    }
  }

  private static Set<String> capabilities(String provider, boolean embedding, Map<?, ?> model, List<String> corrections) {
    Set<String> known = new LinkedHashSet<>(List.of("tools", "parallel_tools", "tool_choice", "vision", "pdf", "audio", "json_schema", "prompt_caching", "reasoning", "web_search"));
    Set<String> has = new LinkedHashSet<>();
    if (embedding) {
      return has;
    }
    if (model.get("caps") instanceof List<?> caps) {
      for (Object cap : caps) {
        has.add(cap.equals("audio_in") ? "audio" : (String) cap);
      }
    }
    for (String correction : corrections) {
      if (correction.charAt(0) == '+') {
        has.add(correction.substring(1));
      } else {
        has.remove(correction.substring(1));
      }
    }
    // Ollama takes any schema as `format` and has no tool_choice; DeepSeek refuses json_schema; the tools of Claude and Gemini come in parallel
    switch (provider) {
      case "ollama" -> {
        has.add("json_schema");
        has.remove("tool_choice");
      }
      case "deepseek" -> has.remove("json_schema");
      case "anthropic", "gemini" -> {
        if (has.contains("tools")) {
          has.add("parallel_tools");
        }
      }
      default -> { }
    }
    known.retainAll(has);
    if (!provider.equals("sandbox")) {
      known.add("stream_usage");
    }
    return known;
  }

  private static void prices(StringBuilder out, String id, String provider, Map<?, ?> model) {
    boolean free = provider.equals("ollama") || provider.equals("sandbox") || provider.equals("local");
    if (model.get("in") == null || (model.containsKey("zero_price_unverified") && !free)) {
      return;
    }
    BigDecimal in = (BigDecimal) model.get("in");
    if (in.signum() == 0 && !free) {
      throw new IllegalStateException("a hosted model for nothing: " + id);
    }
    if (model.get("reasoning") instanceof BigDecimal reasoning && reasoning.compareTo((BigDecimal) model.get("out")) != 0) {
      throw new IllegalStateException("reasoning tokens at a rate of their own: " + id);
    }
    String source = null;
    if (free) {
      source = "runs on your own machine";
    } else if (model.get("disputed") instanceof Map<?, ?> disputed) {
      List<String> others = new ArrayList<>();
      new TreeMap<>(disputed).forEach((who, pair) -> others.add(who + " says " + ((List<?>) pair).get(0) + " / " + ((List<?>) pair).get(1)));
      source = "LiteLLM snapshot of " + SNAPSHOT + "; disputed: " + String.join(", ", others);
    }
    out.append("  prices:\n");
    price(out, null, source, in, model, model.get("above_input_tokens"));
    if (model.get("scheduled") instanceof List<?> scheduled) {
      for (Object change : scheduled) {
        Map<?, ?> later = (Map<?, ?>) change;
        price(out, (String) later.get("from"), later.get("source") + " of 2026-08-21", (BigDecimal) later.get("in"), later, null);
      }
    }
  }

  private static void price(StringBuilder out, String from, String source, BigDecimal in, Map<?, ?> rates, Object above) {
    out.append("  - {");
    if (from != null) {
      out.append("from: ").append(from).append(", ");
    }
    if (source != null) {
      out.append("source: \"").append(source).append("\", ");
    }
    rates(out, in, rates);
    if (above instanceof List<?> tiers) {
      out.append(", above: [");
      String comma = "";
      for (Object tier : tiers) {
        Map<?, ?> t = (Map<?, ?>) tier;
        out.append(comma).append("{tokens: ").append(((BigDecimal) t.get("threshold")).toPlainString()).append(", ");
        rates(out, (BigDecimal) t.get("in"), t);
        out.append('}');
        comma = ", ";
      }
      out.append(']');
    }
    out.append("}\n");
  }

  /** A cache rate of 0 in the data of a priced model means "not stated", and then the input rate holds. */
  private static void rates(StringBuilder out, BigDecimal in, Map<?, ?> rates) {
    out.append("in: ").append(in.toPlainString()).append(", out: ").append(rates.get("out") instanceof BigDecimal o ? o.toPlainString() : "0");
    if (rates.get("cache_read") instanceof BigDecimal read && read.signum() > 0) {
      out.append(", cache_read: ").append(read.toPlainString());
    }
    if (rates.get("cache_write_5m") instanceof BigDecimal write && write.signum() > 0) {
      out.append(", cache_write: ").append(write.toPlainString());
    }
  }

  private static void number(StringBuilder out, String key, Object value) {
    if (value instanceof BigDecimal number && number.signum() > 0) {
      out.append("  ").append(key).append(": ").append(number.toPlainString()).append('\n');
    }
  }

  private static List<String> quoted(List<String> names) {
    return names.stream().map(name -> name.indexOf(':') >= 0 ? '"' + name + '"' : name).toList();
  }

  private static Map<String, List<String>> words(String table) {
    Map<String, List<String>> rows = new LinkedHashMap<>();
    for (String line : table.strip().split("\n")) {
      List<String> words = List.of(line.strip().split(" +"));
      rows.put(words.get(0), words.subList(1, words.size()));
    }
    return rows;
  }

  /** Just enough JSON to read well-formed data: objects, arrays, strings, exact numbers. */
  private static final class JsonText {
    private final String text;
    private int at;

    JsonText(String text) {
      this.text = text;
    }

    Object value() {
      char c = next();
      switch (c) {
        case '{' -> {
          Map<String, Object> object = new LinkedHashMap<>();
          for (char d = next(); d != '}'; d = next()) {
            if (d == ',') {
              continue;
            }
            String key = string();
            next();
            object.put(key, value());
          }
          return object;
        }
        case '[' -> {
          List<Object> array = new ArrayList<>();
          for (char d = next(); d != ']'; d = next()) {
            if (d != ',') {
              at--;
              array.add(value());
            }
          }
          return array;
        }
        case '"' -> {
          return string();
        }
        default -> {
          int start = at - 1;
          while (at < text.length() && ",]} \n\r\t".indexOf(text.charAt(at)) < 0) {
            at++;
          }
          String word = text.substring(start, at);
          return switch (word.toLowerCase(Locale.ROOT)) {
            case "true", "false" -> Boolean.valueOf(word);
            case "null" -> "";
            default -> new BigDecimal(word);
          };
        }
      }
    }

    private char next() {
      while (Character.isWhitespace(text.charAt(at))) {
        at++;
      }
      return text.charAt(at++);
    }

    private String string() {
      StringBuilder value = new StringBuilder();
      for (char c = text.charAt(at++); c != '"'; c = text.charAt(at++)) {
        if (c == '\\') {
          c = text.charAt(at++);
          if (c == 'u') {
            value.append((char) Integer.parseInt(text.substring(at, at + 4), 16));
            at += 4;
            continue;
          }
          c = c == 'n' ? '\n' : c == 't' ? '\t' : c;
        }
        value.append(c);
      }
      return value.toString();
    }
  }
}
