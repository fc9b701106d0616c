package io.dromedary.provider.bedrock;

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
import io.dromedary.provider.ModelPath;
import io.dromedary.provider.ToolNames;
import io.dromedary.provider.WireFormat.Outgoing;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** One request on its way to Bedrock. Used once. */
final class BedrockRequest {
  /** Fields that are translated, are ours, or say nothing to a provider; any other is dropped and named. */
  private static final Set<String> KNOWN = Set.of("model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "stop", "n", "tools", "tool_choice",
      "parallel_tool_calls", "response_format", "reasoning_effort", "user", "safety_identifier", "thinking", "modalities", "functions", "function_call", "routing", "models", "provider");
  private static final Map<String, String> IMAGE_FORMATS = Map.of("image/jpeg", "jpeg", "image/png", "png", "image/gif", "gif", "image/webp", "webp");
  private static final String ANSWER_TOOL = "json_answer";
  private static final String NO_CALLS = "Answer in words; do not call a tool.";
  /** Converse takes no blank text, and a tool result must say something. */
  private static final String NO_OUTPUT = "(no output)";
  private static final int MOST_CACHE_POINTS = 4;
  private static final int MAX_METADATA = 256;

  private final ChatRequest request;
  private final Model model;
  private final ObjectNode in;
  private final ObjectNode out = Json.object();
  private final ObjectNode more = Json.object();
  private final ArrayNode system = Json.array();
  private final ArrayNode turns = Json.array();
  private final DroppedParams dropped = new DroppedParams();
  private final CallIds ids = new CallIds(".:");
  private final boolean claude;

  /** The content of the open turn, its role, and how many blocks of tool results it begins with. */
  private ArrayNode turn = Json.array();
  private String role = "";
  private int results;
  private int cachePoints;
  private int documents;
  /** True while the tool loop since the last user text has a call without its thinking block, which a thinking budget would need. */
  private boolean thinkingLost;
  /** Names of the tools that the history calls. */
  private final Map<String, Boolean> calledTools = new LinkedHashMap<>(4);
  private boolean toolsInHistory;

  BedrockRequest(ChatRequest request, Model model) {
    this.request = request;
    this.model = model;
    in = request.json();
    claude = model.name().contains("anthropic.");
  }

  /** @param prefix goes before the model's name */
  Outgoing write(String prefix) {
    refuseWhatCannotBeDone();
    messages();
    boolean forcedTool = tools();
    jsonByWords();
    if (!system.isEmpty()) {
      out.set("system", system);
    }
    out.set("messages", turns);
    ObjectNode inference = Json.object();
    thinkingAndSampling(inference, forcedTool);
    stop(inference);
    if (!inference.isEmpty()) {
      out.set("inferenceConfig", inference);
    }
    user();
    if (!more.isEmpty()) {
      out.set("additionalModelRequestFields", more);
    }
    for (Map.Entry<String, JsonNode> field : in.properties()) {
      if (!KNOWN.contains(field.getKey()) && ClaudeRules.saysSomething(field.getKey(), field.getValue())) {
        dropped.add(field.getKey());
      }
    }
    return new Outgoing("/model/" + ModelPath.segment(prefix + model.name()) + (request.stream() ? "/converse-stream" : "/converse"), Json.bytes(out), dropped.names());
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

  // ---- messages

  private void messages() {
    ArrayNode messages = request.messages();
    for (int i = 0; i < messages.size(); i++) {
      JsonNode message = messages.get(i);
      String from = message.path("role").asText();
      switch (from) {
        case "system", "developer" -> texts(system, message, i);
        case "user" -> user(message, i);
        case "assistant" -> assistant(message, i);
        case "tool" -> toolResult(message, i);
        default -> throw Problem.badField("messages[" + i + "].role", "`messages[" + i + "].role` is " + Problem.clip(from) + ", which " + model.id() + " does not know; it takes system, developer, user, assistant and tool");
      }
      if (message.hasNonNull("name") && !"tool".equals(from)) {
        dropped.add("messages[].name");
      }
    }
    if (turns.isEmpty() || !"user".equals(turns.get(0).path("role").asText())) {
      turns.insertObject(0).put("role", "user").putArray("content").addObject().put("text", "Begin.");
    }
    if ("assistant".equals(role)) {
      endWithAssistant();
    }
  }

  /** A conversation that ends with the assistant asks the model to go on from there. Models that refuse this are asked by a user turn; the others refuse only a space at the end. */
  private void endWithAssistant() {
    if (!claude || "false".equals(model.traits().get("prefill"))) {
      turn("user").addObject().put("text", "Continue.");
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
      text(blocks, content.asText(""));
    }
    cachePoint(message, blocks);
    if (!blocks.isEmpty()) {
      turn("user").addAll(blocks);
      thinkingLost = false;
    }
  }

  private void userPart(ArrayNode blocks, JsonNode part, int i, int j) {
    switch (part.path("type").asText("text")) {
      case "text" -> text(blocks, part.path("text").asText(""));
      case "image_url" -> blocks.add(image(part.path("image_url"), "messages[" + i + "].content[" + j + "].image_url"));
      case "file" -> blocks.add(document(part.path("file"), "messages[" + i + "].content[" + j + "].file"));
      default -> throw unknownPart(part, i, j);
    }
    cachePoint(part, blocks);
  }

  private Problem unknownPart(JsonNode part, int i, int j) {
    String where = "messages[" + i + "].content[" + j + "]";
    return Problem.badField(where, "`" + where + "` is of type " + Problem.clip(part.path("type").asText()) + ", which " + model.id() + " does not take here");
  }

  private ObjectNode image(JsonNode image, String where) {
    InlineData data = InlineData.ofUrl(image.isTextual() ? image.textValue() : image.path("url").asText(""));
    if (data == null) {
      throw Problem.badField(where, "`" + where + "` must be a data URL in base64: " + model.id() + " fetches no addresses");
    }
    String format = IMAGE_FORMATS.get(data.mediaType());
    if (format == null) {
      throw Problem.badField(where, "`" + where + "` is " + (data.mediaType().isEmpty() ? "of no known type" : Problem.clip(data.mediaType())) + ", but " + model.id() + " reads JPEG, PNG, GIF and WebP");
    }
    ObjectNode block = Json.object();
    block.putObject("image").put("format", format).putObject("source").put("bytes", data.base64());
    return block;
  }

  private ObjectNode document(JsonNode file, String where) {
    InlineData data = InlineData.ofUrl(file.path("file_data").asText(""));
    if (data == null || !data.mediaType().equals("application/pdf")) {
      throw Problem.badField(where, "`" + where + "` must hold a PDF as a data URL in `file_data`; " + model.id() + " reads no other file");
    }
    ObjectNode block = Json.object();
    // the model reads the name, which allows few letters: a neutral one
    block.putObject("document").put("format", "pdf").put("name", "document " + ++documents).putObject("source").put("bytes", data.base64());
    return block;
  }

  private void assistant(JsonNode message, int i) {
    ArrayNode blocks = Json.array();
    boolean thought = false;
    for (JsonNode block : claude ? JsonText.thinkingBlocks(message) : List.<JsonNode>of()) {
      boolean signed = "thinking".equals(block.path("type").asText()) && !block.path("signature").asText("").isEmpty();
      if (signed) {
        blocks.addObject().putObject("reasoningContent").putObject("reasoningText").put("text", block.path("thinking").asText("")).put("signature", block.path("signature").asText());
        thought = true;
      } else if ("redacted_thinking".equals(block.path("type").asText())) {
        blocks.addObject().putObject("reasoningContent").put("redactedContent", block.path("data").asText(""));
        thought = true;
      }
    }
    texts(blocks, message, i);
    if (message.path("refusal").isTextual()) {
      text(blocks, message.path("refusal").textValue());
    }
    JsonNode calls = message.path("tool_calls");
    for (int c = 0; c < calls.size(); c++) {
      JsonNode call = calls.path(c);
      String name = ToolNames.clean(call.path("function").path("name").asText(""));
      if (name.isEmpty()) {
        String where = "messages[" + i + "].tool_calls[" + c + "].function.name";
        throw Problem.badField(where, "`" + where + "` is missing; " + model.id() + " takes function calls only");
      }
      ObjectNode use = blocks.addObject().putObject("toolUse").put("toolUseId", ids.ofCall(call.path("id").asText(""))).put("name", name);
      use.set("input", JsonText.arguments(call.path("function").path("arguments")));
      cachePoint(call, blocks);
      calledTools.put(name, true);
      toolsInHistory = true;
      thinkingLost |= !thought;
    }
    if (!blocks.isEmpty()) {
      turn("assistant").addAll(blocks);
    }
  }

  private void toolResult(JsonNode message, int i) {
    ArrayNode parts = Json.array();
    JsonNode content = message.path("content");
    if (content.isArray()) {
      for (int j = 0; j < content.size(); j++) {
        JsonNode part = content.get(j);
        switch (part.path("type").asText("text")) {
          case "text" -> text(parts, part.path("text").asText(""));
          case "image_url" -> parts.add(image(part.path("image_url"), "messages[" + i + "].content[" + j + "].image_url"));
          default -> throw unknownPart(part, i, j);
        }
      }
    } else {
      text(parts, content.asText(""));
    }
    if (parts.isEmpty()) {
      text(parts, NO_OUTPUT);
    }
    ObjectNode block = Json.object();
    ObjectNode result = block.putObject("toolResult").put("toolUseId", ids.ofResult(message.path("tool_call_id").asText("")));
    result.set("content", parts);
    result.put("status", message.path("is_error").asBoolean(false) ? "error" : "success");
    ArrayNode blocks = Json.array().add(block);
    cachePoint(message, blocks);
    // results come first in their turn, whatever else the user said meanwhile
    turn("user");
    for (JsonNode each : blocks) {
      turn.insert(results++, each);
    }
    toolsInHistory = true;
  }

  /** The texts of a message whose content is a string or a list of text and refusal parts. */
  private void texts(ArrayNode blocks, JsonNode message, int i) {
    JsonNode content = message.path("content");
    int before = blocks.size();
    if (content.isArray()) {
      for (int j = 0; j < content.size(); j++) {
        JsonNode part = content.get(j);
        switch (part.path("type").asText("text")) {
          case "text" -> text(blocks, part.path("text").asText(""));
          case "refusal" -> text(blocks, part.path("refusal").asText(""));
          case "thinking", "redacted_thinking" -> { } // said before
          default -> throw unknownPart(part, i, j);
        }
        if (blocks.size() > before) {
          cachePoint(part, blocks);
        }
      }
    } else {
      text(blocks, content.asText(""));
    }
    if (blocks.size() > before) {
      cachePoint(message, blocks);
    }
  }

  private static void text(ArrayNode blocks, String text) {
    if (!text.isBlank()) {
      blocks.addObject().put("text", text);
    }
  }

  /** Bedrock marks the end of what is to be cached by a block of its own. */
  private void cachePoint(JsonNode marked, ArrayNode blocks) {
    if (!marked.path("cache_control").isObject() || blocks.isEmpty() || blocks.get(blocks.size() - 1).has("cachePoint")) {
      return;
    }
    if (cachePoints == MOST_CACHE_POINTS || !model.can(Capability.PROMPT_CACHING)) {
      dropped.add("cache_control");
      return;
    }
    cachePoints++;
    blocks.addObject().putObject("cachePoint").put("type", "default");
  }

  // ---- tools, and the tool that is the answer

  /** The name of the tool whose arguments are the answer: where a JSON Schema is asked for and the client does not force a tool of its own. Null where there is none. */
  static @Nullable String answerTool(ChatRequest request, Model model) {
    JsonNode in = request.json();
    JsonNode format = in.path("response_format");
    if (!"json_schema".equals(format.path("type").asText()) || !model.can(Capability.JSON_SCHEMA) || !isObjectSchema(format.path("json_schema").path("schema"))) {
      return null;
    }
    JsonNode choice = in.path("tool_choice");
    if (in.path("tools").size() > 0 && (choice.isObject() && !"allowed_tools".equals(choice.path("type").asText()) || "required".equals(choice.asText()) || "required".equals(choice.path("allowed_tools").path("mode").asText()))) {
      return null;
    }
    String name = ANSWER_TOOL;
    while (isDeclared(in.path("tools"), name)) {
      name += "_";
    }
    return name;
  }

  private static boolean isDeclared(JsonNode tools, String name) {
    for (JsonNode tool : tools) {
      if (name.equals(tool.path("function").path("name").asText())) {
        return true;
      }
    }
    return false;
  }

  /** True where JSON was asked for by words, so that the model may have put a fence around it. */
  static boolean wantsBareJson(ChatRequest request, Model model) {
    String format = request.json().path("response_format").path("type").asText();
    return format.equals("json_object") || format.equals("json_schema") && answerTool(request, model) == null;
  }

  private void jsonByWords() {
    if (wantsBareJson(request, model)) {
      JsonNode format = in.path("response_format");
      text(system, JsonText.instruction("json_schema".equals(format.path("type").asText()) ? format.path("json_schema").path("schema") : MissingNode.getInstance()));
    }
  }

  /** @return true if the model must call a tool */
  private boolean tools() {
    JsonNode choice = in.path("tool_choice");
    JsonNode allowed = choice.path("type").asText().equals("allowed_tools") ? choice.path("allowed_tools") : null;
    String mode = choice.isTextual() ? choice.textValue() : allowed != null ? allowed.path("mode").asText("auto") : "";
    String named = choice.path("function").path("name").asText("");
    ArrayNode tools = Json.array();
    JsonNode given = in.path("tools");
    for (int i = 0; i < given.size(); i++) {
      JsonNode tool = given.path(i);
      if (!"function".equals(tool.path("type").asText("function")) || tool.path("function").path("name").asText("").isEmpty()) {
        throw Problem.badField("tools[" + i + "]", "`tools[" + i + "]` must be a named function: " + model.id() + " takes no other tool");
      }
      if (allowed == null || isDeclared(allowed.path("tools"), tool.path("function").path("name").asText())) {
        tool(tools, tool);
      }
    }
    if (tools.isEmpty() && (mode.equals("required") || !named.isEmpty())) {
      throw Problem.badField("tool_choice", "`tool_choice` is only allowed with `tools`");
    }
    if (!tools.isEmpty() && in.has("parallel_tool_calls") && in.path("parallel_tool_calls").isBoolean() && !in.path("parallel_tool_calls").booleanValue()) {
      dropped.add("parallel_tool_calls");
    }
    boolean none = mode.equals("none");
    if (none && !toolsInHistory) {
      tools.removeAll();
    }
    boolean mayCall = !none && !tools.isEmpty();
    if (tools.isEmpty() && toolsInHistory) {
      // a history with calls needs its tools declared
      for (String name : calledTools.isEmpty() ? Set.of("tool") : calledTools.keySet()) {
        tools.addObject().putObject("toolSpec").put("name", name).putObject("inputSchema").putObject("json").put("type", "object");
      }
    }
    String answer = answerTool(request, model);
    if (answer != null) {
      JsonNode schema = in.path("response_format").path("json_schema");
      ObjectNode spec = tools.addObject().putObject("toolSpec").put("name", answer);
      String description = schema.path("description").asText("");
      spec.put("description", description.isBlank() || schema.path("description").isNull() ? "Takes the answer. Call it to answer." : "Takes the answer: " + description);
      spec.putObject("inputSchema").set("json", inputSchema(schema.path("schema")));
    }
    if (tools.isEmpty()) {
      return false;
    }
    ObjectNode config = out.putObject("toolConfig");
    config.set("tools", tools);
    if (answer != null) {
      if (mayCall) {
        config.putObject("toolChoice").putObject("any");
      } else {
        config.putObject("toolChoice").putObject("tool").put("name", answer);
      }
      return true;
    }
    if (!mayCall) {
      text(system, NO_CALLS);
      return false;
    }
    if (!named.isEmpty()) {
      config.putObject("toolChoice").putObject("tool").put("name", named);
    } else if (mode.equals("required")) {
      config.putObject("toolChoice").putObject("any");
    } else if (mode.equals("auto")) {
      config.putObject("toolChoice").putObject("auto");
    }
    return !named.isEmpty() || mode.equals("required");
  }

  private void tool(ArrayNode tools, JsonNode given) {
    JsonNode function = given.path("function");
    ObjectNode spec = tools.addObject().putObject("toolSpec").put("name", function.path("name").asText());
    String description = function.path("description").isTextual() ? function.path("description").textValue() : "";
    if (!description.isBlank()) {
      spec.put("description", description);
    }
    spec.putObject("inputSchema").set("json", inputSchema(function.path("parameters")));
    if (function.path("strict").asBoolean(false)) {
      dropped.add("tools[].function.strict");
    }
    cachePoint(given, tools);
    cachePoint(function, tools);
  }

  private static boolean isObjectSchema(JsonNode schema) {
    return schema.isObject() && ("object".equals(schema.path("type").asText()) || !schema.has("type") && schema.has("properties"));
  }

  /** Converse wants an object at the top. */
  private static JsonNode inputSchema(JsonNode parameters) {
    if ("object".equals(parameters.path("type").asText())) {
      return parameters;
    }
    ObjectNode schema = Json.object().put("type", "object");
    if (parameters instanceof ObjectNode object) {
      schema.setAll(object);
      schema.put("type", "object");
    }
    if (!schema.has("properties")) {
      schema.putObject("properties");
    }
    return schema;
  }

  // ---- how to answer

  /** The client's limit, never above the model's; else the model's default, if it has one. */
  private OptionalLong maxTokens() {
    long limit = model.maxOutputTokens() > 0 ? model.maxOutputTokens() : Long.MAX_VALUE;
    OptionalLong asked = request.maxOutputTokens();
    if (asked.isPresent()) {
      return OptionalLong.of(Math.min(asked.getAsLong(), limit));
    }
    String configured = model.traits().get("default_max_tokens");
    JsonNode budget = in.path("thinking").path("budget_tokens");
    return configured == null ? OptionalLong.empty() : OptionalLong.of(Math.min(Long.parseLong(configured) + budget.asLong(0), limit));
  }

  /** Tells the model how to think, and samples as it may then. */
  private void thinkingAndSampling(ObjectNode inference, boolean forcedTool) {
    OptionalLong maxTokens = maxTokens();
    ClaudeRules.Thinking how = thinking(new ClaudeRules.Setting(maxTokens, forcedTool, thinkingLost, "assistant".equals(role)));
    how.maxTokens().ifPresent(most -> inference.put("maxTokens", most));
    if (how.thinking() != null) {
      more.set("thinking", how.thinking());
    }
    if (!how.effort().isEmpty()) {
      more.putObject("output_config").put("effort", how.effort());
    }
    ClaudeRules.Sampling sampling = ClaudeRules.sampling(in, model, how.on(), dropped);
    set(inference, "temperature", sampling.temperature());
    set(inference, "topP", sampling.topP());
    if (claude) {
      set(more, "top_k", sampling.topK());
    } else if (sampling.topK() != null) {
      dropped.add("top_k");
    }
  }

  private ClaudeRules.Thinking thinking(ClaudeRules.Setting setting) {
    if (claude) {
      return ClaudeRules.thinking(request, model, setting, dropped);
    }
    for (String field : List.of("thinking", "reasoning_effort")) {
      JsonNode asked = in.path(field);
      if (asked.isObject() && !"disabled".equals(asked.path("type").asText()) || asked.isTextual() && !"none".equals(asked.textValue())) {
        dropped.add(field);
      }
    }
    return new ClaudeRules.Thinking(null, "", setting.maxTokens(), false);
  }

  private static void set(ObjectNode into, String name, @Nullable JsonNode value) {
    if (value != null) {
      into.set(name, value);
    }
  }

  private void stop(ObjectNode inference) {
    JsonNode stop = in.path("stop");
    if (!stop.isTextual() && !stop.isArray()) {
      return;
    }
    ArrayNode sequences = Json.array();
    for (JsonNode one : stop.isTextual() ? List.of(stop) : stop) {
      if (one.asText("").isBlank()) {
        dropped.add("stop");
      } else {
        sequences.add(one.asText());
      }
    }
    if (!sequences.isEmpty()) {
      inference.set("stopSequences", sequences);
    }
  }

  /** Who asks, where the name fits into Bedrock's metadata. */
  private void user() {
    String field = in.path("safety_identifier").isTextual() ? "safety_identifier" : "user";
    String user = in.path(field).isTextual() ? in.path(field).textValue() : "";
    if (user.isEmpty()) {
      return;
    }
    boolean fits = user.length() <= MAX_METADATA;
    for (int i = 0; fits && i < user.length(); i++) {
      char c = user.charAt(i);
      fits = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || " :_@$#=/+,-.".indexOf(c) >= 0;
    }
    if (fits) {
      out.putObject("requestMetadata").put("user", user);
    } else {
      dropped.add(field);
    }
  }
}
