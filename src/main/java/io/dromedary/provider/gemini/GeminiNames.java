package io.dromedary.provider.gemini;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;

/** Facts that Gemini's names tell: a model's generation, and functions whose OpenAI name Gemini would refuse. */
final class GeminiNames {
  private GeminiNames() {}

  /** The generation times ten: 25 for gemini-2.5-flash, 30 for gemini-3-pro and for the aliases that follow the newest; 0 for models that are not Gemini. */
  static int generation(Model model) {
    String name = model.name();
    int at = name.startsWith("models/") ? 7 : 0;
    if (!name.startsWith("gemini-", at)) {
      return 0;
    }
    if (name.endsWith("-latest")) {
      return Math.max(30, digits(name, at + 7));
    }
    return digits(name, at + 7);
  }

  private static int digits(String name, int at) {
    if (at >= name.length() || !isDigit(name.charAt(at))) {
      return 0;
    }
    int tenths = (name.charAt(at) - '0') * 10;
    boolean minor = at + 2 < name.length() && name.charAt(at + 1) == '.' && isDigit(name.charAt(at + 2));
    return minor ? tenths + name.charAt(at + 2) - '0' : tenths;
  }

  /** Function names begin with a letter or underscore there; OpenAI's may begin with a digit or dash. */
  static String toGemini(String function) {
    return function.isEmpty() || !isDigit(function.charAt(0)) && function.charAt(0) != '-' ? function : "_" + function;
  }

  static String fromGemini(String function, ChatRequest request) {
    if (function.length() > 1 && function.charAt(0) == '_' && (isDigit(function.charAt(1)) || function.charAt(1) == '-')) {
      String original = function.substring(1);
      for (JsonNode tool : request.json().path("tools")) {
        if (original.equals(tool.path("function").path("name").asText())) {
          return original;
        }
      }
    }
    return function;
  }

  private static boolean isDigit(char c) {
    return c >= '0' && c <= '9';
  }
}
