package io.dromedary.provider.ollama;

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
import io.dromedary.chat.Usage;
import io.dromedary.provider.CanonicalAnswer;
import io.dromedary.provider.JsonText;
import io.dromedary.provider.StreamDecoder;
import io.dromedary.provider.WireFormat;
import io.dromedary.provider.openai.OpenAiErrors;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Ollama's own {@code /api/chat}. It ignores names it does not know without a word, so every parameter is put where it counts or is named as dropped. Needs no key; one is sent as a bearer token (ollama.com).
 *
 * <p>Trait of a model it reads: {@code num_ctx}. Whether it thinks is its capability {@code reasoning}.
 */
public final class OllamaChat implements WireFormat {
  /** Canonical parameters to {@code options}. */
  private static final Map<String, String> OPTIONS = Map.of("temperature", "temperature", "top_p", "top_p", "top_k", "top_k", "seed", "seed", "presence_penalty", "presence_penalty",
      "frequency_penalty", "frequency_penalty", "min_p", "min_p", "repeat_penalty", "repeat_penalty");
  /** Fields that are Ollama's own at the top level, for clients who know where they are. */
  private static final Set<String> SAME = Set.of("keep_alive", "truncate", "logprobs", "top_logprobs");
  /** Fields that are translated by hand, or that need no word: the answer is the same without them. */
  private static final Set<String> HANDLED = Set.of("model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "stop", "tools", "tool_choice", "response_format", "reasoning_effort", "n",
      "options", "think", "functions");

  @Override
  public Framing framing() {
    return Framing.NDJSON;
  }

  @Override
  public Map<String, String> authentication(String apiKey) {
    return apiKey.isEmpty() ? Map.of() : Map.of("Authorization", "Bearer " + apiKey);
  }

  @Override
  public Outgoing write(ChatRequest request, Model model) {
    ObjectNode asked = request.json();
    List<String> dropped = new ArrayList<>(0);
    ObjectNode body = Json.object();
    body.put("model", model.name());
    body.set("messages", messages(request));
    unheard(request, dropped);
    body.put("stream", request.stream());
    if (asked.path("n").asInt(1) > 1) {
      throw Problem.badField("n", "`n` is " + asked.path("n").asInt() + ", but model `" + model.id() + "` gives one choice a call; ask several times, or another provider");
    }
    if (asked.path("functions").size() > 0) {
      throw Problem.badField("functions", "model `" + model.id() + "` does not take `functions`; send them as `tools`");
    }
    ObjectNode options = options(request, model);
    tools(asked, body, dropped);
    format(asked.path("response_format"), body);
    think(asked, body, model, dropped);
    for (Map.Entry<String, JsonNode> field : request.forProvider().properties()) {
      String name = field.getKey();
      if (field.getValue().isNull() || HANDLED.contains(name)) {
        continue;
      }
      if (OPTIONS.containsKey(name)) {
        options.set(OPTIONS.get(name), field.getValue());
      } else if (SAME.contains(name)) {
        body.set(name, field.getValue());
      } else {
        dropped.add(name);
      }
    }
    if (!options.isEmpty()) {
      body.set("options", options);
    }
    return new Outgoing("/api/chat", Json.bytes(body), dropped);
  }

  private static ObjectNode options(ChatRequest request, Model model) {
    ObjectNode options = Json.object();
    if (request.json().get("options") instanceof ObjectNode own) {
      options.setAll(own);
    }
    request.maxOutputTokens().ifPresent(limit -> options.put("num_predict", limit));
    String context = model.traits().get("num_ctx");
    if (context != null) {
      options.put("num_ctx", Long.parseLong(context));
    }
    JsonNode stop = request.json().path("stop");
    if (stop.isTextual()) {
      options.putArray("stop").add(stop);
    } else if (stop.size() > 0) {
      options.set("stop", stop);
    }
    return options;
  }

  /** Ollama has no tool choice: {@code none} means that it gets no tools; a forced one cannot be promised. */
  private static void tools(ObjectNode asked, ObjectNode body, List<String> dropped) {
    JsonNode choice = asked.path("tool_choice");
    JsonNode tools = asked.path("tools");
    if ("none".equals(choice.asText())) {
      return;
    }
    if (choice.isObject()) {
      String name = choice.path("function").path("name").asText("");
      ArrayNode only = Json.array();
      for (JsonNode tool : tools) {
        if (name.isEmpty() || tool.path("function").path("name").asText().equals(name)) {
          only.add(tool);
        }
      }
      tools = only;
      dropped.add("tool_choice");
    } else if ("required".equals(choice.asText())) {
      dropped.add("tool_choice");
    }
    if (tools.size() > 0) {
      body.set("tools", tools);
    }
  }

  private static void format(JsonNode format, ObjectNode body) {
    switch (format.path("type").asText()) {
      case "json_object" -> body.put("format", "json");
      case "json_schema" -> {
        JsonNode schema = format.path("json_schema").path("schema");
        if (schema.isObject()) {
          body.set("format", schema);
        } else {
          body.put("format", "json");
        }
      }
      default -> { }
    }
  }

  private static void think(ObjectNode asked, ObjectNode body, Model model, List<String> dropped) {
    JsonNode own = asked.path("think");
    if (!model.can(Capability.REASONING)) {
      // a model that does not think answers 400 to being told to
      for (String name : List.of("think", "reasoning_effort")) {
        if (asked.hasNonNull(name) && !"none".equals(asked.get(name).asText()) && !"false".equals(asked.get(name).asText())) {
          dropped.add(name);
        }
      }
      return;
    }
    if (own.isBoolean() || own.isTextual()) {
      body.set("think", own);
      return;
    }
    switch (asked.path("reasoning_effort").asText("")) {
      case "" -> { }
      case "none" -> body.put("think", false);
      case "minimal", "low" -> body.put("think", "low");
      case "medium" -> body.put("think", "medium");
      case "xhigh", "max" -> body.put("think", "max");
      default -> body.put("think", "high");
    }
  }

  /** What Ollama's messages have no place for. */
  private static void unheard(ChatRequest request, List<String> dropped) {
    boolean named = false;
    boolean marked = false;
    for (JsonNode message : request.messages()) {
      String role = message.path("role").asText();
      named |= message.hasNonNull("name") && !role.equals("tool") && !role.equals("function");
      marked |= JsonText.isCacheMarked(message);
    }
    if (named) {
      dropped.add("messages[].name");
    }
    if (marked) {
      dropped.add("cache_control");
    }
  }

  private static ArrayNode messages(ChatRequest request) {
    ArrayNode messages = Json.array();
    Map<String, String> names = new HashMap<>(4);
    for (int i = 0; i < request.messages().size(); i++) {
      JsonNode message = request.messages().get(i);
      String role = message.path("role").asText();
      ObjectNode own = messages.addObject();
      own.put("role", "developer".equals(role) ? "system" : "function".equals(role) ? "tool" : role);
      content(message.path("content"), own, i);
      if (message.path("refusal").isTextual() && own.path("content").asText().isEmpty()) {
        own.set("content", message.get("refusal"));
      }
      if (message.path("reasoning_content").isTextual()) {
        own.set("thinking", message.get("reasoning_content"));
      }
      calls(message.path("tool_calls"), own, names);
      if ("tool".equals(role)) {
        String id = message.path("tool_call_id").asText("");
        String name = names.getOrDefault(id, message.path("name").asText(""));
        if (!name.isEmpty()) {
          own.put("tool_name", name);
        }
        if (!id.isEmpty()) {
          own.put("tool_call_id", id);
        }
      } else if ("function".equals(role)) {
        own.put("tool_name", message.path("name").asText(""));
      }
    }
    return messages;
  }

  private static void content(JsonNode content, ObjectNode own, int position) {
    if (!content.isArray()) {
      own.put("content", content.asText(""));
      return;
    }
    StringBuilder text = new StringBuilder();
    ArrayNode images = null;
    for (JsonNode part : content) {
      String type = part.path("type").asText();
      switch (type) {
        case "text", "refusal" -> text.append(text.isEmpty() ? "" : "\n").append(part.path(type).asText(""));
        case "image_url" -> {
          images = images == null ? own.putArray("images") : images;
          images.add(base64(part.path("image_url"), position));
        }
        case "thinking", "redacted_thinking" -> { } // another provider's
        default -> throw Problem.badField("messages[" + position + "].content", "a content part of type `" + Problem.clip(type) + "` cannot be sent to ollama; it takes `text` and `image_url`");
      }
    }
    own.put("content", text.toString());
  }

  private static String base64(JsonNode image, int position) {
    String url = image.isTextual() ? image.textValue() : image.path("url").asText("");
    int comma = url.indexOf(',');
    if (!url.startsWith("data:") || comma < 0 || !url.startsWith(";base64", comma - 7)) {
      throw Problem.badField("messages[" + position + "].content", "ollama takes images as `data:image/...;base64,` only, and the gateway fetches no URL named by a request: `" + Problem.clip(url) + "`");
    }
    return url.substring(comma + 1);
  }

  private static void calls(JsonNode calls, ObjectNode own, Map<String, String> names) {
    if (calls.isEmpty()) {
      return;
    }
    ArrayNode copies = own.putArray("tool_calls");
    for (JsonNode call : calls) {
      String id = call.path("id").asText("");
      String name = call.path("function").path("name").asText("");
      names.put(id, name);
      ObjectNode copy = copies.addObject();
      if (!id.isEmpty()) {
        copy.put("id", id);
      }
      copy.putObject("function").put("name", name).set("arguments", object(call.path("function").path("arguments")));
    }
  }

  /** Past arguments as an object; what is none becomes an empty one. */
  private static ObjectNode object(JsonNode arguments) {
    if (arguments instanceof ObjectNode object) {
      return object;
    }
    try {
      return Json.read(arguments.asText("")) instanceof ObjectNode object ? object : Json.object();
    } catch (IOException broken) {
      return Json.object();
    }
  }

  @Override
  public ChatResponse read(ChatRequest request, Model model, byte[] body) throws IOException {
    if (!(Json.read(body) instanceof ObjectNode answer)) {
      throw new IOException("provider `" + model.provider() + "` answered something that is no JSON object");
    }
    if (answer.hasNonNull("error")) {
      throw OpenAiErrors.inside200(model.provider(), answer);
    }
    if (!(answer.get("message") instanceof ObjectNode said)) {
      throw new IOException("provider `" + model.provider() + "` answered JSON without `message`");
    }
    if (!answer.path("done").asBoolean(true)) {
      throw new IOException("provider `" + model.provider() + "` answered a stream's first line to a request for a whole answer");
    }
    ArrayNode calls = toolCalls(said.path("tool_calls"), request, 0);
    String text = said.path("content").asText("");
    CanonicalAnswer canonical = new CanonicalAnswer("", model.id(), request);
    canonical.choice(0, text.isEmpty() && !calls.isEmpty() ? null : text, null, said.path("thinking").asText(""), calls, logprobs(answer), finishReason(answer, !calls.isEmpty()));
    return canonical.with(usage(answer));
  }

  /** Canonical calls; the first one is the answer's call number {@code first}. */
  static ArrayNode toolCalls(JsonNode calls, ChatRequest request, int first) {
    ArrayNode canonical = Json.array();
    for (JsonNode call : calls) {
      String id = call.path("id").asText("");
      JsonNode arguments = call.path("function").path("arguments");
      canonical.add(CanonicalAnswer.toolCall(id.isEmpty() ? CanonicalAnswer.toolCallId(request, 0, first + canonical.size()) : id, call.path("function").path("name").asText(""),
          arguments.isTextual() ? arguments.textValue() : arguments.isObject() ? Json.text(arguments) : "{}"));
    }
    return canonical;
  }

  /** OpenAI's {@code logprobs}, from Ollama's list of tokens; null if there is none. */
  static @Nullable ObjectNode logprobs(JsonNode answer) {
    JsonNode tokens = answer.path("logprobs");
    if (tokens.isEmpty()) {
      return null;
    }
    ObjectNode logprobs = Json.object();
    ArrayNode content = logprobs.putArray("content");
    for (JsonNode token : tokens) {
      if (token instanceof ObjectNode known) {
        // both are required by OpenAI's schema
        if (!known.has("bytes")) {
          known.putNull("bytes");
        }
        if (!known.path("top_logprobs").isArray()) {
          known.putArray("top_logprobs");
        }
        for (JsonNode other : known.path("top_logprobs")) {
          if (other instanceof ObjectNode alternative && !alternative.has("bytes")) {
            alternative.putNull("bytes");
          }
        }
        content.add(known);
      }
    }
    logprobs.putNull("refusal");
    return logprobs;
  }

  static String finishReason(JsonNode answer, boolean calls) {
    return calls ? "tool_calls" : "length".equals(answer.path("done_reason").asText()) ? "length" : "stop";
  }

  /** Ollama leaves counts of zero out: absent is zero. Null before the last line, and when the counts cannot be. */
  static @Nullable Usage usage(JsonNode answer) {
    long input = answer.path("prompt_eval_count").asLong(0);
    long output = answer.path("eval_count").asLong(0);
    boolean absurd = input < 0 || output < 0 || input > 100_000_000 || output > 100_000_000;
    return absurd || !answer.path("done").asBoolean(false) ? null : Usage.ofPrompt(input, 0, 0, output, 0);
  }

  @Override
  public StreamDecoder decoder(ChatRequest request, Model model) {
    return new OllamaStream(request, model);
  }

  @Override
  public ProviderFailure failure(String provider, Incoming answer) {
    return OpenAiErrors.failure(provider, answer);
  }
}
