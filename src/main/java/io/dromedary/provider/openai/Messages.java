package io.dromedary.provider.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Model;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.provider.JsonText;
import io.dromedary.provider.ShortId;
import io.dromedary.provider.ToolNames;
import io.dromedary.provider.openai.Dialect.Quirk;
import java.util.Iterator;
import java.util.List;
import java.util.Set;

/** The messages of one request in a dialect. Copies only those that must change; the list itself if any does. */
final class Messages {
  /** What an answer of ours may hold and a client may send back, and only some providers take. */
  private static final List<String> REASONING = List.of("reasoning_content", "reasoning", "reasoning_details", "thinking_blocks", "thinking", "signature");
  private static final String GOOGLES = "extra_content";
  /** What OpenAI's JavaScript client adds to an answer and sends back with it, in a message and in a call's function; no provider knows it. */
  private static final String PARSED = "parsed";
  private static final String PARSED_ARGUMENTS = "parsed_arguments";
  private static final Set<String> SPOKEN = Set.of("role", "content");
  private static final Set<String> ASSISTANT = Set.of("role", "content", "tool_calls", "function_call");
  private static final Set<String> MISTRAL_ASSISTANT = Set.of("role", "content", "tool_calls", "prefix");
  private static final Set<String> TOOL = Set.of("role", "content", "tool_call_id");
  private static final Set<String> MISTRAL_TOOL = Set.of("role", "content", "tool_call_id", "name");
  private static final Set<String> FUNCTION = Set.of("role", "content", "name");
  /** Longest tool call id that OpenAI takes. */
  private static final int MAX_ID = 40;

  private final Dialect dialect;
  private final boolean takesReasoning;
  private final boolean takesExtras;
  private final boolean hasRefusals;
  private final List<String> dropped;

  Messages(Dialect dialect, Model model, List<String> dropped) {
    this.dialect = dialect;
    // DeepSeek's first reasoners answer 400 to their own reasoning, later ones want it back inside a tool loop
    this.takesReasoning = dialect.has(Quirk.TAKES_REASONING) && !(dialect == Dialect.DEEPSEEK && (model.name().contains("reasoner") || model.name().contains("-r1")));
    this.takesExtras = dialect == Dialect.COMPATIBLE;
    this.hasRefusals = dialect.has(Quirk.REASONING_MODELS);
    this.dropped = dropped;
  }

  ArrayNode of(ArrayNode given) {
    ArrayNode changed = null;
    String before = "";
    for (int i = 0; i < given.size(); i++) {
      JsonNode message = given.get(i);
      String role = message.path("role").asText();
      JsonNode own = message instanceof ObjectNode object ? translate(object, role, i == given.size() - 1) : message;
      boolean bridge = dialect.has(Quirk.MISTRAL_TURNS) && "user".equals(role) && "tool".equals(before);
      boolean empty = dialect.has(Quirk.NO_EMPTY_ANSWERS) && "assistant".equals(role) && saysNothing(own);
      if (changed == null && (own != message || bridge || empty)) {
        changed = Json.array();
        for (int j = 0; j < i; j++) {
          changed.add(given.get(j));
        }
      }
      if (empty) {
        continue;
      }
      if (changed != null) {
        if (bridge) {
          // Mistral answers 400 to a user turn right after tool results
          changed.addObject().put("role", "assistant").put("content", "Understood.");
        }
        changed.add(own);
      }
      before = role;
    }
    if (dialect.has(Quirk.MISTRAL_TURNS) && "system".equals(before.equals("developer") ? "system" : before)) {
      // the last word must be a user's or a tool's
      changed = changed == null ? Json.array().addAll(given) : changed;
      changed.addObject().put("role", "user").put("content", given.size() == 1 ? "Begin." : "Continue.");
    }
    return changed == null ? given : changed;
  }

  private static boolean saysNothing(JsonNode assistant) {
    JsonNode content = assistant.path("content");
    return assistant.path("tool_calls").isEmpty() && content.isEmpty() && content.asText("").isEmpty();
  }

  private ObjectNode translate(ObjectNode message, String role, boolean last) {
    ObjectNode own = message;
    if ("developer".equals(role) && dialect.has(Quirk.NO_DEVELOPER)) {
      own = mine(own, message).put("role", "system");
    }
    if ("function".equals(role) && dialect.has(Quirk.NO_FUNCTIONS)) {
      throw Problem.badField("messages", "a message has the role `function`, which this provider does not take; send it as `tool`");
    }
    if (!takesReasoning) {
      for (String field : REASONING) {
        if (own.has(field)) {
          own = mine(own, message);
          own.remove(field);
        }
      }
    }
    if (!takesExtras && own.has(GOOGLES)) {
      own = mine(own, message);
      own.remove(GOOGLES);
    }
    if ("assistant".equals(role)) {
      if (own.has(PARSED)) {
        own = mine(own, message);
        own.remove(PARSED);
      }
      own = spoken(own, message);
    }
    if (dialect.has(Quirk.STRICT_MESSAGES)) {
      own = strict(own, message, role);
    }
    if (dialect.has(Quirk.PLAIN_PARTS)) {
      own = plain(own, message);
    }
    if (dialect.has(Quirk.TEXT_CONTENT)) {
      own = text(own, message);
    }
    if (dialect.has(Quirk.MISTRAL_TURNS)) {
      own = media(own, message);
    }
    own = ids(own, message);
    if (last && dialect.has(Quirk.MISTRAL_TURNS) && "assistant".equals(role) && own.path("tool_calls").isEmpty()) {
      own = mine(own, message).put("prefix", true);
    }
    return own;
  }

  private static ObjectNode mine(ObjectNode own, ObjectNode given) {
    if (own != given) {
      return own;
    }
    ObjectNode copy = Json.object();
    copy.setAll(given);
    return copy;
  }

  /** Content without thoughts, which are another provider's; where a refusal has no field of its own it is content; where null is no content, "" is. */
  private ObjectNode spoken(ObjectNode own, ObjectNode given) {
    JsonNode content = own.path("content");
    boolean thoughts = false;
    boolean refusals = false;
    for (JsonNode part : content) {
      thoughts |= JsonText.isThought(part);
      refusals |= !hasRefusals && "refusal".equals(part.path("type").asText());
    }
    if (thoughts || refusals) {
      ArrayNode parts = Json.array();
      for (JsonNode part : content) {
        if (refusals && "refusal".equals(part.path("type").asText())) {
          parts.addObject().put("type", "text").set("text", part.path("refusal"));
        } else if (!JsonText.isThought(part)) {
          parts.add(part);
        }
      }
      own = mine(own, given);
      own.set("content", parts);
    }
    if (!hasRefusals && own.path("refusal").isTextual() && !content.isArray() && content.asText("").isEmpty()) {
      own = mine(own, given);
      own.set("content", own.get("refusal"));
      own.remove("refusal");
    }
    if (dialect.has(Quirk.STRICT_MESSAGES) && own.path("tool_calls").isEmpty() && !own.hasNonNull("content") && !own.hasNonNull("function_call")) {
      own = mine(own, given).put("content", "");
    }
    return own;
  }

  private ObjectNode strict(ObjectNode own, ObjectNode given, String role) {
    Set<String> known = switch (role) {
      case "assistant" -> dialect == Dialect.MISTRAL ? MISTRAL_ASSISTANT : ASSISTANT;
      case "tool" -> dialect == Dialect.MISTRAL ? MISTRAL_TOOL : TOOL;
      case "function" -> FUNCTION;
      default -> SPOKEN;
    };
    for (Iterator<String> names = given.fieldNames(); names.hasNext();) {
      String name = names.next();
      if (!known.contains(name) || given.path(name).isNull() && !"content".equals(name)) {
        own = mine(own, given);
        own.remove(name);
        if ("name".equals(name)) {
          note(dropped, "messages.name");
        }
      }
    }
    return own;
  }

  private ObjectNode plain(ObjectNode own, ObjectNode given) {
    if (own.has("cache_control")) {
      own = mine(own, given);
      own.remove("cache_control");
      note(dropped, "cache_control");
    }
    JsonNode content = own.path("content");
    boolean marked = false;
    for (JsonNode part : content) {
      marked |= part.has("cache_control");
    }
    if (marked) {
      ArrayNode parts = Json.array();
      for (JsonNode part : content) {
        if (part instanceof ObjectNode object) {
          ObjectNode copy = Json.object();
          copy.setAll(object);
          copy.remove("cache_control");
          parts.add(copy);
        } else {
          parts.add(part);
        }
      }
      own = mine(own, given);
      own.set("content", parts);
      note(dropped, "cache_control");
    }
    return own;
  }

  /** Files and sounds under Mistral's names. */
  private static ObjectNode media(ObjectNode own, ObjectNode given) {
    JsonNode content = own.path("content");
    boolean any = false;
    for (JsonNode part : content) {
      any |= part.path("file").path("file_data").isTextual() || part.path("input_audio").path("data").isTextual();
    }
    if (!any) {
      return own;
    }
    ArrayNode parts = Json.array();
    for (JsonNode part : content) {
      if (part.path("file").path("file_data").isTextual()) {
        parts.addObject().put("type", "document_url").set("document_url", part.path("file").path("file_data"));
      } else if (part.path("input_audio").path("data").isTextual()) {
        parts.addObject().put("type", "input_audio").set("input_audio", part.path("input_audio").path("data"));
      } else {
        parts.add(part);
      }
    }
    own = mine(own, given);
    own.set("content", parts);
    return own;
  }

  /** Text parts joined by newlines; content with other parts stays as it is. */
  private static ObjectNode text(ObjectNode own, ObjectNode given) {
    JsonNode content = own.path("content");
    if (!content.isArray()) {
      return own;
    }
    StringBuilder text = new StringBuilder();
    for (JsonNode part : content) {
      if (!"text".equals(part.path("type").asText())) {
        return own;
      }
      text.append(text.isEmpty() ? "" : "\n").append(part.path("text").asText(""));
    }
    return mine(own, given).put("content", text.toString());
  }

  private ObjectNode ids(ObjectNode own, ObjectNode given) {
    String answered = own.path("tool_call_id").asText("");
    if (!answered.isEmpty()) {
      String id = id(answered);
      if (!id.equals(answered)) {
        own = mine(own, given).put("tool_call_id", id);
      }
    }
    JsonNode calls = own.path("tool_calls");
    boolean changes = false;
    for (JsonNode call : calls) {
      String id = call.path("id").asText("");
      changes |= !id(id).equals(id) || call.has("index") || !takesExtras && call.has(GOOGLES) || !isPlain(call.path("function")) || call.path("function").has(PARSED_ARGUMENTS);
    }
    if (changes) {
      ArrayNode copies = Json.array();
      for (JsonNode call : calls) {
        ObjectNode copy = Json.object();
        if (call instanceof ObjectNode object) {
          copy.setAll(object);
        }
        copy.put("id", id(call.path("id").asText("")));
        copy.remove("index");
        if (!takesExtras) {
          copy.remove(GOOGLES);
        }
        if (call.path("function") instanceof ObjectNode function && (!isPlain(function) || function.has(PARSED_ARGUMENTS))) {
          ObjectNode plain = Json.object();
          plain.setAll(function);
          plain.remove(PARSED_ARGUMENTS);
          copy.set("function", plain.put("name", ToolNames.clean(function.path("name").asText(""))));
        }
        copies.add(copy);
      }
      own = mine(own, given);
      own.set("tool_calls", copies);
    }
    return own;
  }

  /** Is the function's name one that everybody takes? */
  private static boolean isPlain(JsonNode function) {
    String name = function.path("name").asText("");
    return ToolNames.clean(name).equals(name);
  }

  /** The id as this provider takes it: the same for a call and its result, today and tomorrow. */
  private String id(String given) {
    if (dialect.has(Quirk.MISTRAL_TURNS)) {
      return nineCharacters(given);
    }
    return dialect.has(Quirk.REASONING_MODELS) && given.length() > MAX_ID ? "call_" + ShortId.of(given, 10) : given;
  }

  static String nineCharacters(String id) {
    return ShortId.is(id, 9) ? id : ShortId.of(id, 9);
  }

  static void note(List<String> dropped, String parameter) {
    if (!dropped.contains(parameter)) {
      dropped.add(parameter);
    }
  }
}
