package io.dromedary.provider.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import io.dromedary.chat.Usage;
import io.dromedary.provider.BareJsonStream;
import io.dromedary.provider.CanonicalAnswer;
import io.dromedary.provider.StreamDecoder;
import java.io.IOException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One stream of chunks made canonical: the provider's own chunk, changed in place. */
final class OpenAiStream implements StreamDecoder {
  private static final byte[] DONE = {'[', 'D', 'O', 'N', 'E', ']'};

  /** What has been said of one choice. */
  private static final class Choice {
    boolean begun;
    boolean finished;
    /** Takes fences off, null where JSON comes bare by itself or none was asked for. */
    final @Nullable BareJsonStream bareJson;
    /** Ids of the calls begun, by our index. */
    final List<String> calls = new ArrayList<>(0);
    /** Our indexes of the calls whose arguments have not come yet. */
    final BitSet silent = new BitSet(4);
    /** Provider's index to ours. */
    final Map<Integer, Integer> indexes = new HashMap<>(2);

    Choice(boolean wantsBareJson) {
      bareJson = wantsBareJson ? new BareJsonStream() : null;
    }
  }

  private final Dialect dialect;
  private final ChatRequest request;
  private final Model model;
  private final int expectedChoices;
  private final boolean wantsBareJson;
  private final List<Choice> choices = new ArrayList<>(1);
  private String id = "";
  private long created;
  private String servedBy = "";
  private @Nullable Usage usage;
  private boolean done;

  OpenAiStream(Dialect dialect, ChatRequest request, Model model) {
    this.dialect = dialect;
    this.request = request;
    this.model = model;
    this.expectedChoices = Math.max(1, request.json().path("n").asInt(1));
    this.wantsBareJson = OpenAiChat.wantsBareJson(dialect, request);
  }

  @Override
  public List<ObjectNode> accept(@Nullable String event, byte[] data) throws IOException {
    if (done) {
      return List.of();
    }
    if (isDone(data)) {
      done = true;
      return List.of();
    }
    if (data.length == 0) {
      return List.of();
    }
    if (!(Json.read(data) instanceof ObjectNode chunk)) {
      throw new IOException("provider `" + model.provider() + "` streamed something that is no JSON object");
    }
    failOnError(event, chunk);
    JsonNode reported = chunk.remove("usage");
    JsonNode groq = chunk.get("x_groq");
    if (reported == null || !reported.isObject()) {
      reported = groq == null ? null : groq.get("usage");
    }
    if (reported != null) {
      Usage read = OpenAiUsage.read(reported);
      usage = read == null ? usage : read;
    }
    JsonNode all = chunk.get("choices");
    if (all == null && reported == null && groq == null) {
      throw new IOException("provider `" + model.provider() + "` streamed JSON without `choices`");
    }
    if (all == null || all.isEmpty()) {
      return List.of();
    }
    return canonical(chunk, all);
  }

  private void failOnError(@Nullable String event, ObjectNode chunk) {
    JsonNode error = chunk.get("error");
    if (error != null && !error.isNull() || "error".equals(event)) {
      throw OpenAiErrors.inside200(model.provider(), chunk);
    }
    JsonNode groq = chunk.get("x_groq");
    if (groq != null && groq.hasNonNull("error")) {
      throw OpenAiErrors.inside200(model.provider(), groq);
    }
  }

  private List<ObjectNode> canonical(ObjectNode chunk, JsonNode all) throws IOException {
    identify(chunk);
    ObjectNode finish = null;
    ObjectNode arguments = null;
    for (int i = 0; i < all.size(); i++) {
      if (!(all.get(i) instanceof ObjectNode choice)) {
        throw new IOException("provider `" + model.provider() + "` streamed a choice that is no object");
      }
      if (choice.path("error").isObject()) {
        throw OpenAiErrors.inside200(model.provider(), choice);
      }
      int index = choice.path("index").asInt(0);
      if (index < 0 || index > 127) {
        throw new IOException("provider `" + model.provider() + "` streamed choice " + index);
      }
      while (choices.size() <= index) {
        choices.add(new Choice(wantsBareJson));
      }
      Choice state = choices.get(index);
      boolean over = state.finished;
      boolean begun = state.begun;
      ObjectNode end = choice(choice, index, state);
      if (all.size() == 1 && begun && saysNothing(choice, over)) {
        return List.of();
      }
      if (end != null) {
        if (finish == null) {
          finish = likeness(chunk);
        }
        ((ArrayNode) finish.get("choices")).add(end);
      }
      if (state.finished && !state.silent.isEmpty()) {
        if (arguments == null) {
          arguments = likeness(chunk);
        }
        ((ArrayNode) arguments.get("choices")).add(emptyArguments(index, state));
      }
    }
    if (arguments != null) {
      // a call without any arguments has empty ones, and they come before its finish
      return finish == null ? List.of(arguments, chunk) : List.of(chunk, arguments, finish);
    }
    return finish == null ? List.of(chunk) : List.of(chunk, finish);
  }

  private static ObjectNode emptyArguments(int index, Choice state) {
    ObjectNode choice = Json.object().put("index", index);
    ArrayNode calls = choice.putObject("delta").putArray("tool_calls");
    for (int call = state.silent.nextSetBit(0); call >= 0; call = state.silent.nextSetBit(call + 1)) {
      calls.addObject().put("index", call).putObject("function").put("arguments", "{}");
    }
    state.silent.clear();
    return choice.putNull("logprobs").putNull("finish_reason");
  }

  /** A chunk that only carried usage, a repeated role or nulls. */
  private static boolean saysNothing(ObjectNode choice, boolean over) {
    ObjectNode delta = (ObjectNode) choice.get("delta");
    return choice.path("finish_reason").isNull() && (delta.isEmpty() || over && isEmpty(delta)) && !choice.hasNonNull("logprobs");
  }

  private void identify(ObjectNode chunk) {
    if (servedBy.isEmpty()) {
      servedBy = OpenAiAnswer.servedBy(dialect, model, chunk);
      id = chunk.path("id").asText("");
      id = id.isEmpty() ? "chatcmpl-" + request.id() : id;
      created = OpenAiAnswer.created(chunk, request);
    }
    chunk.put("id", id);
    chunk.put("object", "chat.completion.chunk");
    chunk.put("created", created);
    chunk.put("model", servedBy);
    chunk.remove(OpenAiAnswer.ANSWER_EXTRAS);
  }

  private ObjectNode likeness(ObjectNode chunk) {
    ObjectNode like = Json.object();
    like.setAll(chunk);
    like.set("choices", Json.array());
    return like;
  }

  /** @return the finish of the choice, where it came together with content and goes into a chunk of its own */
  private @Nullable ObjectNode choice(ObjectNode choice, int index, Choice state) throws IOException {
    choice.remove(OpenAiAnswer.CHOICE_EXTRAS);
    choice.put("index", index);
    ObjectNode delta = choice.get("delta") instanceof ObjectNode given ? given : choice.putObject("delta");
    OpenAiAnswer.flattenContent(delta);
    OpenAiAnswer.renameReasoning(delta);
    if (state.bareJson != null) {
      String text = delta.path("content").asText("");
      boolean ends = choice.path("finish_reason").isTextual() && !state.finished;
      String bare = state.bareJson.next(text) + (ends ? state.bareJson.rest() : "");
      if (!bare.isEmpty() || !text.isEmpty()) {
        delta.put("content", bare);
      }
    }
    toolCalls(delta, index, state);
    if (state.begun) {
      delta.remove("role");
      removeNull(delta, "content");
      removeNull(delta, "refusal");
    } else {
      state.begun = true;
      delta.put("role", "assistant");
    }
    String given = choice.path("finish_reason").asText("");
    if (given.isEmpty() || choice.path("finish_reason").isNull() || state.finished) {
      choice.putNull("finish_reason");
      return null;
    }
    String reason = OpenAiAnswer.finishReason(model, given);
    reason = "stop".equals(reason) && !state.calls.isEmpty() ? "tool_calls" : reason;
    state.finished = true;
    if (isEmpty(delta)) {
      // the role stays where the first chunk is the last, too
      delta.retain("role");
      choice.put("finish_reason", reason);
      return null;
    }
    choice.putNull("finish_reason");
    ObjectNode end = Json.object();
    end.put("index", index);
    end.putObject("delta");
    end.putNull("logprobs");
    end.put("finish_reason", reason);
    return end;
  }

  private static void removeNull(ObjectNode delta, String field) {
    JsonNode value = delta.get(field);
    if (value != null && value.isNull()) {
      delta.remove(field);
    }
  }

  /** Nothing but a role and empty content. */
  private static boolean isEmpty(ObjectNode delta) {
    for (Map.Entry<String, JsonNode> field : delta.properties()) {
      JsonNode value = field.getValue();
      boolean nothing = value.isNull() || value.isTextual() && value.textValue().isEmpty() || value.isArray() && value.isEmpty();
      if (!nothing && !"role".equals(field.getKey())) {
        return false;
      }
    }
    return true;
  }

  private void toolCalls(ObjectNode delta, int choice, Choice state) throws IOException {
    JsonNode calls = delta.get("tool_calls");
    if (calls == null) {
      return;
    }
    if (calls.isEmpty()) {
      delta.remove("tool_calls");
      return;
    }
    for (JsonNode each : calls) {
      if (!(each instanceof ObjectNode call)) {
        throw new IOException("provider `" + model.provider() + "` streamed a tool call that is no object");
      }
      String callId = call.path("id").asText("");
      callId = call.path("id").isNull() || "null".equals(callId) ? "" : callId;
      int known = state.calls.size();
      int index = index(call, callId, state);
      call.put("index", index);
      ObjectNode function = call.get("function") instanceof ObjectNode given ? given : call.putObject("function");
      if (index == known) {
        if (callId.isEmpty()) {
          callId = CanonicalAnswer.toolCallId(request, choice, index);
          state.calls.set(index, callId);
        }
        call.put("id", callId);
        call.put("type", "function");
        OpenAiAnswer.argumentsAsText(function, "");
      } else {
        call.remove(List.of("id", "type"));
        function.remove("name");
        OpenAiAnswer.argumentsAsText(function, "");
      }
      if (index == known) {
        state.silent.set(index);
      }
      if (!function.path("arguments").asText("").isBlank()) {
        state.silent.clear(index);
      }
    }
  }

  /** Our index of a call: some providers leave the index out, or give parallel calls the same one. */
  private static int index(ObjectNode call, String callId, Choice state) {
    int known = state.calls.size();
    boolean numbered = call.path("index").isInt();
    int theirs = call.path("index").asInt(-1);
    Integer ours = numbered ? state.indexes.get(theirs) : null;
    int index;
    if (callId.isEmpty()) {
      boolean begins = known == 0 || numbered && ours == null || !numbered && !call.path("function").path("name").asText("").isEmpty();
      index = begins ? known : ours == null ? known - 1 : ours;
    } else if (ours != null && state.calls.get(ours).equals(callId)) {
      index = ours;
    } else {
      int same = state.calls.indexOf(callId);
      index = same < 0 ? known : same;
    }
    if (index == known) {
      state.calls.add(callId);
    }
    if (numbered) {
      state.indexes.put(theirs, index);
    }
    return index;
  }

  private static boolean isDone(byte[] data) {
    if (data.length < DONE.length || data[0] != '[') {
      return false;
    }
    for (int i = 0; i < DONE.length; i++) {
      if (data[i] != DONE[i]) {
        return false;
      }
    }
    return true;
  }

  @Override
  public boolean complete() {
    return done;
  }

  @Override
  public boolean wholeAtEnd() {
    if (done) {
      return true;
    }
    if (choices.size() < expectedChoices) {
      return false;
    }
    for (Choice choice : choices) {
      if (!choice.finished) {
        return false;
      }
    }
    return true;
  }

  @Override
  public @Nullable Usage usage() {
    return usage;
  }
}
