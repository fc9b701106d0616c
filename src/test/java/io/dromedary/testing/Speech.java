package io.dromedary.testing;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Json;
import io.dromedary.testing.FakeProvider.Said;
import io.dromedary.testing.FakeProvider.Tool;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What one provider's API says: whole answers, stream frames and errors. */
enum Speech {
  OPENAI {
    @Override String whole(Said said) {
      ObjectNode json = json("{'id':'chatcmpl-fake','object':'chat.completion','created':1795218700,'service_tier':'default','system_fingerprint':'fp_fake'}").put("model", said.model());
      ObjectNode choice = json.putArray("choices").addObject().put("index", 0);
      ObjectNode message = choice.putObject("message").put("role", "assistant").put("content", said.tools().isEmpty() ? said.text() : null).putNull("refusal");
      message.putArray("annotations");
      if (!said.tools().isEmpty()) {
        ArrayNode calls = message.putArray("tool_calls");
        for (Tool tool : said.tools()) {
          calls.addObject().put("id", "call_fake" + (calls.size() + 1)).put("type", "function").putObject("function").put("name", tool.name()).put("arguments", tool.arguments());
        }
      }
      choice.putNull("logprobs").put("finish_reason", said.tools().isEmpty() ? "stop" : "tool_calls");
      if (said.input() != null) {
        json.set("usage", usage(said));
      }
      return Json.text(json);
    }

    private ObjectNode usage(Said said) {
      ObjectNode usage = Json.object().put("prompt_tokens", said.input()).put("completion_tokens", said.output()).put("total_tokens", said.input() + said.output());
      usage.putObject("prompt_tokens_details").put("cached_tokens", 0).put("audio_tokens", 0);
      usage.putObject("completion_tokens_details").put("reasoning_tokens", 0);
      return usage;
    }

    private String chunk(Said said, ObjectNode delta, @Nullable String finish) {
      ObjectNode json = json("{'id':'chatcmpl-fake','object':'chat.completion.chunk','created':1795218700}").put("model", said.model());
      ObjectNode choice = json.putArray("choices").addObject().put("index", 0);
      choice.set("delta", delta);
      choice.putNull("logprobs").put("finish_reason", finish);
      if (said.usageAsked()) {
        json.putNull("usage");
      }
      json.put("obfuscation", "x9");
      return sse(null, json);
    }

    @Override List<String> opening(Said said) {
      return List.of(chunk(said, json("{'role':'assistant','content':'','refusal':null}"), null));
    }

    @Override String word(Said said, int index, String word) {
      return chunk(said, Json.object().put("content", word), null);
    }

    @Override List<String> toolCall(Said said) {
      List<String> frames = new ArrayList<>(4);
      for (int i = 0; i < said.tools().size(); i++) {
        Tool tool = said.tools().get(i);
        ObjectNode start = Json.object();
        start.putArray("tool_calls").addObject().put("index", i).put("id", "call_fake" + (i + 1)).put("type", "function").putObject("function").put("name", tool.name()).put("arguments", "");
        ObjectNode rest = Json.object();
        rest.putArray("tool_calls").addObject().put("index", i).putObject("function").put("arguments", tool.arguments());
        frames.add(chunk(said, start, null));
        frames.add(chunk(said, rest, null));
      }
      return frames;
    }

    @Override List<String> ending(Said said) {
      List<String> frames = new ArrayList<>(3);
      frames.add(chunk(said, Json.object(), said.tools().isEmpty() ? "stop" : "tool_calls"));
      if (said.usageAsked() && said.input() != null) {
        ObjectNode json = json("{'id':'chatcmpl-fake','object':'chat.completion.chunk','created':1795218700,'choices':[]}").put("model", said.model());
        json.set("usage", usage(said));
        frames.add(sse(null, json));
      }
      frames.add("data: [DONE]\n\n");
      return frames;
    }

    @Override ObjectNode error(int status, String message) {
      ObjectNode json = Json.object();
      ObjectNode error = json.putObject("error").put("message", message).put("type", status == 429 ? "requests" : status >= 500 ? "server_error" : "invalid_request_error").putNull("param");
      error.put("code", status == 429 ? "rate_limit_exceeded" : status == 401 ? "invalid_api_key" : null);
      return json;
    }

    @Override Set<String> fields() {
      return Set.of("messages", "model", "service_tier", "modalities", "verbosity", "reasoning_effort", "max_completion_tokens", "frequency_penalty", "presence_penalty", "web_search_options", "top_logprobs",
          "response_format", "audio", "store", "moderation", "stream", "stop", "logit_bias", "logprobs", "max_tokens", "n", "prediction", "seed", "stream_options", "tools", "tool_choice", "parallel_tool_calls",
          "function_call", "functions", "metadata", "temperature", "top_p", "user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options");
    }
  },

  /** OpenAI's, with content filters. */
  AZURE {
    @Override String whole(Said said) {
      ObjectNode json = json(OPENAI.whole(said));
      json.putArray("prompt_filter_results").add(filtered());
      ((ObjectNode) json.at("/choices/0")).set("content_filter_results", filtered().get("content_filter_results"));
      return Json.text(json);
    }

    private ObjectNode filtered() {
      return json("{'prompt_index':0,'content_filter_results':{'hate':{'filtered':false,'severity':'safe'}}}");
    }

    @Override List<String> opening(Said said) {
      ObjectNode first = json("{'choices':[],'created':0,'id':'','model':'','object':''}");
      first.putArray("prompt_filter_results").add(filtered());
      List<String> frames = new ArrayList<>(List.of(sse(null, first)));
      frames.addAll(OPENAI.opening(said));
      return frames;
    }

    @Override String word(Said said, int index, String word) {
      return OPENAI.word(said, index, word);
    }

    @Override List<String> toolCall(Said said) {
      return OPENAI.toolCall(said);
    }

    @Override List<String> ending(Said said) {
      return OPENAI.ending(said);
    }

    @Override ObjectNode error(int status, String message) {
      ObjectNode json = Json.object();
      json.putObject("error").put("code", status == 404 ? "DeploymentNotFound" : String.valueOf(status)).put("message", message);
      return json;
    }

    @Override Set<String> fields() {
      Set<String> fields = new java.util.HashSet<>(OPENAI.fields());
      fields.add("data_sources");
      return fields;
    }
  },

  ANTHROPIC {
    private ObjectNode usage(long input, long output) {
      return Json.object().put("input_tokens", input).put("cache_creation_input_tokens", 0).put("cache_read_input_tokens", 0).put("output_tokens", output);
    }

    private String stop(int index) {
      return sse("content_block_stop", Json.object().put("type", "content_block_stop").put("index", index));
    }

    @Override String whole(Said said) {
      ObjectNode json = json("{'id':'msg_fake','type':'message','role':'assistant'}").put("model", said.model());
      ArrayNode blocks = json.putArray("content");
      if (said.tools().isEmpty()) {
        blocks.addObject().put("type", "text").put("text", said.text());
      }
      for (Tool tool : said.tools()) {
        blocks.addObject().put("type", "tool_use").put("id", "toolu_fake" + (blocks.size() + 1)).put("name", tool.name()).set("input", json(tool.arguments()));
      }
      json.put("stop_reason", said.tools().isEmpty() ? "end_turn" : "tool_use").putNull("stop_sequence");
      if (said.input() != null) {
        json.set("usage", usage(said.input(), said.output()));
      }
      return Json.text(json);
    }

    @Override List<String> opening(Said said) {
      ObjectNode json = json("{'type':'message_start','message':{'id':'msg_fake','type':'message','role':'assistant','content':[],'stop_reason':null,'stop_sequence':null}}");
      ObjectNode message = ((ObjectNode) json.get("message")).put("model", said.model());
      if (said.input() != null) {
        message.set("usage", usage(said.input(), 1));
      }
      String start = said.tools().isEmpty() ? sse("content_block_start", json("{'type':'content_block_start','index':0,'content_block':{'type':'text','text':''}}")) : "";
      return List.of(sse("message_start", json), start + sse("ping", json("{'type':'ping'}")));
    }

    @Override String word(Said said, int index, String word) {
      ObjectNode json = json("{'type':'content_block_delta','index':0,'delta':{'type':'text_delta'}}");
      ((ObjectNode) json.get("delta")).put("text", word);
      return sse("content_block_delta", json);
    }

    @Override List<String> toolCall(Said said) {
      List<String> frames = new ArrayList<>(4);
      for (int i = 0; i < said.tools().size(); i++) {
        Tool tool = said.tools().get(i);
        ObjectNode start = Json.object().put("type", "content_block_start").put("index", i);
        start.putObject("content_block").put("type", "tool_use").put("id", "toolu_fake" + (i + 1)).put("name", tool.name()).putObject("input");
        ObjectNode delta = Json.object().put("type", "content_block_delta").put("index", i);
        delta.putObject("delta").put("type", "input_json_delta").put("partial_json", tool.arguments());
        frames.add((i == 0 ? "" : stop(i - 1)) + sse("content_block_start", start));
        frames.add(sse("content_block_delta", delta));
      }
      return frames;
    }

    @Override List<String> ending(Said said) {
      ObjectNode end = json("{'type':'message_delta','delta':{'stop_sequence':null}}");
      ((ObjectNode) end.get("delta")).put("stop_reason", said.tools().isEmpty() ? "end_turn" : "tool_use");
      if (said.input() != null) {
        end.putObject("usage").put("output_tokens", said.output());
      }
      return List.of(stop(Math.max(0, said.tools().size() - 1)), sse("message_delta", end), sse("message_stop", json("{'type':'message_stop'}")));
    }

    @Override ObjectNode error(int status, String message) {
      ObjectNode json = Json.object().put("type", "error");
      json.putObject("error").put("type", switch (status) {
        case 400 -> "invalid_request_error";
        case 401 -> "authentication_error";
        case 404 -> "not_found_error";
        case 429 -> "rate_limit_error";
        default -> "overloaded_error";
      }).put("message", message);
      return json.put("request_id", "req_fake");
    }

    @Override String errorFrame(String message) {
      return sse("error", error(529, message));
    }

    @Override Set<String> fields() {
      return Set.of("model", "max_tokens", "messages", "system", "tools", "tool_choice", "stop_sequences", "temperature", "top_p", "top_k", "thinking", "output_config", "metadata", "stream", "service_tier",
          "cache_control", "container", "inference_geo", "speed", "diagnostics");
    }
  },

  GEMINI {
    private ObjectNode answer(Said said, ObjectNode part, @Nullable String finish) {
      return answer(said, List.of(part), finish);
    }

    private ObjectNode answer(Said said, List<ObjectNode> parts, @Nullable String finish) {
      ObjectNode json = Json.object();
      ObjectNode candidate = json.putArray("candidates").addObject();
      ObjectNode content = candidate.putObject("content").put("role", "model");
      content.putArray("parts").addAll(parts);
      if (finish != null) {
        candidate.put("finishReason", finish);
      }
      candidate.put("index", 0);
      if (said.input() != null) {
        ObjectNode usage = json.putObject("usageMetadata").put("promptTokenCount", said.input());
        if (finish != null) {
          usage.put("candidatesTokenCount", said.output()).put("totalTokenCount", said.input() + said.output());
        }
      }
      return json.put("modelVersion", said.model()).put("responseId", "fake");
    }

    /** As the real one: only the first call of a turn is signed. */
    private List<ObjectNode> calls(Said said) {
      List<ObjectNode> parts = new ArrayList<>(2);
      for (Tool tool : said.tools()) {
        ObjectNode part = Json.object();
        part.putObject("functionCall").put("name", tool.name()).set("args", json(tool.arguments()));
        parts.add(parts.isEmpty() ? part.put("thoughtSignature", "c2lnbmVk") : part);
      }
      return parts;
    }

    private String frame(JsonNode json) {
      return "data: " + Json.text(json) + "\r\n\r\n";
    }

    @Override String whole(Said said) {
      return Json.text(answer(said, said.tools().isEmpty() ? List.of(Json.object().put("text", said.text())) : calls(said), "STOP"));
    }

    @Override List<String> opening(Said said) {
      return List.of();
    }

    @Override String word(Said said, int index, String word) {
      return frame(answer(said, Json.object().put("text", word), null));
    }

    @Override List<String> toolCall(Said said) {
      return List.of(frame(answer(said, calls(said), null)));
    }

    @Override List<String> ending(Said said) {
      return List.of(frame(answer(said, Json.object().put("text", ""), "STOP")));
    }

    @Override ObjectNode error(int status, String message) {
      ObjectNode json = Json.object();
      ObjectNode error = json.putObject("error").put("code", status == 401 ? 400 : status).put("message", message).put("status", switch (status) {
        case 400, 401 -> "INVALID_ARGUMENT";
        case 404 -> "NOT_FOUND";
        case 429 -> "RESOURCE_EXHAUSTED";
        default -> "UNAVAILABLE";
      });
      if (status == 401) {
        error.putArray("details").add(json("{'@type':'type.googleapis.com/google.rpc.ErrorInfo','reason':'API_KEY_INVALID','domain':'googleapis.com'}"));
      }
      if (status == 429) {
        error.putArray("details").add(json("{'@type':'type.googleapis.com/google.rpc.RetryInfo','retryDelay':'1s'}"));
      }
      return json;
    }

    @Override String errorFrame(String message) {
      return frame(error(503, message));
    }

    @Override int status(int status) {
      return status == 401 ? 400 : status;
    }

    @Override Set<String> fields() {
      return Set.of("contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings", "cachedContent", "labels", "serviceTier", "store");
    }
  },

  /** Frames are bytes, one character each. */
  BEDROCK {
    private String frame(String event, JsonNode json) {
      return new String(EventStream.message(event, Json.text(json)), java.nio.charset.StandardCharsets.ISO_8859_1);
    }

    private String stop(int index) {
      return frame("contentBlockStop", Json.object().put("contentBlockIndex", index));
    }

    private ObjectNode usage(Said said) {
      return Json.object().put("inputTokens", said.input()).put("outputTokens", said.output()).put("totalTokens", said.input() + said.output());
    }

    @Override String whole(Said said) {
      ObjectNode json = Json.object();
      ArrayNode blocks = json.putObject("output").putObject("message").put("role", "assistant").putArray("content");
      if (said.tools().isEmpty()) {
        blocks.addObject().put("text", said.text());
      }
      for (Tool tool : said.tools()) {
        blocks.addObject().putObject("toolUse").put("toolUseId", "tooluse_fake" + blocks.size()).put("name", tool.name()).set("input", json(tool.arguments()));
      }
      json.put("stopReason", said.tools().isEmpty() ? "end_turn" : "tool_use");
      if (said.input() != null) {
        json.set("usage", usage(said));
      }
      json.putObject("metrics").put("latencyMs", 1);
      return Json.text(json);
    }

    @Override List<String> opening(Said said) {
      return List.of(frame("messageStart", json("{'role':'assistant'}")));
    }

    @Override String word(Said said, int index, String word) {
      ObjectNode json = json("{'contentBlockIndex':0,'delta':{},'p':'abcdef'}");
      ((ObjectNode) json.get("delta")).put("text", word);
      return frame("contentBlockDelta", json);
    }

    @Override List<String> toolCall(Said said) {
      List<String> frames = new ArrayList<>(4);
      for (int i = 0; i < said.tools().size(); i++) {
        Tool tool = said.tools().get(i);
        ObjectNode start = Json.object().put("contentBlockIndex", i);
        start.putObject("start").putObject("toolUse").put("toolUseId", "tooluse_fake" + (i + 1)).put("name", tool.name());
        ObjectNode delta = Json.object().put("contentBlockIndex", i);
        delta.putObject("delta").putObject("toolUse").put("input", tool.arguments());
        frames.add((i == 0 ? "" : stop(i - 1)) + frame("contentBlockStart", start));
        frames.add(frame("contentBlockDelta", delta));
      }
      return frames;
    }

    @Override List<String> ending(Said said) {
      ObjectNode last = json("{'metrics':{'latencyMs':1}}");
      if (said.input() != null) {
        last.set("usage", usage(said));
      }
      return List.of(stop(Math.max(0, said.tools().size() - 1)), frame("messageStop", Json.object().put("stopReason", said.tools().isEmpty() ? "end_turn" : "tool_use")), frame("metadata", last));
    }

    @Override ObjectNode error(int status, String message) {
      return Json.object().put("message", message);
    }

    @Override String errorFrame(String message) {
      return frame("exception:serviceUnavailableException", error(503, message));
    }

    @Override String brokenFrame() {
      String whole = frame("messageStart", json("{'role':'assistant'}"));
      return whole.substring(0, whole.length() - 6) + "X" + whole.substring(whole.length() - 5);
    }

    @Override int status(int status) {
      return status == 401 ? 403 : status;
    }

    @Override Set<String> fields() {
      return Set.of("messages", "system", "inferenceConfig", "toolConfig", "guardrailConfig", "additionalModelRequestFields", "promptVariables", "additionalModelResponseFieldPaths", "requestMetadata", "performanceConfig",
          "serviceTier", "outputConfig");
    }
  },

  OLLAMA {
    private ObjectNode line(Said said, String content, boolean done) {
      ObjectNode json = Json.object().put("model", said.model()).put("created_at", "2026-11-20T10:00:00.000000000Z");
      json.putObject("message").put("role", "assistant").put("content", content);
      json.put("done", done);
      if (done) {
        json.put("done_reason", "stop").put("total_duration", 1_000_000).put("load_duration", 1_000);
        if (said.input() != null) {
          json.put("prompt_eval_count", said.input()).put("prompt_eval_duration", 1_000).put("eval_count", said.output()).put("eval_duration", 1_000);
        }
      }
      return json;
    }

    private ObjectNode withCall(Said said, boolean done) {
      ObjectNode json = line(said, "", done);
      ArrayNode calls = ((ObjectNode) json.get("message")).putArray("tool_calls");
      for (Tool tool : said.tools()) {
        calls.addObject().put("id", "call_fake" + (calls.size() + 1)).putObject("function").put("name", tool.name()).set("arguments", json(tool.arguments()));
      }
      return json;
    }

    @Override String whole(Said said) {
      return Json.text(said.tools().isEmpty() ? line(said, said.text(), true) : withCall(said, true));
    }

    @Override List<String> opening(Said said) {
      return List.of();
    }

    @Override String word(Said said, int index, String word) {
      return Json.text(line(said, word, false)) + "\n";
    }

    @Override List<String> toolCall(Said said) {
      return List.of(Json.text(withCall(said, false)) + "\n");
    }

    @Override List<String> ending(Said said) {
      return List.of(Json.text(line(said, "", true)) + "\n");
    }

    @Override ObjectNode error(int status, String message) {
      return Json.object().put("error", message);
    }

    @Override String errorFrame(String message) {
      return Json.text(error(500, message)) + "\n";
    }

    @Override String brokenFrame() {
      return "{\"model\":\"m\",\"message\":{\"ro\n";
    }

    @Override Set<String> fields() {
      return Set.of("model", "messages", "tools", "format", "think", "options", "keep_alive", "logprobs", "top_logprobs", "stream", "truncate", "shift");
    }
  };

  abstract String whole(Said said);

  /** Lifecycle frames before the first content. */
  abstract List<String> opening(Said said);

  abstract String word(Said said, int index, String word);

  abstract List<String> toolCall(Said said);

  /** Finish reason, usage and the last event. */
  abstract List<String> ending(Said said);

  abstract ObjectNode error(int status, String message);

  /** The top-level request fields that it knows. */
  abstract Set<String> fields();

  String errorFrame(String message) {
    return sse(null, error(503, message));
  }

  String brokenFrame() {
    return "data: {\"id\":\"x\",\"choices\":[{\"ind\n\n";
  }

  /** The status it uses where others use this one. */
  int status(int status) {
    return status;
  }

  String streamType() {
    return this == BEDROCK ? "application/vnd.amazon.eventstream" : this == OLLAMA ? "application/x-ndjson" : "text/event-stream; charset=utf-8";
  }

  private static String sse(@Nullable String event, JsonNode json) {
    return (event == null ? "" : "event: " + event + "\n") + "data: " + Json.text(json) + "\n\n";
  }

  private static ObjectNode json(String text) {
    try {
      return (ObjectNode) Json.read(text.startsWith("{'") ? text.replace('\'', '"') : text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
