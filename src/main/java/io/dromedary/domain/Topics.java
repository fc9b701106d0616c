package io.dromedary.domain;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import io.dromedary.catalog.Topic;
import io.dromedary.chat.ChatRequest;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Says what a request is about and what it wants done. The whole conversation speaks, the latest turn most: a turn counts half of the one after it, the system's words half. Of a long text its beginning and its end are read.
 *
 * <p>A score is {@code 1 - e^-sum} of the weights of the terms that were found, 0..1: one strong term is 0.63.
 */
public final class Topics {
  private static final int MOST_TASKS = 3;
  private static final int MOST_TURNS = 6;
  /** Read of one text: at its beginning, and at its end. */
  private static final int HEAD = 2_000;
  private static final int TAIL = 1_000;
  private static final int READ_IN_ALL = 6_000;
  private static final double SYSTEM = 0.5;
  /** Below this no task is clear, and the form decides: a question, or talk. */
  private static final double CLEAR = 0.35;
  private static final double IMPLIED = 0.6;
  private static final String AUTO = "auto:";
  private static final Pattern COUNTING = Pattern.compile("(?i)how (?:many|much|far|long|old)|what (?:percent|fraction|is the (?:total|average|sum|difference))");

  private final Supplier<TopicPolicy> policy;
  private final Predicate<String> on;

  /** The policy is asked at every request, so that a reload takes effect. */
  public Topics(Supplier<TopicPolicy> policy) {
    this(policy, domain -> true);
  }

  /** @param on whether a domain is routed by just now */
  public Topics(Supplier<TopicPolicy> policy, Predicate<String> on) {
    this.policy = policy;
    this.on = on;
  }

  /** The domains that are on. */
  public List<String> domains() {
    return policy.get().names();
  }

  /** Never throws for a checked request. */
  public Topic of(ChatRequest request) {
    TopicPolicy now = policy.get();
    Terms.Count count = now.terms().new Count(now.names().size() + TopicPolicy.TASKS.size());
    ArrayNode messages = request.messages();
    int left = READ_IN_ALL;
    int turns = 0;
    double weight = 1;
    String latest = "";
    for (int i = messages.size() - 1; i >= 0 && turns < MOST_TURNS && left > 0; i--) {
      JsonNode message = messages.get(i);
      if ("user".equals(message.path("role").asText())) {
        boolean first = turns == 0;
        for (JsonNode text : texts(message.path("content"))) {
          left -= read(count, text.textValue(), weight, first, left);
          if (first) {
            latest = text.textValue();
          }
        }
        weight /= 2;
        turns++;
      }
    }
    for (int i = 0; i < messages.size() && i < 2 && left > 0; i++) {
      String role = messages.get(i).path("role").asText();
      if (role.equals("system") || role.equals("developer")) {
        for (JsonNode text : texts(messages.get(i).path("content"))) {
          left -= read(count, text.textValue(), SYSTEM, false, left);
        }
      }
    }
    String chosen = chosen(request, now);
    return topic(now, count, chosen != null && on.test(chosen) ? chosen : null, latest);
  }

  private static List<JsonNode> texts(JsonNode content) {
    if (content.isTextual()) {
      return List.of(content);
    }
    List<JsonNode> texts = new ArrayList<>(2);
    for (JsonNode part : content) {
      if (part.path("text").isTextual()) {
        texts.add(part.get("text"));
      }
    }
    return texts;
  }

  /** @return how many characters were read */
  private static int read(Terms.Count count, String text, double weight, boolean leads, int left) {
    int length = text.length();
    if (length <= HEAD + TAIL) {
      count.text(text, 0, Math.min(length, left), weight, leads);
      return Math.min(length, left);
    }
    count.text(text, 0, HEAD, weight, leads);
    count.text(text, length - TAIL, length, weight, false);
    return HEAD + TAIL;
  }

  /** The domain that the request names, in {@code routing.domain} or as {@code auto:<domain>}; null if it names none that there is. */
  private static @Nullable String chosen(ChatRequest request, TopicPolicy now) {
    JsonNode named = request.routing().path("domain");
    if (named.isTextual()) {
      return now.names().contains(named.textValue()) ? named.textValue() : null;
    }
    String model = request.model();
    if (model.startsWith(AUTO) && now.names().contains(model.substring(AUTO.length()))) {
      return model.substring(AUTO.length());
    }
    return null;
  }

  private Topic topic(TopicPolicy now, Terms.Count count, @Nullable String chosen, String latest) {
    double[] sums = count.sums();
    int domainCount = now.names().size();
    byForm(sums, domainCount, latest);
    // code is technical and fiction creative, whatever it tells of
    implies(now, sums, "code", "technical");
    implies(now, sums, "creative", "creative");
    List<Map.Entry<String, Double>> domains = new ArrayList<>(2);
    for (int i = 0; i < domainCount; i++) {
      double score = score(sums[i]);
      if (score >= now.thresholds()[i] && sums[i] > 0 && on.test(now.names().get(i)) || now.names().get(i).equals(chosen)) {
        domains.add(Map.entry(now.names().get(i), score));
      }
    }
    domains.sort(Map.Entry.<String, Double>comparingByValue(Comparator.reverseOrder()));
    List<Map.Entry<String, Double>> tasks = new ArrayList<>(TopicPolicy.TASKS.size());
    for (int i = 0; i < TopicPolicy.TASKS.size(); i++) {
      double score = score(sums[domainCount + i]);
      if (score > 0.05) {
        tasks.add(Map.entry(TopicPolicy.TASKS.get(i), score));
      }
    }
    tasks.sort(Map.Entry.<String, Double>comparingByValue(Comparator.reverseOrder()));
    String domain = chosen != null ? chosen : domains.isEmpty() ? "" : domains.get(0).getKey();
    return new Topic(domain, map(domains, domains.size()), chosen != null, tasks.isEmpty() ? "chat" : tasks.get(0).getKey(), map(tasks, MOST_TASKS));
  }

  private static void implies(TopicPolicy now, double[] sums, String task, String domain) {
    int at = now.names().indexOf(domain);
    if (at >= 0) {
      sums[at] += IMPLIED * sums[now.names().size() + TopicPolicy.TASKS.indexOf(task)];
    }
  }

  /** What the form says: code and formulas in the latest turn; a question where no task is clear, talk where nothing is asked. */
  private static void byForm(double[] sums, int from, String latest) {
    int code = from + TopicPolicy.TASKS.indexOf("code");
    int maths = from + TopicPolicy.TASKS.indexOf("maths");
    if (latest.contains("```") || latest.contains("();") || latest.contains("){") || latest.contains(") {") || latest.contains("=> ") || latest.contains("</")) {
      sums[code] += 0.6;
    }
    sums[maths] += formulas(latest);
    if (numbers(latest) >= 2 && COUNTING.matcher(latest).find()) {
      sums[maths] += 1.8;
    }
    // to ask is a form: what is asked for goes before it, when that is clear enough
    int asking = from + TopicPolicy.TASKS.indexOf("question_answering");
    double clearest = 0;
    for (int i = from; i < sums.length; i++) {
      clearest = i == asking ? clearest : Math.max(clearest, sums[i]);
    }
    if (clearest >= 0.6 && clearest >= 0.43 * sums[asking]) {
      sums[asking] = Math.min(sums[asking], 0.9 * clearest);
    }
    double most = 0;
    for (int i = from; i < sums.length; i++) {
      most = Math.max(most, score(sums[i]));
    }
    if (most < CLEAR) {
      boolean question = latest.indexOf('?') >= 0;
      sums[from + TopicPolicy.TASKS.indexOf(question ? "question_answering" : "chat")] += question ? 0.7 : 0.5;
    }
  }

  /** An operator between two numbers or letters that stand alone: {@code 3x + 5 = 20}, {@code 12*7}. */
  private static double formulas(String text) {
    double found = 0;
    int length = Math.min(text.length(), HEAD);
    for (int i = 1; i < length - 1 && found < 2; i++) {
      char c = text.charAt(i);
      if (c == '+' || c == '*' || c == '=' || c == '^' || c == '/' || c == '\u00d7' || c == '\u00f7') {
        char before = text.charAt(i - 1) == ' ' && i > 1 ? text.charAt(i - 2) : text.charAt(i - 1);
        char after = text.charAt(i + 1) == ' ' && i + 2 < length ? text.charAt(i + 2) : text.charAt(i + 1);
        boolean numbers = Character.isDigit(before) && (Character.isDigit(after) || Character.isLetter(after) && c != '/') || Character.isDigit(after) && (before == ')' || Character.isLetter(before) && c != '/');
        found += numbers ? 1 : 0;
      }
    }
    return found;
  }

  private static int numbers(String text) {
    int numbers = 0;
    boolean inside = false;
    for (int i = 0; i < Math.min(text.length(), HEAD); i++) {
      boolean digit = Character.isDigit(text.charAt(i));
      numbers += digit && !inside ? 1 : 0;
      inside = digit;
    }
    return numbers;
  }

  private static double score(double sum) {
    return sum <= 0 ? 0 : Math.round((1 - Math.exp(-sum)) * 1_000) / 1_000.0;
  }

  private static Map<String, Double> map(List<Map.Entry<String, Double>> entries, int most) {
    Map<String, Double> map = new LinkedHashMap<>();
    for (int i = 0; i < entries.size() && i < most; i++) {
      map.put(entries.get(i).getKey(), entries.get(i).getValue());
    }
    return map;
  }
}
