package io.dromedary.complexity;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Complexity;
import io.dromedary.catalog.Tier;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Scores a whole conversation: the latest turn weighs 1, the user's turn before it a quarter, the one before that a sixteenth. So a hard conversation stays a little harder than its latest words, and an easy one makes a hard question
 * no easier than a neighbouring tier.
 */
final class Conversation {
  private static final double FADES = 0.25;
  private static final int EARLIER_TURNS = 2;
  private static final int READ_CHARS = 4_000;

  private Conversation() {}

  /** The score of the latest turn, mixed with those of the turns before it; as it was where there are none. */
  static Complexity mixed(ComplexityScorer scorer, ChatRequest request, Complexity latest) {
    ArrayNode messages = request.messages();
    if (messages.size() < 3 || latest.signals().containsKey("scored_message")) {
      return latest; // alone, or a short follow-up that has been scored by the turn before it
    }
    double sum = latest.score();
    double weights = 1;
    double weight = FADES;
    int turns = 0;
    boolean latestSeen = false;
    for (int i = messages.size() - 1; i >= 0 && turns < EARLIER_TURNS; i--) {
      JsonNode message = messages.get(i);
      if (!"user".equals(message.path("role").asText())) {
        continue;
      }
      if (!latestSeen) {
        latestSeen = true;
        continue;
      }
      sum += weight * scorer.scoreEarlier(alone(request, message));
      weights += weight;
      weight *= FADES;
      turns++;
    }
    if (turns == 0) {
      return latest;
    }
    double score = sum / weights;
    Map<String, Object> signals = new LinkedHashMap<>(latest.signals());
    signals.put("latest_score", latest.score());
    signals.put("earlier_turns", turns);
    return new Complexity(score, Tier.of(score), latest.scorer(), signals, latest.reading());
  }

  private static ChatRequest alone(ChatRequest request, JsonNode message) {
    ObjectNode json = Json.object();
    JsonNode content = message.path("content");
    if (content.isTextual() && content.textValue().length() > READ_CHARS) {
      json.putArray("messages").addObject().put("role", "user").put("content", content.textValue().substring(0, READ_CHARS));
    } else {
      json.putArray("messages").add(message);
    }
    return new ChatRequest(request.id(), json, Map.of(), request.receivedAt(), request.deadline());
  }
}
