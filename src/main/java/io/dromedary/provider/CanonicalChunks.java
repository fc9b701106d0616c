package io.dromedary.provider;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import java.util.BitSet;

/** Builds the {@code chat.completion.chunk}s of one stream: one id, one date, one model; each choice opens with its role and ends with one finish reason. */
public final class CanonicalChunks {
  private final ChatRequest request;
  private final String model;
  private final BitSet opened = new BitSet(1);
  private final BitSet finished = new BitSet(1);
  private String id = "";

  public CanonicalChunks(String model, ChatRequest request) {
    this.model = model;
    this.request = request;
  }

  /** Sets the stream's id; only the first one counts, and none after the first chunk. */
  public void id(String first) {
    if (id.isEmpty()) {
      id = first;
    }
  }

  /** A new chunk with an empty delta; the first one of a choice says the role. */
  public Chunk chunk(int choice) {
    if (id.isEmpty()) {
      id = CanonicalAnswer.idOr("", request);
    }
    ObjectNode chunk = Json.object().put("id", id).put("object", "chat.completion.chunk").put("created", request.receivedAt().getEpochSecond()).put("model", model);
    ObjectNode entry = chunk.putArray("choices").addObject().put("index", choice);
    ObjectNode delta = entry.putObject("delta");
    if (!opened.get(choice)) {
      opened.set(choice);
      delta.put("role", "assistant");
    }
    entry.putNull("logprobs").putNull("finish_reason");
    return new Chunk(chunk, entry, delta);
  }

  /** The bare role chunk that opens a choice. */
  public ObjectNode opening(int choice) {
    Chunk opening = chunk(choice);
    opening.delta().put("content", "").putNull("refusal");
    return opening.json();
  }

  /** A whole tool call as a chunk has it: with its number in the answer. */
  public static ObjectNode indexed(int index, JsonNode toolCall) {
    ObjectNode indexed = Json.object().put("index", index);
    indexed.setAll((ObjectNode) toolCall);
    return indexed;
  }

  public boolean isOpen(int choice) {
    return opened.get(choice);
  }

  /** The chunk that ends a choice: an empty delta and the reason. */
  public ObjectNode finish(int choice, String reason) {
    finished.set(choice);
    Chunk last = chunk(choice);
    last.choice().put("finish_reason", reason);
    return last.json();
  }

  public boolean isFinished(int choice) {
    return finished.get(choice);
  }

  /** True if there is a choice and none lacks its end. */
  public boolean isWhole() {
    return !opened.isEmpty() && opened.equals(finished);
  }

  public int finishedChoices() {
    return finished.cardinality();
  }

  /** One chunk under construction. */
  public record Chunk(ObjectNode json, ObjectNode choice, ObjectNode delta) {}
}
