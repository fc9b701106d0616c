package io.dromedary.provider.gemini;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Capability;
import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.provider.DroppedParams;
import io.dromedary.provider.InlineData;
import io.dromedary.provider.JsonText;
import io.dromedary.provider.ModelPath;
import io.dromedary.provider.ToolNames;
import io.dromedary.provider.WireFormat.Outgoing;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** One request on its way to Gemini. Used once. */
final class GeminiRequest {
  /** Tells Gemini 3 that a call's thought signature is lost, because another provider made the call. */
  static final String NO_SIGNATURE = "skip_thought_signature_validator";

  /** Fields that are translated, are ours, or say nothing to a provider; any other is dropped and named. */
  private static final Set<String> KNOWN = Set.of("model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "stop", "n", "seed", "presence_penalty",
      "frequency_penalty", "logprobs", "top_logprobs", "tools", "tool_choice", "response_format", "reasoning_effort", "modalities", "functions", "function_call", "routing", "models", "provider");
  private static final Set<String> MEDIA_TYPES = Set.of("image/png", "image/jpeg", "image/webp", "image/gif", "image/heic", "image/heif");
  private static final int MAX_STOPS = 5;
  private static final int MAX_CANDIDATES = 8;

  private final ChatRequest request;
  private final Model model;
  private final ObjectNode in;
  private final ObjectNode out = Json.object();
  private final ObjectNode config = Json.object();
  private final ArrayNode system = Json.array();
  private final ArrayNode contents = Json.array();
  private final DroppedParams dropped = new DroppedParams();
  private final int generation;
  private final boolean signsThoughts;

  /** The parts of the open turn and its role; "" when the next text must open a turn of its own. */
  private ArrayNode parts = Json.array();
  private String role = "";
  /** The calls of the last assistant turn, in its order, and what answered them so far. */
  private final List<Call> calls = new ArrayList<>(4);
  /** What of their results is no text and follows them in a turn of its own. */
  private @Nullable ArrayNode media;

  private static final class Call {
    final String id;
    final String name;
    @Nullable ObjectNode response;

    Call(String id, String name) {
      this.id = id;
      this.name = name;
    }
  }

  GeminiRequest(ChatRequest request, Model model) {
    this.request = request;
    this.model = model;
    in = request.json();
    generation = GeminiNames.generation(model);
    signsThoughts = "true".equals(model.traits().getOrDefault("thought_signatures", generation >= 30 ? "true" : "false"));
  }

  Outgoing write() {
    refuseWhatCannotBeDone();
    messages();
    boolean tools = tools();
    responseFormat(tools);
    sampling();
    thinking();
    if (!system.isEmpty()) {
      out.putObject("systemInstruction").set("parts", system);
    }
    out.set("contents", contents);
    if (!config.isEmpty()) {
      out.set("generationConfig", config);
    }
    for (Map.Entry<String, JsonNode> field : in.properties()) {
      if (field.getKey().equals("parallel_tool_calls") ? tools && !field.getValue().asBoolean(true) : !KNOWN.contains(field.getKey()) && saysSomething(field.getValue())) {
        dropped.add(field.getKey());
      }
    }
    String name = model.name().startsWith("models/") ? model.name().substring(7) : model.name();
    return new Outgoing("/v1beta/models/" + ModelPath.segment(name) + (request.stream() ? ":streamGenerateContent?alt=sse" : ":generateContent"), Json.bytes(out), dropped.names());
  }

  private static boolean saysSomething(JsonNode value) {
    return !(value.isNull() || value.isBoolean() && !value.booleanValue() || value.isContainerNode() && value.isEmpty());
  }

  private void refuseWhatCannotBeDone() {
    for (JsonNode modality : in.path("modalities")) {
      if (!"text".equals(modality.asText())) {
        throw Problem.badField("modalities", "`modalities` asks for " + Problem.clip(modality.asText()) + ", but the gateway asks " + model.id() + " for text only");
      }
    }
    if (in.path("functions").size() > 0) {
      throw Problem.badField("functions", "`functions` is not translated for " + model.id() + "; send `tools`");
    }
  }

  // ---- messages

  private void messages() {
    ArrayNode messages = request.messages();
    for (int i = 0; i < messages.size(); i++) {
      JsonNode message = messages.get(i);
      String who = message.path("role").asText();
      switch (who) {
        case "system", "developer" -> texts(system, message, i);
        case "user" -> user(message, i);
        case "assistant" -> assistant(message, i);
        case "tool" -> toolResult(message, i);
        default -> throw Problem.badField("messages[" + i + "].role", "`messages[" + i + "].role` is " + Problem.clip(who) + ", which " + model.id() + " does not know; it takes system, developer, user, assistant"
            + " and tool");
      }
      if (message.hasNonNull("name") && !who.equals("tool")) {
        dropped.add("messages[].name");
      }
      if (JsonText.isCacheMarked(message)) {
        dropped.add("cache_control");
      }
    }
    answerCalls();
    if (contents.isEmpty() || !"user".equals(contents.get(0).path("role").asText())) {
      contents.insertObject(0).put("role", "user").putArray("parts").addObject().put("text", "Begin.");
    }
  }

  private ArrayNode turn(String next) {
    if (!role.equals(next)) {
      role = next;
      parts = contents.addObject().put("role", next).putArray("parts");
    }
    return parts;
  }

  private void user(JsonNode message, int i) {
    answerCalls();
    ArrayNode said = Json.array();
    JsonNode content = message.path("content");
    if (content.isArray()) {
      for (int j = 0; j < content.size(); j++) {
        userPart(said, content.get(j), i, j);
      }
    } else {
      text(said, content.asText(""));
    }
    if (!said.isEmpty()) {
      turn("user").addAll(said);
    }
  }

  private void userPart(ArrayNode said, JsonNode part, int i, int j) {
    String where = "messages[" + i + "].content[" + j + "].";
    switch (part.path("type").asText("text")) {
      case "text" -> text(said, part.path("text").asText(""));
      case "image_url" -> inline(said, image(part.path("image_url"), where + "image_url"));
      case "input_audio" -> inline(said, audio(part.path("input_audio"), where + "input_audio"));
      case "file" -> inline(said, file(part.path("file"), where + "file"));
      default -> throw unknownPart(part, i, j);
    }
  }

  private Problem unknownPart(JsonNode part, int i, int j) {
    String where = "messages[" + i + "].content[" + j + "]";
    return Problem.badField(where, "`" + where + "` is of type " + Problem.clip(part.path("type").asText()) + ", which " + model.id() + " does not take here");
  }

  private static void inline(ArrayNode said, InlineData data) {
    said.addObject().putObject("inlineData").put("mimeType", data.mediaType()).put("data", data.base64());
  }

  private InlineData image(JsonNode image, String where) {
    String url = image.isTextual() ? image.textValue() : image.path("url").asText("");
    InlineData data = InlineData.ofUrl(url);
    if (data == null) {
      throw Problem.badField(where, "`" + where + "` must be a data URL in base64: " + model.id() + " loads no images by URL, and the gateway loads none for it");
    }
    if (!MEDIA_TYPES.contains(data.mediaType())) {
      throw Problem.badField(where, "`" + where + "` is " + (data.mediaType().isEmpty() ? "of no known type" : Problem.clip(data.mediaType())) + ", but " + model.id() + " reads PNG, JPEG, WebP, GIF, HEIC and HEIF");
    }
    return data;
  }

  private InlineData audio(JsonNode audio, String where) {
    String format = audio.path("format").asText("");
    if (!format.equals("wav") && !format.equals("mp3") || audio.path("data").asText("").isEmpty()) {
      throw Problem.badField(where, "`" + where + "` must have `data` and a `format` of wav or mp3");
    }
    return new InlineData("audio/" + format, audio.path("data").asText());
  }

  private InlineData file(JsonNode file, String where) {
    InlineData data = InlineData.ofUrl(file.path("file_data").asText(""));
    if (data == null || !data.mediaType().equals("application/pdf")) {
      throw Problem.badField(where, "`" + where + "` must hold a PDF as a data URL in `file_data`; the gateway passes no other file to " + model.id());
    }
    return data;
  }

  private void assistant(JsonNode message, int i) {
    answerCalls();
    if (!role.equals("model")) {
      // calls of an earlier turn that nobody answered must not take the results of this one's
      calls.clear();
    }
    ArrayNode said = Json.array();
    texts(said, message, i);
    text(said, message.path("refusal").asText(""));
    String ownSignature = signature(message);
    if (!ownSignature.isEmpty() && !said.isEmpty()) {
      ((ObjectNode) said.get(said.size() - 1)).put("thoughtSignature", ownSignature);
    }
    JsonNode toolCalls = message.path("tool_calls");
    for (int c = 0; c < toolCalls.size(); c++) {
      JsonNode call = toolCalls.path(c);
      String name = GeminiNames.toGemini(ToolNames.clean(call.path("function").path("name").asText("")));
      if (name.isEmpty()) {
        String where = "messages[" + i + "].tool_calls[" + c + "].function.name";
        throw Problem.badField(where, "`" + where + "` is missing; " + model.id() + " takes function calls only");
      }
      ObjectNode part = said.addObject();
      part.putObject("functionCall").put("name", name).set("args", JsonText.arguments(call.path("function").path("arguments")));
      String signature = signature(call);
      if (!signature.isEmpty()) {
        part.put("thoughtSignature", signature);
      } else if (c == 0 && signsThoughts) {
        part.put("thoughtSignature", NO_SIGNATURE);
      }
      calls.add(new Call(call.path("id").asText(""), name));
    }
    if (!said.isEmpty()) {
      turn("model").addAll(said);
    }
  }

  private static String signature(JsonNode owner) {
    return owner.path("extra_content").path("google").path("thought_signature").asText("");
  }

  private void toolResult(JsonNode message, int i) {
    String id = message.path("tool_call_id").asText("");
    Call answered = null;
    for (Call call : calls) {
      if (call.response == null && call.id.equals(id)) {
        answered = call;
        break;
      }
    }
    if (answered == null) {
      String where = "messages[" + i + "].tool_call_id";
      throw Problem.badField(where, "`" + where + "` is " + Problem.clip(id) + ", which is no unanswered tool call of the assistant's turn before it");
    }
    JsonNode content = message.path("content");
    String text;
    if (content.isArray()) {
      StringBuilder joined = new StringBuilder();
      for (int j = 0; j < content.size(); j++) {
        JsonNode part = content.get(j);
        if ("text".equals(part.path("type").asText("text"))) {
          joined.append(joined.isEmpty() ? "" : "\n").append(part.path("text").asText(""));
        } else {
          media = media == null ? Json.array() : media;
          userPart(media, part, i, j);
        }
      }
      text = joined.toString();
    } else {
      text = content.asText("");
    }
    answered.response = response(text);
  }

  /** A function's response must be an object; anything else is put into one. */
  private static ObjectNode response(String text) {
    JsonNode json = JsonText.container(text);
    if (json instanceof ObjectNode object) {
      return object;
    }
    ObjectNode wrapped = Json.object();
    return json == null ? wrapped.put("result", text) : wrapped.set("result", json);
  }

  /** Writes the results of one assistant turn as one turn, in the order of the calls: Gemini tells equal names apart by their place. */
  private void answerCalls() {
    boolean any = false;
    for (Call call : calls) {
      any |= call.response != null;
    }
    if (any) {
      ArrayNode answers = contents.addObject().put("role", "user").putArray("parts");
      for (Call call : calls) {
        if (call.response != null) {
          answers.addObject().putObject("functionResponse").put("name", call.name).set("response", call.response);
        }
      }
      role = "";
      if (media != null) {
        turn("user").addAll(media);
        media = null;
      }
      calls.clear();
    }
  }

  private void texts(ArrayNode said, JsonNode message, int i) {
    JsonNode content = message.path("content");
    if (!content.isArray()) {
      text(said, content.asText(""));
      return;
    }
    for (int j = 0; j < content.size(); j++) {
      JsonNode part = content.get(j);
      switch (part.path("type").asText("text")) {
        case "text" -> text(said, part.path("text").asText(""));
        case "refusal" -> text(said, part.path("refusal").asText(""));
        case "thinking", "redacted_thinking" -> { } // another provider's
        default -> throw unknownPart(part, i, j);
      }
    }
  }

  private static void text(ArrayNode said, String text) {
    if (!text.isEmpty()) {
      said.addObject().put("text", text);
    }
  }

  // ---- tools

  /** @return true if there are any */
  private boolean tools() {
    JsonNode given = in.path("tools");
    JsonNode choice = in.path("tool_choice");
    String named = choice.path("function").path("name").asText("");
    JsonNode allowed = choice.path("allowed_tools");
    String mode = choice.isTextual() ? choice.textValue() : allowed.path("mode").asText("");
    if (given.isEmpty()) {
      if (mode.equals("required") || !named.isEmpty()) {
        throw Problem.badField("tool_choice", "`tool_choice` is only allowed with `tools`");
      }
      return false;
    }
    ArrayNode declarations = out.putArray("tools").addObject().putArray("functionDeclarations");
    for (int i = 0; i < given.size(); i++) {
      JsonNode function = given.path(i).path("function");
      if (!"function".equals(given.path(i).path("type").asText("function")) || function.path("name").asText("").isEmpty()) {
        throw Problem.badField("tools[" + i + "]", "`tools[" + i + "]` must be a named function: " + model.id() + " takes no other tool");
      }
      ObjectNode declaration = declarations.addObject().put("name", GeminiNames.toGemini(function.path("name").asText()));
      if (function.path("description").isTextual()) {
        declaration.put("description", function.path("description").textValue());
      }
      if (function.path("parameters").size() > 0) {
        declaration.set("parametersJsonSchema", function.path("parameters"));
      }
      if (function.path("strict").asBoolean(false)) {
        dropped.add("tools[].function.strict");
      }
    }
    if (!named.isEmpty()) {
      calling("ANY").putArray("allowedFunctionNames").add(GeminiNames.toGemini(named));
    } else if (allowed.isObject()) {
      ArrayNode names = calling(mode.equals("required") ? "ANY" : "VALIDATED").putArray("allowedFunctionNames");
      for (JsonNode tool : allowed.path("tools")) {
        names.add(GeminiNames.toGemini(tool.path("function").path("name").asText()));
      }
    } else if (!mode.isEmpty()) {
      calling(mode.equals("required") ? "ANY" : mode.equals("none") ? "NONE" : "AUTO");
    }
    return true;
  }

  private ObjectNode calling(String mode) {
    return out.putObject("toolConfig").putObject("functionCallingConfig").put("mode", mode);
  }

  // ---- how to answer

  private void responseFormat(boolean tools) {
    JsonNode format = in.path("response_format");
    String type = format.path("type").asText("text");
    if (!type.equals("json_object") && !type.equals("json_schema")) {
      return;
    }
    JsonNode schema = format.path("json_schema").path("schema");
    boolean schemaGiven = type.equals("json_schema") && schema.isObject();
    // before the third generation JSON output and functions exclude each other
    if (tools && generation < 30 || schemaGiven && !model.can(Capability.JSON_SCHEMA)) {
      text(system, JsonText.instruction(schemaGiven ? schema : MissingNode.getInstance()));
      return;
    }
    config.put("responseMimeType", "application/json");
    if (schemaGiven) {
      config.set("responseJsonSchema", schema);
    }
  }

  private void sampling() {
    number("temperature", "temperature");
    number("top_p", "topP");
    number("top_k", "topK");
    number("seed", "seed");
    number("presence_penalty", "presencePenalty");
    number("frequency_penalty", "frequencyPenalty");
    if (request.maxOutputTokens().isPresent()) {
      long wanted = request.maxOutputTokens().getAsLong();
      config.put("maxOutputTokens", model.maxOutputTokens() > 0 ? Math.min(wanted, model.maxOutputTokens()) : wanted);
    }
    int n = in.path("n").asInt(1);
    if (n > MAX_CANDIDATES) {
      throw Problem.badField("n", "`n` is " + n + ", but " + model.id() + " gives at most " + MAX_CANDIDATES + " choices a request");
    }
    if (n > 1) {
      config.put("candidateCount", n);
    }
    if (in.path("logprobs").asBoolean(false)) {
      config.put("responseLogprobs", true);
      number("top_logprobs", "logprobs");
    }
    stop();
  }

  private void stop() {
    JsonNode stop = in.path("stop");
    ArrayNode sequences = Json.array();
    for (JsonNode one : stop.isTextual() ? Json.array().add(stop) : stop) {
      if (!one.asText("").isEmpty()) {
        sequences.add(one.asText());
      }
    }
    if (sequences.size() > MAX_STOPS) {
      throw Problem.badField("stop", "`stop` has " + sequences.size() + " entries, but " + model.id() + " takes at most " + MAX_STOPS);
    }
    if (!sequences.isEmpty()) {
      config.set("stopSequences", sequences);
    }
  }

  private void number(String from, String to) {
    JsonNode value = in.path(from);
    if (value.isNumber()) {
      config.set(to, value);
    }
  }

  private void thinking() {
    String effort = in.path("reasoning_effort").asText("");
    if (effort.isEmpty()) {
      return;
    }
    String kind = model.traits().getOrDefault("reasoning", generation >= 30 ? "level" : generation >= 25 ? "budget" : "");
    boolean pro = model.name().contains("-pro");
    if (kind.equals("level")) {
      String level = switch (effort) {
        // these models cannot but think; pro knows no less than LOW
        case "none", "minimal" -> pro ? "LOW" : "MINIMAL";
        case "low" -> "LOW";
        case "medium" -> "MEDIUM";
        default -> "HIGH";
      };
      config.putObject("thinkingConfig").put("thinkingLevel", level).put("includeThoughts", !effort.equals("none"));
    } else if (kind.equals("budget")) {
      int budget = switch (effort) {
        // the least that a model takes which cannot but think
        case "none" -> "false".equals(model.traits().getOrDefault("reasoning_off", pro ? "false" : "true")) ? 128 : 0;
        case "minimal", "low" -> 1_024;
        case "medium" -> 8_192;
        default -> 24_576;
      };
      config.putObject("thinkingConfig").put("thinkingBudget", budget).put("includeThoughts", !effort.equals("none"));
    } else if (!effort.equals("none")) {
      dropped.add("reasoning_effort");
    }
  }
}
