package io.dromedary.provider.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Capability;
import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.chat.ProviderFailure.Kind;
import io.dromedary.provider.ModelPath;
import io.dromedary.provider.StreamDecoder;
import io.dromedary.provider.WireFormat;
import io.dromedary.provider.openai.Dialect.Quirk;
import java.io.IOException;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The Chat Completions of OpenAI and of those who speak a dialect of it. For OpenAI itself a request is the client's own fields with {@code model} and {@code stream_options} replaced; nothing below the top
 * level is copied unless it must change.
 *
 * <p>Unknown fields survive both ways, except towards providers that refuse them (Groq, Mistral) and except provider extras that we know ({@code x_groq}, {@code obfuscation}, {@code content_filter_results} ...).
 *
 * <p>Azure's key is sent as {@code api-key}, unless it is a token of Entra (a JWT), which is a bearer. With an API version it asks the deployment of the model's name, without one ({@code v1}) Azure's newer path.
 *
 * <p>Traits of a model it reads, as the head of {@code config/models.yaml} tells them: {@code max_tokens_field}, {@code sampling}, {@code sampling_if_effort_none}; without them the model's name decides.
 */
public final class OpenAiChat implements WireFormat {
  /** Request parameters that reasoning models take at their default only, and the default. */
  private static final Map<String, Integer> SAMPLING = Map.of("temperature", 1, "top_p", 1, "presence_penalty", 0, "frequency_penalty", 0);
  private static final List<String> REFUSED_WHEN_REASONING = List.of("logprobs", "top_logprobs", "logit_bias", "stop");
  /** What other providers' clients send and OpenAI answers with 400. */
  private static final List<String> FOREIGN = List.of("top_k", "thinking");
  private static final List<String> GROQ_REFUSES = List.of("logprobs", "top_logprobs", "logit_bias");
  /** What DeepSeek reads over without a word. */
  private static final List<String> DEEPSEEK_IGNORES = List.of("seed", "logit_bias", "prediction", "verbosity", "modalities", "web_search_options", "metadata", "store", "service_tier", "prompt_cache_key", "user", "top_k");
  private static final BigDecimal MISTRAL_HOTTEST = new BigDecimal("1.5");

  /** The API version that stands for no version at all: Azure's path {@code /openai/v1}. */
  private static final String UNVERSIONED = "v1";

  private final Dialect dialect;
  private final String apiVersion;

  /** Plain OpenAI. */
  public OpenAiChat() {
    this("openai");
  }

  /** @param dialect such as {@code groq}, in any case */
  public OpenAiChat(String dialect) {
    this(dialect, UNVERSIONED);
  }

  /**
   * @param dialect such as {@code groq}, in any case
   * @param apiVersion for Azure: such as {@code 2024-10-21}, whose path names the deployment; {@code v1} or nothing for {@code /openai/v1}. Others have none
   * @throws IllegalArgumentException if the dialect is unknown or the version is none
   */
  public OpenAiChat(String dialect, String apiVersion) {
    this.dialect = Dialect.named(dialect);
    this.apiVersion = apiVersion.isBlank() ? UNVERSIONED : apiVersion.strip();
    if (!this.apiVersion.equals(ModelPath.segment(this.apiVersion))) {
      throw new IllegalArgumentException("api-version `" + apiVersion + "` must look like 2024-10-21, or be v1");
    }
  }

  public Dialect dialect() {
    return dialect;
  }

  @Override
  public Framing framing() {
    return Framing.SSE;
  }

  @Override
  public Map<String, String> authentication(String apiKey) {
    if (apiKey.isEmpty()) {
      return Map.of();
    }
    return dialect.has(Quirk.API_KEY_HEADER) && !isToken(apiKey) ? Map.of("api-key", apiKey) : Map.of("Authorization", "Bearer " + apiKey);
  }

  /** A JWT: its first part is base64 of an object. */
  private static boolean isToken(String key) {
    return key.startsWith("eyJ") && key.indexOf('.') > 0;
  }

  /** Where an operation such as {@code /embeddings} is. */
  String path(String operation, Model model) {
    if (dialect != Dialect.AZURE) {
      return operation;
    }
    return apiVersion.equals(UNVERSIONED) ? "/openai/v1" + operation : "/openai/deployments/" + ModelPath.segment(model.name()) + operation + "?api-version=" + apiVersion;
  }

  @Override
  public Outgoing write(ChatRequest request, Model model) {
    ObjectNode body = request.forProvider();
    List<String> dropped = new ArrayList<>(0);
    withoutNulls(body);
    body.put("model", model.name());
    streaming(body);
    outputLimit(body, model);
    stops(body);
    choices(body, model);
    functions(body);
    if (dialect.has(Quirk.REASONING_MODELS)) {
      drop(body, FOREIGN, dropped);
      if (refusesSampling(body, model)) {
        dropSampling(body, dropped);
      }
    }
    effort(body, model, dropped);
    if (dialect == Dialect.MISTRAL) {
      mistral(body);
    }
    if (dialect == Dialect.GROQ) {
      drop(body, GROQ_REFUSES, dropped);
    }
    if (dialect == Dialect.DEEPSEEK) {
      drop(body, DEEPSEEK_IGNORES, dropped);
      if ("none".equals(body.path("reasoning_effort").asText())) {
        // it thinks unless it is told not to, and in these words only
        body.remove("reasoning_effort");
        body.putObject("thinking").put("type", "disabled");
      }
    }
    ArrayNode messages = new Messages(dialect, model, dropped).of(request.messages());
    responseFormat(body, messages, dropped);
    if (body.get("messages") == request.messages() && messages != request.messages()) {
      body.set("messages", messages);
    }
    if (dialect.has(Quirk.PLAIN_PARTS)) {
      plainTools(body, dropped);
    }
    if (dialect.fields != null) {
      onlyKnown(body, dialect.fields, dropped);
    }
    return new Outgoing(path("/chat/completions", model), Json.bytes(body), dropped.isEmpty() ? List.of() : dropped);
  }

  /** A null is a field left out; not everybody knows. */
  private static void withoutNulls(ObjectNode body) {
    body.properties().removeIf(field -> field.getValue().isNull());
  }

  private void streaming(ObjectNode body) {
    JsonNode options = body.remove("stream_options");
    if (!body.path("stream").asBoolean(false)) {
      return;
    }
    body.put("stream", true);
    if (!dialect.has(Quirk.USAGE_UNASKED)) {
      ObjectNode asked = body.putObject("stream_options");
      if (options instanceof ObjectNode given) {
        asked.setAll(given);
      }
      asked.put("include_usage", true);
    }
  }

  private void outputLimit(ObjectNode body, Model model) {
    JsonNode newer = body.get("max_completion_tokens");
    JsonNode older = body.get("max_tokens");
    if (newer == null && older == null) {
      return;
    }
    String field = model.traits().get("max_tokens_field");
    if (field == null) {
      field = dialect.has(Quirk.MAX_TOKENS) ? "max_tokens"
          : dialect.has(Quirk.REASONING_MODELS) && reasons(model.name()) || newer != null && newer.isNumber() ? "max_completion_tokens"
          : "max_tokens";
    }
    JsonNode limit = newer != null && newer.isNumber() ? newer : older;
    body.remove("max_completion_tokens".equals(field) ? "max_tokens" : "max_completion_tokens");
    if (limit == null || !limit.isNumber()) {
      body.remove(field);
    } else if (body.get(field) != limit) {
      body.set(field, limit);
    }
  }

  private void stops(ObjectNode body) {
    JsonNode stop = body.get("stop");
    if (stop == null) {
      return;
    }
    if (stop.isNull() || stop.isArray() && stop.isEmpty()) {
      body.remove("stop");
    } else if (stop.size() > dialect.maxStops) {
      throw Problem.badField("stop", "`stop` has " + stop.size() + " sequences; " + name() + " takes " + dialect.maxStops);
    }
  }

  private void choices(ObjectNode body, Model model) {
    JsonNode n = body.get("n");
    if (n == null || !dialect.has(Quirk.ONE_CHOICE)) {
      return;
    }
    if (n.asInt(1) > 1) {
      throw Problem.badField("n", "`n` is " + n.asInt() + ", but model `" + model.id() + "` gives one choice a call; ask " + n.asInt() + " times, or another provider");
    }
    body.remove("n");
  }

  private void functions(ObjectNode body) {
    if (dialect.has(Quirk.NO_FUNCTIONS) && body.path("functions").size() > 0) {
      throw Problem.badField("functions", name() + " does not take `functions`; send them as `tools`");
    }
  }

  /** {@code o1}, {@code o3-mini}, {@code gpt-5}, {@code gpt-6-nano} ... but not the chat models among them. */
  static boolean reasons(String name) {
    if (name.length() > 1 && name.charAt(0) == 'o' && Character.isDigit(name.charAt(1))) {
      return true;
    }
    return name.startsWith("gpt-") && name.length() > 4 && name.charAt(4) >= '5' && name.charAt(4) <= '9' && !name.contains("-chat");
  }

  private static boolean refusesSampling(ObjectNode body, Model model) {
    String trait = model.traits().get("sampling");
    boolean refuses = trait == null ? reasons(model.name()) : "none".equals(trait);
    boolean takesThemUnreasoned = trait == null || "true".equals(model.traits().get("sampling_if_effort_none"));
    return refuses && !(takesThemUnreasoned && "none".equals(body.path("reasoning_effort").asText()));
  }

  private static void dropSampling(ObjectNode body, List<String> dropped) {
    for (Map.Entry<String, Integer> parameter : SAMPLING.entrySet()) {
      JsonNode value = body.get(parameter.getKey());
      if (value != null) {
        body.remove(parameter.getKey());
        if (value.isNumber() && value.decimalValue().compareTo(BigDecimal.valueOf(parameter.getValue())) != 0) {
          dropped.add(parameter.getKey());
        }
      }
    }
    drop(body, REFUSED_WHEN_REASONING, dropped);
  }

  private static void drop(ObjectNode body, List<String> fields, List<String> dropped) {
    for (String field : fields) {
      JsonNode value = body.remove(field);
      if (value != null && !value.isNull() && !(value.isBoolean() && !value.booleanValue()) && !(value.isContainerNode() && value.isEmpty())) {
        dropped.add(field);
      }
    }
  }

  private static void onlyKnown(ObjectNode body, Set<String> known, List<String> dropped) {
    for (Iterator<Map.Entry<String, JsonNode>> fields = body.properties().iterator(); fields.hasNext();) {
      Map.Entry<String, JsonNode> field = fields.next();
      if (!known.contains(field.getKey())) {
        if (!field.getValue().isNull()) {
          dropped.add(field.getKey());
        }
        fields.remove();
      } else if (field.getValue().isNull()) {
        fields.remove();
      }
    }
  }

  /** How much to think, in words that the model knows; a model that does not think answers 400 to being told how. */
  private void effort(ObjectNode body, Model model, List<String> dropped) {
    JsonNode effort = body.path("reasoning_effort");
    if (!effort.isTextual() || dialect.has(Quirk.ROUTES) || dialect == Dialect.COMPATIBLE) {
      return;
    }
    if (model.listed() && !model.can(Capability.REASONING)) {
      body.remove("reasoning_effort");
      if (!"none".equals(effort.textValue())) {
        dropped.add("reasoning_effort");
      }
    } else if (dialect == Dialect.GROQ) {
      boolean switched = model.name().contains("qwen");
      body.put("reasoning_effort", switched ? "none".equals(effort.textValue()) ? "none" : "default" : switch (effort.textValue()) {
        case "none", "minimal" -> "low";
        case "xhigh", "max" -> "high";
        default -> effort.textValue();
      });
    }
  }

  /** True where JSON is asked for by words alone, so that the model may put a fence around it. */
  static boolean wantsBareJson(Dialect dialect, ChatRequest request) {
    return dialect.has(Quirk.SCHEMA_ONLY_ALONE) && "json_schema".equals(request.json().path("response_format").path("type").asText()) && request.json().path("tools").size() > 0;
  }

  private static void mistral(ObjectNode body) {
    JsonNode seed = body.remove("seed");
    if (seed != null && seed.isNumber()) {
      body.set("random_seed", seed);
    }
    JsonNode temperature = body.path("temperature");
    if (temperature.isNumber() && temperature.decimalValue().compareTo(MISTRAL_HOTTEST) > 0) {
      body.put("temperature", MISTRAL_HOTTEST);
    }
    if ("required".equals(body.path("tool_choice").asText())) {
      body.put("tool_choice", "any");
    }
    JsonNode effort = body.path("reasoning_effort");
    if (effort.isTextual()) {
      body.put("reasoning_effort", switch (effort.textValue()) {
        case "none", "minimal" -> "none";
        default -> "high";
      });
    }
  }

  /** Where JSON Schema output is refused: any JSON plus an instruction that holds the schema. */
  private void responseFormat(ObjectNode body, ArrayNode messages, List<String> dropped) {
    JsonNode format = body.path("response_format");
    boolean wantsSchema = "json_schema".equals(format.path("type").asText());
    boolean refused = dialect.has(Quirk.NO_SCHEMA) || dialect.has(Quirk.SCHEMA_ONLY_ALONE) && (body.path("stream").asBoolean() || body.path("tools").size() > 0);
    if (!wantsSchema || !refused) {
      return;
    }
    if (body.path("tools").size() > 0 && dialect.has(Quirk.SCHEMA_ONLY_ALONE)) {
      body.remove("response_format");
    } else {
      body.putObject("response_format").put("type", "json_object");
    }
    ArrayNode withInstruction = Json.array();
    withInstruction.addObject().put("role", "system")
        .put("content", "Answer with one JSON object and nothing else. It must conform to this JSON Schema:\n" + Json.text(format.path("json_schema").path("schema")));
    withInstruction.addAll(messages);
    body.set("messages", withInstruction);
    dropped.add("response_format.json_schema");
  }

  private static void plainTools(ObjectNode body, List<String> dropped) {
    JsonNode tools = body.path("tools");
    boolean plain = true;
    for (JsonNode tool : tools) {
      plain &= !tool.has("cache_control") && !tool.path("function").has("cache_control");
    }
    if (plain) {
      return;
    }
    ArrayNode copies = Json.array();
    for (JsonNode tool : tools) {
      ObjectNode copy = tool.deepCopy();
      copy.remove("cache_control");
      if (copy.get("function") instanceof ObjectNode function) {
        function.remove("cache_control");
      }
      copies.add(copy);
    }
    body.set("tools", copies);
    Messages.note(dropped, "cache_control");
  }

  private String name() {
    return "provider dialect `" + dialect.name().toLowerCase(java.util.Locale.ROOT) + "`";
  }

  @Override
  public ChatResponse read(ChatRequest request, Model model, byte[] body) throws IOException {
    return OpenAiAnswer.read(dialect, request, model, body);
  }

  @Override
  public StreamDecoder decoder(ChatRequest request, Model model) {
    return new OpenAiStream(dialect, request, model);
  }

  @Override
  public ProviderFailure failure(String provider, Incoming answer) {
    ProviderFailure failure = OpenAiErrors.failure(provider, answer);
    if (dialect == Dialect.AZURE && failure.kind() == Kind.REFUSED && answer.status() == 404 && failure.code() == null) {
      // "Resource not found" without naming a deployment: our endpoint or API version is wrong, not the request
      return new ProviderFailure(Kind.CREDENTIALS, provider, 404, "provider `" + provider + "` has no such path; check its endpoint and API version", null, null, null, null);
    }
    return failure;
  }
}
