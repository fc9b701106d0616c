package io.dromedary.cascade;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Candidate;
import io.dromedary.catalog.Candidates;
import io.dromedary.chat.Answer;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ChatResponse;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One request's way up its rungs: who has been asked, what each answer was worth, whether to go on. Used by the one thread that serves the request. */
public final class Cascade {
  private final ChatRequest asked;
  private final ChatRequest request;
  private final CascadePolicy.Accept accept;
  private final Candidates ladder;
  /** Asked for by us, not by the client: not to be seen in the answer. */
  private final boolean hiddenLogprobs;
  private final List<Map<String, Object>> rungs = new ArrayList<>(3);
  private Candidates round;
  private List<Candidate> left;
  private @Nullable ChatResponse answer;
  private @Nullable Attempt attempt;
  private @Nullable ChatResponse best;
  private @Nullable Attempt bestAttempt;
  private Map<String, Object> verdicts = new LinkedHashMap<>();
  private @Nullable String failedTest;
  private final List<String> failedTests = new ArrayList<>(2);
  private boolean going = true;
  private boolean accepted;
  private String ended = "";

  Cascade(ChatRequest asked, ChatRequest request, CascadePolicy.Accept accept, Candidates ladder, boolean hiddenLogprobs) {
    this.asked = asked;
    this.request = request;
    this.accept = accept;
    this.ladder = ladder;
    this.round = ladder;
    this.left = ladder.ranked();
    this.hiddenLogprobs = hiddenLogprobs;
  }

  /** The client's own request. */
  public ChatRequest getAsked() {
    return asked;
  }

  /** What the rungs are asked: for a whole answer. */
  public ChatRequest getRequest() {
    return request;
  }

  /** Is there a rung to be asked? */
  public boolean isGoing() {
    return going;
  }

  /** Should a judge be asked about the answer in hand? */
  public boolean isJudging() {
    return failedTest == null && answer != null && !accept.judge().isEmpty();
  }

  public String getJudge() {
    return accept.judge();
  }

  /** Should the endpoint of the settings be asked about the answer in hand? */
  public boolean isChecking() {
    return failedTest == null && answer != null && !accept.check().isEmpty();
  }

  public String getCheck() {
    return accept.check();
  }

  /** The answer in hand. */
  public @Nullable ChatResponse getAnswer() {
    return answer;
  }

  CascadePolicy.Accept accept() {
    return accept;
  }

  /** @param standIns whether the rungs above may stand in for one that fails to answer */
  Candidates climb(boolean standIns) {
    round = ladder.round(standIns || left.isEmpty() ? left : left.subList(0, 1), Attempt.Purpose.ANSWER);
    return round;
  }

  /** Takes an answer in hand. */
  void take(Answer made) {
    answer = (ChatResponse) made;
    attempt = round.served();
    verdicts = new LinkedHashMap<>();
    failedTest = null;
    Candidate who = attempt == null ? null : attempt.candidate();
    int at = who == null ? -1 : left.indexOf(who);
    left = at < 0 ? List.of() : left.subList(at + 1, left.size());
  }

  void passed(String test, Object what) {
    verdicts.put(test, what);
  }

  void failed(String test, String why) {
    verdicts.put(test, why);
    if (failedTest == null) {
      failedTest = test;
    }
  }

  boolean stillFine() {
    return failedTest == null && answer != null;
  }

  /** All tests are done: goes on, or not. */
  void weigh(boolean affordable) {
    Map<String, Object> rung = new LinkedHashMap<>();
    rung.put("attempt", attempt == null ? 0 : attempt.number());
    rung.put("model", attempt == null ? "" : attempt.candidate().model().id());
    rung.put("accepted", failedTest == null);
    if (failedTest != null) {
      rung.put("failed", failedTest);
    }
    rung.put("tests", verdicts);
    rungs.add(rung);
    accepted = failedTest == null;
    if (failedTest != null) {
      failedTests.add((attempt == null ? "?" : attempt.candidate().model().id()) + " " + failedTest);
    }
    // of answers that failed, the strongest model's last one with something in it is given
    if (accepted || best == null || !isBlank(answer)) {
      best = answer;
      bestAttempt = attempt;
    }
    going = !accepted && !left.isEmpty();
    if (going && !affordable) {
      going = false;
      ended = "the next rung would go beyond routing.max_cost";
    }
  }

  List<Candidate> left() {
    return left;
  }

  Candidates ladder() {
    return ladder;
  }

  /** No further rung answered. @return false if there is no earlier answer to give */
  boolean fell(String why) {
    going = false;
    ended = why;
    return best != null;
  }

  ChatResponse best() {
    ChatResponse given = best == null ? answer : best;
    if (!hiddenLogprobs || given == null) {
      return given;
    }
    var json = given.json().deepCopy();
    for (JsonNode choice : json.path("choices")) {
      ((com.fasterxml.jackson.databind.node.ObjectNode) choice).putNull("logprobs");
    }
    return new ChatResponse(json, given.usage());
  }

  /** The candidates as the bill wants them: with who served, and why. */
  Candidates concluded() {
    if (bestAttempt != null) {
      ladder.serve(bestAttempt);
      if (hiddenLogprobs) {
        bestAttempt.dropped(bestAttempt.dropped().stream().filter(name -> !name.equals("logprobs")).toList());
      }
    }
    Map<String, Object> told = new LinkedHashMap<>();
    told.put("accepted", accepted);
    told.put("rungs", rungs);
    if (!ended.isEmpty()) {
      told.put("ended", ended);
    }
    String reason = ladder.decision().reason();
    if (!failedTests.isEmpty()) {
      reason += "; " + String.join(", ", failedTests);
    }
    if (!accepted) {
      reason += "; no answer was accepted" + (ended.isEmpty() ? "" : " (" + ended + ")") + ", the best one is given";
    }
    return ladder.told(ladder.decision().because(reason).with("cascade", told));
  }

  static boolean isBlank(@Nullable ChatResponse answer) {
    return answer == null || answer.text().isBlank() && answer.json().path("choices").path(0).path("message").path("tool_calls").isEmpty();
  }
}
