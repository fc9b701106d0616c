package io.dromedary.provider.anthropic;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Capability;
import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.provider.CallIds;
import io.dromedary.provider.ClaudeRules;
import io.dromedary.provider.DroppedParams;
import io.dromedary.provider.InlineData;
import io.dromedary.provider.JsonText;
import io.dromedary.provider.ToolNames;
import io.dromedary.provider.WireFormat.Outgoing;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** One request on its way to Anthropic. Used once. */
final class AnthropicRequest {
  /** Fields that are translated, are ours, or say nothing to a provider; any other is dropped and named. */
  private static final Set<String> KNOWN = Set.of("model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "stop", "n", "tools", "tool_choice",
      "parallel_tool_calls", "response_format", "reasoning_effort", "user", "safety_identifier", "thinking", "service_tier", "modalities", "functions", "function_call", "routing", "models", "provider");
  private static final Set<String> IMAGE_TYPES = Set.of("image/jpeg", "image/png", "image/gif", "image/webp");
  private static final long DEFAULT_MAX_TOKENS = 8_192;
  private static final long DEFAULT_MAX_TOKENS_UNLISTED = 4_096;
  private static final int MOST_CACHE_MARKS = 4;

  private final ChatRequest request;
  private final Model model;
  private final ObjectNode in;
  private final ObjectNode out = Json.object();
  private final ArrayNode system = Json.array();
  private final ArrayNode turns = Json.array();
  private final DroppedParams dropped = new DroppedParams();
  private final CallIds ids = new CallIds("");

  /** The content of the open turn, its role, and how many tool results it begins with. */
  private ArrayNode turn = Json.array();
  private String role = "";
  private int results;
  private int cacheMarks;
  /** True while the tool loop since the last user text has a call without its thinking block, which a thinking budget would need. */
  private boolean thinkingLost;
  /** Names of the tools that the history calls, null while there are none. */
  private @Nullable Map<String, Boolean> calledTools;

  AnthropicRequest(ChatRequest request, Model model) {
    this.request = request;
    this.model = model;
    in = request.json();
  }

  Outgoing write() {
    refuseWhatCannotBeDone();
    long maxTokens = maxTokens();
    out.put("model", model.name()).put("max_tokens", maxTokens);
    messages();
    boolean forcedTool = tools();
    responseFormat();
    if (!system.isEmpty()) {
      out.set("system", system);
    }
    out.set("messages", turns);
    thinkingAndSampling(maxTokens, forcedTool);
    stop();
    extras();
    if (request.stream()) {
      out.put("stream", true);
    }
    for (Map.Entry<String, JsonNode> field : in.properties()) {
      if (!KNOWN.contains(field.getKey()) && ClaudeRules.saysSomething(field.getKey(), field.getValue())) {
        dropped.add(field.getKey());
      }
    }
    return new Outgoing("/v1/messages", Json.bytes(out), dropped.names());
  }

  private void refuseWhatCannotBeDone() {
    if (in.path("n").asInt(1) > 1) {
      throw Problem.badField("n", "`n` is " + in.path("n").asInt() + ", but " + model.id() + " gives one choice a request; send n=1 or choose a model of another provider");
    }
    for (JsonNode modality : in.path("modalities")) {
      if (!"text".equals(modality.asText())) {
        throw Problem.badField("modalities", "`modalities` asks for " + Problem.clip(modality.asText()) + ", but " + model.id() + " answers in text only");
      }
    }
    if (in.path("functions").size() > 0) {
      throw Problem.badField("functions", "`functions` is not translated for " + model.id() + "; send `tools`");
    }
  }

  private long maxTokens() {
    long limit = model.maxOutputTokens() > 0 ? model.maxOutputTokens() : Long.MAX_VALUE;
    if (request.maxOutputTokens().isPresent()) {
      return Math.min(request.maxOutputTokens().getAsLong(), limit);
    }
    String configured = model.traits().get("default_max_tokens");
    long wanted = configured != null ? Long.parseLong(configured) : model.maxOutputTokens() > 0 ? DEFAULT_MAX_TOKENS : DEFAULT_MAX_TOKENS_UNLISTED;
    JsonNode budget = in.path("thinking").path("budget_tokens");
    return Math.min(budget.isNumber() ? wanted + budget.longValue() : wanted, limit);
  }

  // ---- messages

  private void messages() {
    ArrayNode messages = request.messages();
    for (int i = 0; i < messages.size(); i++) {
      JsonNode message = messages.get(i);
      switch (message.path("role").asText()) {
        case "system", "developer" -> system(message, i);
        case "user" -> user(message, i);
        case "assistant" -> assistant(message, i);
        case "tool" -> toolResult(message, i);
        default -> throw Problem.badField("messages[" + i + "].role", "`messages[" + i + "].role` is " + Problem.clip(message.path("role").asText()) + ", which " + model.id() + " does not know; it takes system,"
            + " developer, user, assistant and tool");
      }
      if (message.hasNonNull("name") && !"tool".equals(message.path("role").asText())) {
        dropped.add("messages[].name");
      }
    }
    if (turns.isEmpty() || !"user".equals(turns.get(0).path("role").asText())) {
      turns.insertObject(0).put("role", "user").putArray("content").addObject().put("type", "text").put("text", "Begin.");
    }
    if ("assistant".equals(role)) {
      endWithAssistant();
    }
  }

  /** A conversation that ends with the assistant asks the model to go on from there. Models that refuse this are asked by a user turn; the others refuse only a space at the end. */
  private void endWithAssistant() {
    if ("false".equals(model.traits().get("prefill"))) {
      turn("user").addObject().put("type", "text").put("text", "Continue.");
    } else if (turn.get(turn.size() - 1) instanceof ObjectNode last && last.path("text").isTextual()) {
      last.put("text", last.path("text").textValue().stripTrailing());
    }
  }

  private ArrayNode turn(String next) {
    if (!role.equals(next)) {
      role = next;
      results = 0;
      turn = turns.addObject().put("role", next).putArray("content");
    }
    return turn;
  }

  private void user(JsonNode message, int i) {
    ArrayNode blocks = Json.array();
    JsonNode content = message.path("content");
    if (content.isArray()) {
      for (int j = 0; j < content.size(); j++) {
        userPart(blocks, content.get(j), i, j);
      }
    } else {
      text(blocks, content.asText(""), null);
    }
    cacheControl(message, blocks);
    if (!blocks.isEmpty()) {
      turn("user").addAll(blocks);
      thinkingLost = false;
    }
  }

  /** Models that take system turns take them after a user turn, but not between a call and its results; other system messages go to the top. */
  private void system(JsonNode message, int i) {
    boolean resultsFollow = "tool".equals(request.messages().path(i + 1).path("role").asText());
    if (!"user".equals(role) || resultsFollow || !"true".equals(model.traits().get("system_turns"))) {
      texts(system, message, i);
      return;
    }
    ArrayNode blocks = Json.array();
    texts(blocks, message, i);
    if (!blocks.isEmpty()) {
      turn("system").addAll(blocks);
    }
  }

  private void userPart(ArrayNode blocks, JsonNode part, int i, int j) {
    switch (part.path("type").asText("text")) {
      case "text" -> text(blocks, part.path("text").asText(""), part);
      case "image_url" -> keep(blocks, image(part.path("image_url"), "messages[" + i + "].content[" + j + "].image_url"), part);
      case "file" -> keep(blocks, document(part.path("file"), "messages[" + i + "].content[" + j + "].file"), part);
      default -> throw unknownPart(part, i, j);
    }
  }

  private Problem unknownPart(JsonNode part, int i, int j) {
    String where = "messages[" + i + "].content[" + j + "]";
    return Problem.badField(where, "`" + where + "` is of type " + Problem.clip(part.path("type").asText()) + ", which " + model.id() + " does not take here");
  }

  private ObjectNode image(JsonNode image, String where) {
    String url = image.isTextual() ? image.textValue() : image.path("url").asText("");
    ObjectNode block = Json.object().put("type", "image");
    if (url.regionMatches(true, 0, "https://", 0, 8)) {
      block.putObject("source").put("type", "url").put("url", url);
      return block;
    }
    InlineData data = InlineData.ofUrl(url);
    if (data == null) {
      throw Problem.badField(where, "`" + where + "` must be an https URL or a data URL in base64");
    }
    if (!IMAGE_TYPES.contains(data.mediaType())) {
      throw Problem.badField(where, "`" + where + "` is " + (data.mediaType().isEmpty() ? "of no known type" : Problem.clip(data.mediaType())) + ", but " + model.id() + " reads JPEG, PNG, GIF and WebP");
    }
    block.putObject("source").put("type", "base64").put("media_type", data.mediaType()).put("data", data.base64());
    return block;
  }

  private ObjectNode document(JsonNode file, String where) {
    InlineData data = InlineData.ofUrl(file.path("file_data").asText(""));
    if (data == null || !data.mediaType().equals("application/pdf")) {
      throw Problem.badField(where, "`" + where + "` must hold a PDF as a data URL in `file_data`; " + model.id() + " reads no other file");
    }
    ObjectNode block = Json.object().put("type", "document");
    block.putObject("source").put("type", "base64").put("media_type", data.mediaType()).put("data", data.base64());
    if (file.path("filename").isTextual()) {
      block.put("title", file.path("filename").textValue());
    }
    return block;
  }

  private void assistant(JsonNode message, int i) {
    ArrayNode blocks = Json.array();
    boolean thought = false;
    for (JsonNode block : JsonText.thinkingBlocks(message)) {
      boolean signed = "thinking".equals(block.path("type").asText()) && !block.path("signature").asText("").isEmpty();
      if (signed) {
        blocks.addObject().put("type", "thinking").put("thinking", block.path("thinking").asText("")).put("signature", block.path("signature").textValue());
        thought = true;
      } else if ("redacted_thinking".equals(block.path("type").asText())) {
        blocks.addObject().put("type", "redacted_thinking").put("data", block.path("data").asText(""));
        thought = true;
      }
    }
    texts(blocks, message, i);
    if (message.path("refusal").isTextual()) {
      text(blocks, message.path("refusal").textValue(), null);
    }
    JsonNode calls = message.path("tool_calls");
    for (int c = 0; c < calls.size(); c++) {
      JsonNode call = calls.path(c);
      JsonNode function = call.path("function");
      String name = ToolNames.clean(function.path("name").asText(""));
      if (name.isEmpty()) {
        String where = "messages[" + i + "].tool_calls[" + c + "].function.name";
        throw Problem.badField(where, "`" + where + "` is missing; " + model.id() + " takes function calls only");
      }
      ObjectNode use = blocks.addObject().put("type", "tool_use").put("id", ids.ofCall(call.path("id").asText(""))).put("name", name);
      use.set("input", JsonText.arguments(function.path("arguments")));
      keepCacheControl(call, use);
      if (calledTools == null) {
        calledTools = new LinkedHashMap<>(4);
      }
      calledTools.put(name, true);
      thinkingLost |= !thought;
    }
    if (!blocks.isEmpty()) {
      turn("assistant").addAll(blocks);
    }
  }

  private void toolResult(JsonNode message, int i) {
    ObjectNode block = Json.object().put("type", "tool_result").put("tool_use_id", ids.ofResult(message.path("tool_call_id").asText("")));
    JsonNode content = message.path("content");
    if (content.isArray()) {
      ArrayNode parts = Json.array();
      for (int j = 0; j < content.size(); j++) {
        userPart(parts, content.get(j), i, j);
      }
      if (!parts.isEmpty()) {
        block.set("content", parts);
      }
    } else if (!content.asText("").isBlank()) {
      block.put("content", content.asText());
    }
    if (message.path("is_error").asBoolean(false)) {
      block.put("is_error", true);
    }
    keepCacheControl(message, block);
    // results come first in their turn, whatever else the user said meanwhile
    turn("user").insert(results++, block);
  }

  /** The texts of a message whose content is a string or a list of text and refusal parts. */
  private void texts(ArrayNode blocks, JsonNode message, int i) {
    JsonNode content = message.path("content");
    int before = blocks.size();
    if (content.isArray()) {
      for (int j = 0; j < content.size(); j++) {
        JsonNode part = content.get(j);
        switch (part.path("type").asText("text")) {
          case "text" -> text(blocks, part.path("text").asText(""), part);
          case "refusal" -> text(blocks, part.path("refusal").asText(""), part);
          case "thinking", "redacted_thinking" -> { } // said before
          default -> throw unknownPart(part, i, j);
        }
      }
    } else {
      text(blocks, content.asText(""), null);
    }
    if (blocks.size() > before) {
      cacheControl(message, blocks);
    }
  }

  private void text(ArrayNode blocks, String text, @Nullable JsonNode part) {
    if (!text.isBlank()) {
      keep(blocks, Json.object().put("type", "text").put("text", text), part);
    }
  }

  private void keep(ArrayNode blocks, ObjectNode block, @Nullable JsonNode part) {
    if (part != null) {
      keepCacheControl(part, block);
    }
    blocks.add(block);
  }

  /** A mark on the message stands for one on its last block. */
  private void cacheControl(JsonNode message, ArrayNode blocks) {
    if (!blocks.isEmpty() && blocks.get(blocks.size() - 1) instanceof ObjectNode last && !last.has("cache_control")) {
      keepCacheControl(message, last);
    }
  }

  private void keepCacheControl(JsonNode from, ObjectNode to) {
    JsonNode mark = from.get("cache_control");
    if (mark != null && mark.isObject()) {
      if (cacheMarks == MOST_CACHE_MARKS) {
        dropped.add("cache_control");
        return;
      }
      cacheMarks++;
      to.set("cache_control", mark);
    }
  }

  // ---- tools

  /** @return true if the model must call a tool */
  private boolean tools() {
    JsonNode choice = in.path("tool_choice");
    JsonNode allowed = choice.path("type").asText().equals("allowed_tools") ? choice.path("allowed_tools") : null;
    ArrayNode tools = Json.array();
    JsonNode given = in.path("tools");
    for (int i = 0; i < given.size(); i++) {
      JsonNode tool = given.path(i);
      if (!"function".equals(tool.path("type").asText("function")) || tool.path("function").path("name").asText("").isEmpty()) {
        throw Problem.badField("tools[" + i + "]", "`tools[" + i + "]` must be a named function: " + model.id() + " takes no other tool");
      }
      if (allowed == null || isAllowed(allowed, tool.path("function").path("name").asText())) {
        tools.add(tool(tool));
      }
    }
    String mode = choice.isTextual() ? choice.textValue() : allowed != null ? allowed.path("mode").asText("auto") : "";
    String named = choice.path("function").path("name").asText("");
    if (tools.isEmpty()) {
      if (mode.equals("required") || !named.isEmpty()) {
        throw Problem.badField("tool_choice", "`tool_choice` is only allowed with `tools`");
      }
      toolsOfHistory(tools);
      return false;
    }
    out.set("tools", tools);
    boolean oneAtATime = in.has("parallel_tool_calls") && !in.path("parallel_tool_calls").asBoolean(true);
    String type = !named.isEmpty() ? "tool" : mode.equals("required") ? "any" : mode.equals("none") ? "none" : "auto";
    if ((choice.isMissingNode() || choice.isNull()) && !oneAtATime) {
      return false;
    }
    ObjectNode toolChoice = out.putObject("tool_choice").put("type", type);
    if (!named.isEmpty()) {
      toolChoice.put("name", named);
    }
    if (oneAtATime && !type.equals("none")) {
      toolChoice.put("disable_parallel_tool_use", true);
    }
    return type.equals("tool") || type.equals("any");
  }

  /** A history with calls needs tools to be declared; without any in the request, those that were called are, and may not be called again. */
  private void toolsOfHistory(ArrayNode tools) {
    if (calledTools != null) {
      for (String name : calledTools.keySet()) {
        tools.addObject().put("name", name).putObject("input_schema").put("type", "object");
      }
      out.set("tools", tools);
      out.putObject("tool_choice").put("type", "none");
    }
  }

  private static boolean isAllowed(JsonNode allowed, String name) {
    for (JsonNode tool : allowed.path("tools")) {
      if (name.equals(tool.path("function").path("name").asText())) {
        return true;
      }
    }
    return false;
  }

  private ObjectNode tool(JsonNode given) {
    JsonNode function = given.path("function");
    ObjectNode tool = Json.object().put("name", function.path("name").asText());
    if (function.path("description").isTextual()) {
      tool.put("description", function.path("description").textValue());
    }
    boolean strict = function.path("strict").asBoolean(false);
    if (strict && !model.can(Capability.JSON_SCHEMA)) {
      strict = false;
      dropped.add("tools[].function.strict");
    }
    tool.set("input_schema", inputSchema(strict ? StrictSchema.of(function.path("parameters")) : function.path("parameters")));
    if (strict) {
      tool.put("strict", true);
    }
    keepCacheControl(given, tool);
    keepCacheControl(function, tool);
    return tool;
  }

  private static JsonNode inputSchema(JsonNode parameters) {
    if ("object".equals(parameters.path("type").asText()) && !parameters.has("anyOf") && !parameters.has("oneOf") && !parameters.has("allOf")) {
      return parameters;
    }
    ObjectNode schema = Json.object().put("type", "object");
    if (parameters instanceof ObjectNode object) {
      schema.setAll(object);
      schema.put("type", "object");
      schema.remove(List.of("anyOf", "oneOf", "allOf"));
    }
    if (!schema.has("properties")) {
      schema.putObject("properties");
    }
    return schema;
  }

  // ---- how to answer

  private void responseFormat() {
    JsonNode format = in.path("response_format");
    switch (format.path("type").asText("text")) {
      case "json_schema" -> {
        JsonNode schema = format.path("json_schema").path("schema");
        if (schema.isObject() && model.can(Capability.JSON_SCHEMA)) {
          ObjectNode native_ = outputConfig().putObject("format").put("type", "json_schema");
          native_.set("schema", StrictSchema.of(schema));
        } else {
          instruct(JsonText.instruction(schema));
        }
      }
      case "json_object" -> instruct(JsonText.instruction(MissingNode.getInstance()));
      default -> { }
    }
  }

  private void instruct(String instruction) {
    system.addObject().put("type", "text").put("text", instruction);
  }

  private ObjectNode outputConfig() {
    return out.get("output_config") instanceof ObjectNode config ? config : out.putObject("output_config");
  }

  /** Tells the model how to think, and samples as it may then. */
  private void thinkingAndSampling(long maxTokens, boolean forcedTool) {
    ClaudeRules.Thinking how = ClaudeRules.thinking(request, model, new ClaudeRules.Setting(OptionalLong.of(maxTokens), forcedTool, thinkingLost, "assistant".equals(role)), dropped);
    out.put("max_tokens", how.maxTokens().orElse(maxTokens));
    if (how.thinking() != null) {
      out.set("thinking", how.thinking());
    }
    if (!how.effort().isEmpty()) {
      outputConfig().put("effort", how.effort());
    }
    ClaudeRules.Sampling sampling = ClaudeRules.sampling(in, model, how.on(), dropped);
    set("temperature", sampling.temperature());
    set("top_p", sampling.topP());
    set("top_k", sampling.topK());
  }

  private void set(String name, @Nullable JsonNode value) {
    if (value != null) {
      out.set(name, value);
    }
  }

  private void stop() {
    JsonNode stop = in.path("stop");
    if (!stop.isTextual() && !stop.isArray()) {
      return;
    }
    ArrayNode sequences = Json.array();
    boolean blank = false;
    for (JsonNode one : stop.isTextual() ? Json.array().add(stop) : stop) {
      if (one.asText("").isBlank()) {
        blank = true;
      } else {
        sequences.add(one.asText());
      }
    }
    if (!sequences.isEmpty()) {
      out.set("stop_sequences", sequences);
    }
    if (blank) {
      dropped.add("stop");
    }
  }

  private void extras() {
    String user = in.path("safety_identifier").asText("");
    if (user.isEmpty() || in.path("safety_identifier").isNull()) {
      user = in.path("user").isTextual() ? in.path("user").textValue() : "";
    }
    if (!user.isEmpty()) {
      out.putObject("metadata").put("user_id", user);
    }
    switch (in.path("service_tier").asText("")) {
      case "auto" -> out.put("service_tier", "auto");
      case "default", "standard_only" -> out.put("service_tier", "standard_only");
      case "", "null" -> { }
      default -> dropped.add("service_tier");
    }
  }
}
