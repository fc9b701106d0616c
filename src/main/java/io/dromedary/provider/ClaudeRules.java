package io.dromedary.provider;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.IntNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Capability;
import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import java.math.BigDecimal;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** What Claude takes wherever it is asked, at Anthropic or at Bedrock: how it is told to think, and the sampling parameters that may go with it. */
public final class ClaudeRules {
  private static final long MIN_BUDGET = 1_024;
  private static final BigDecimal LEAST_TOP_P_WHEN_THINKING = new BigDecimal("0.95");

  private ClaudeRules() {}

  /**
   * What stands around the question whether the model may think.
   *
   * @param maxTokens the limit of the answer so far
   * @param forcedTool the model must call a tool, which forbids thinking
   * @param lost the tool loop under way has a call whose thinking block is gone, which a thinking budget would need
   * @param prefilled the answer is begun by the client, so that no thought can come before it
   */
  public record Setting(OptionalLong maxTokens, boolean forcedTool, boolean lost, boolean prefilled) {}

  /**
   * How it is to think.
   *
   * @param thinking goes out as {@code thinking}, null for nothing
   * @param effort goes out as {@code output_config.effort}, "" for nothing
   * @param maxTokens the limit of the answer, with room for the thought
   * @param on it will think, which forbids sampling parameters
   */
  public record Thinking(@Nullable ObjectNode thinking, String effort, OptionalLong maxTokens, boolean on) {}

  /** The client's own {@code thinking}, else its {@code reasoning_effort}; what the model or the setting does not allow is dropped by name. */
  public static Thinking thinking(ChatRequest request, Model model, Setting setting, DroppedParams dropped) {
    String kind = model.traits().getOrDefault("reasoning", "");
    boolean thinks = kind.equals("adaptive") || kind.equals("budget");
    JsonNode own = request.json().path("thinking");
    if (own.isObject()) {
      return own(request, model, setting, (ObjectNode) own, kind, dropped);
    }
    JsonNode asked = request.json().path("reasoning_effort");
    String effort = asked.isTextual() ? asked.textValue() : "";
    if (effort.isEmpty()) {
      return off(null, setting);
    }
    if (effort.equals("none")) {
      if (thinks && "false".equals(model.traits().get("reasoning_off"))) {
        dropped.add("reasoning_effort");
        return off(null, setting);
      }
      return off(thinks ? Json.object().put("type", "disabled") : null, setting);
    }
    if (kind.equals("adaptive")) {
      boolean may = !setting.forcedTool() && !setting.prefilled();
      return new Thinking(may ? Json.object().put("type", "adaptive") : null, effort.equals("minimal") ? "low" : effort, setting.maxTokens(), may);
    }
    if (!thinks || setting.forcedTool() || setting.lost() || setting.prefilled()) {
      dropped.add("reasoning_effort");
      return off(null, setting);
    }
    long budget = budget(effort);
    long most = setting.maxTokens().orElse(4_096);
    if (request.maxOutputTokens().isEmpty()) {
      long room = model.maxOutputTokens() > 0 ? model.maxOutputTokens() : Long.MAX_VALUE;
      most = Math.min(room, most + budget);
    }
    // half of the room stays for the answer
    budget = Math.min(budget, Math.max(MIN_BUDGET, most / 2));
    if (budget >= most) {
      dropped.add("reasoning_effort");
      return off(null, setting);
    }
    return new Thinking(Json.object().put("type", "enabled").put("budget_tokens", budget), "", OptionalLong.of(most), true);
  }

  private static Thinking own(ChatRequest request, Model model, Setting setting, ObjectNode own, String kind, DroppedParams dropped) {
    String type = own.path("type").asText("");
    if (type.equals("disabled")) {
      return off(own, setting);
    }
    boolean enabled = type.equals("enabled");
    if (setting.forcedTool() || setting.prefilled() || enabled && setting.lost() && !kind.equals("adaptive") || model.listed() && kind.isEmpty() && !model.can(Capability.REASONING)) {
      dropped.add("thinking");
      return off(null, setting);
    }
    if (!enabled || kind.equals("adaptive")) {
      return new Thinking(enabled ? Json.object().put("type", "adaptive") : own, "", setting.maxTokens(), true);
    }
    long budget = Math.max(MIN_BUDGET, own.path("budget_tokens").asLong(0));
    if (setting.maxTokens().isPresent() && budget >= setting.maxTokens().getAsLong()) {
      budget = setting.maxTokens().getAsLong() - 1;
    }
    if (budget < MIN_BUDGET) {
      dropped.add("thinking");
      return off(null, setting);
    }
    if (budget == own.path("budget_tokens").asLong(0)) {
      return new Thinking(own, "", setting.maxTokens(), true);
    }
    ObjectNode fitting = Json.object();
    fitting.setAll(own);
    return new Thinking(fitting.put("budget_tokens", budget), "", setting.maxTokens(), true);
  }

  private static Thinking off(@Nullable ObjectNode thinking, Setting setting) {
    return new Thinking(thinking, "", setting.maxTokens(), false);
  }

  private static long budget(String effort) {
    return switch (effort) {
      case "minimal" -> MIN_BUDGET;
      case "low" -> 2_048;
      case "medium" -> 8_192;
      case "high" -> 16_384;
      default -> 32_768;
    };
  }

  /** Sampling parameters as they go out, null for those that do not. */
  public record Sampling(@Nullable JsonNode temperature, @Nullable JsonNode topP, @Nullable JsonNode topK) {}

  /** Temperature at most 1; none of them where the model refuses them or thinks, and not both where it takes one. A value that changes nothing is left out without a word. */
  public static Sampling sampling(JsonNode in, Model model, boolean thinking, DroppedParams dropped) {
    String trait = model.traits().getOrDefault("sampling", "");
    boolean none = trait.equals("none");
    JsonNode temperature = number(in, "temperature");
    JsonNode topP = number(in, "top_p");
    JsonNode topK = number(in, "top_k");
    JsonNode hot = null;
    if (temperature != null) {
      if (!none && !thinking) {
        hot = temperature.decimalValue().compareTo(BigDecimal.ONE) > 0 ? IntNode.valueOf(1) : temperature;
      } else if (temperature.decimalValue().compareTo(BigDecimal.ONE) != 0) {
        dropped.add("temperature");
      }
    }
    boolean topPRefused = topP != null && (none || trait.equals("exclusive") && hot != null || thinking && topP.decimalValue().compareTo(LEAST_TOP_P_WHEN_THINKING) < 0);
    if (topPRefused && topP.decimalValue().compareTo(BigDecimal.ONE) != 0) {
      dropped.add("top_p");
    }
    boolean topKRefused = topK != null && (none || thinking);
    if (topKRefused) {
      dropped.add("top_k");
    }
    return new Sampling(hot, topPRefused ? null : topP, topKRefused ? null : topK);
  }

  private static @Nullable JsonNode number(JsonNode in, String field) {
    JsonNode value = in.get(field);
    return value != null && value.isNumber() ? value : null;
  }

  /** False for a request field that leaves things as they are without it, too. */
  public static boolean saysSomething(String name, JsonNode value) {
    boolean noPenalty = name.endsWith("_penalty") && value.isNumber() && value.decimalValue().signum() == 0;
    return !(noPenalty || value.isNull() || value.isBoolean() && !value.booleanValue() || value.isContainerNode() && value.isEmpty());
  }
}
