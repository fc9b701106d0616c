package io.dromedary.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.batch.BatchRunner;
import io.dromedary.chat.Json;
import io.dromedary.spend.Store;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Lines that wait in their provider's own batch at half the price: sent together, settled one by one, and asked the usual way when nothing comes of it. */
@Timeout(120)
class ProviderBatchesTest {
  private static final String OPENAI = "openai/gpt-4o-mini";
  private static final String CLAUDE = "anthropic/claude-haiku-4-5";
  private static final String KEY = "the-key";
  private static final String KEY_SHA256 = "ad44dc8e51cfbfa55e81ddbb626b466241069045066846e7e4cd096131505290";
  private static final String POOR = "dk-openai-java-0123456789abcdef0123456789";
  private static final String POOR_SHA256 = "94b286bb854a20e4d36774cf8f730e3a78e4dc8bc50e09d730fdc2c44836c12a";
  private static final HttpClient HTTP = HttpClient.newHttpClient();

  private static FakeProvider openai;
  private static FakeProvider claude;
  private static Gateway gateway;

  @BeforeAll
  static void start() {
    openai = FakeProvider.openai();
    claude = FakeProvider.anthropic();
    String batches = "dromedary.batches.provider-batches.";
    gateway = Gateway.with("openai", openai).and("anthropic", claude).set(batches + "providers", "openai,anthropic").set(batches + "poll", "100ms").set(batches + "lost-after", "1s").set(batches + "tries", 3)
        .set(batches + "max-requests", 40).set("dromedary.batches.tries", 2).set("dromedary.batches.retry-wait", "50ms").set("dromedary.failover.max-retries", 0)
        .callers("projects: [{id: team-a, budgets: [{id: month, usd: 1000, per: month}], keys: [{id: ci, sha256: " + KEY_SHA256 + "}]}, "
            + "{id: poor, budgets: [{id: month, usd: 0.001, per: month}], keys: [{id: ci, sha256: " + POOR_SHA256 + "}]}]").start();
  }

  @AfterAll
  static void stop() {
    gateway.close();
    openai.close();
    claude.close();
  }

  @BeforeEach
  void afresh() {
    for (FakeProvider provider : List.of(openai, claude)) {
      provider.reset().usage(1_000, 500).mood(io.dromedary.testing.Mood.WELL);
      provider.batches().well();
      provider.batches().asked().clear();
    }
  }

  private static String line(String id, String model, String prompt) {
    ObjectNode line = Json.object().put("custom_id", id).put("method", "POST").put("url", "/v1/chat/completions");
    line.set("body", Gateway.request(model, prompt).put("max_tokens", 600));
    return Json.text(line) + "\n";
  }

  private static String lines(String model, String word, int count) {
    return IntStream.rangeClosed(1, count).mapToObj(i -> line("line-" + i, model, word + " " + i)).collect(Collectors.joining());
  }

  private static String begin(String key, String content, String endpoint, ObjectNode more) throws IOException, InterruptedException {
    String form = "--xyz\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"in.jsonl\"\r\nContent-Type: application/jsonl\r\n\r\n" + content + "\r\n--xyz--\r\n";
    HttpResponse<String> uploaded = HTTP.send(HttpRequest.newBuilder(URI.create(gateway.url() + "/v1/files")).header("authorization", "Bearer " + key).header("content-type", "multipart/form-data; boundary=xyz")
        .POST(HttpRequest.BodyPublishers.ofString(form)).build(), HttpResponse.BodyHandlers.ofString());
    ObjectNode asked = Json.object().put("input_file_id", Json.read(uploaded.body()).path("id").asText()).put("endpoint", endpoint).put("completion_window", "24h");
    asked.setAll(more);
    Gateway.Answer created = gateway.post("/v1/batches", asked, "authorization", "Bearer " + key);
    assertThat(created.status()).as(created.text()).isEqualTo(200);
    return created.json().path("id").asText();
  }

  private static String begin(String content) throws IOException, InterruptedException {
    return begin(KEY, content, "/v1/chat/completions", Json.object());
  }

  private static JsonNode show(String key, String batch) {
    return gateway.get("/v1/batches/" + batch, "authorization", "Bearer " + key).json();
  }

  private static JsonNode ended(String key, String batch) {
    await().atMost(Duration.ofSeconds(60)).pollInterval(Duration.ofMillis(50)).until(() -> {
      // more often than once a second
      gateway.bean(BatchRunner.class).tick();
      return List.of("completed", "failed", "expired", "cancelled").contains(show(key, batch).path("status").asText());
    });
    return show(key, batch);
  }

  private static JsonNode ended(String batch) {
    return ended(KEY, batch);
  }

  private static List<JsonNode> content(String key, JsonNode file) throws IOException {
    List<JsonNode> read = new ArrayList<>();
    for (String line : gateway.get("/v1/files/" + file.asText() + "/content", "authorization", "Bearer " + key).text().split("\n")) {
      read.add(Json.read(line));
    }
    return read;
  }

  private static List<JsonNode> results(JsonNode batch) throws IOException {
    return content(KEY, batch.path("output_file_id"));
  }

  private static long number(String sql) throws Exception {
    try (Connection connection = gateway.bean(Store.class).dataSource().getConnection(); Statement statement = connection.createStatement(); ResultSet row = statement.executeQuery(sql)) {
      row.next();
      return row.getLong(1);
    }
  }

  private static JsonNode page(JsonNode result) {
    return gateway.get("/v1/requests/" + result.at("/response/request_id").asText(), "authorization", "Bearer " + KEY).json();
  }

  /** Nothing is held, waits or is left of any batch. */
  private static void assertNothingIsLeft() throws Exception {
    assertThat(number("SELECT COUNT(*) FROM dromedary_standing")).as("held").isZero();
    assertThat(number("SELECT COUNT(*) FROM dromedary_rides")).as("rides").isZero();
    assertThat(number("SELECT COUNT(*) FROM dromedary_lots")).as("lots").isZero();
    assertThat(number("SELECT COALESCE(SUM(reserved_nanos), 0) FROM dromedary_purses")).as("reserved").isZero();
  }

  private static long used(String project) throws Exception {
    return number("SELECT COALESCE(SUM(used_nanos), 0) FROM dromedary_purses WHERE project = '" + project + "'");
  }

  @Tag("M11")
  @Test
  void lines_ride_together_and_each_is_settled_from_its_usage_at_half_the_price() throws Exception {
    long before = used("team-a");
    long savedBefore = gateway.get("/v1/savings", "authorization", "Bearer " + KEY).json().at("/provider_batches/saved_nanos").asLong();
    JsonNode batch = ended(begin(lines(OPENAI, "together", 25)));

    assertThat(batch.path("request_counts").toString()).isEqualTo("{\"total\":25,\"completed\":25,\"failed\":0}");
    assertThat(openai.calls()).as("asked one by one").isZero();
    assertThat(openai.batches().begun()).hasSize(1);
    assertThat(openai.batches().begun().get(0).lines).hasSize(25).allSatisfy(line -> assertThat(line.path("url").asText()).isEqualTo("/v1/chat/completions"));
    List<JsonNode> results = results(batch);
    assertThat(results).extracting(result -> result.path("custom_id").asText()).as("in the order of the file, whatever the provider's").containsExactlyElementsOf(IntStream.rangeClosed(1, 25).mapToObj(i -> "line-" + i).toList());
    // 1,000 in at 0.15 and 500 out at 0.60 USD a million are 0.00045; half of it
    assertThat(results).allSatisfy(result -> {
      assertThat(result.at("/response/body/model").asText()).isEqualTo(OPENAI);
      assertThat(result.at("/response/body/choices/0/message/content").asText()).isNotEmpty();
      assertThat(result.at("/response/x_dromedary_cost_usd").asText()).isEqualTo("0.000225");
    });
    JsonNode page = page(results.get(0));
    assertThat(page.path("cost_nanos").asLong()).as(page.toString()).isEqualTo(225_000);
    assertThat(page.at("/attempts/0/list_cost_nanos").asLong()).isEqualTo(450_000);
    assertThat(page.at("/attempts/0/price_version").asText()).endsWith("*batch");
    assertThat(used("team-a") - before).isEqualTo(25 * 225_000);
    assertThat(gateway.get("/v1/savings", "authorization", "Bearer " + KEY).json().at("/provider_batches/saved_nanos").asLong() - savedBefore).isEqualTo(25 * 225_000);
    assertNothingIsLeft();
  }

  @Test
  void money_is_held_while_they_wait_and_the_batch_says_how_far_it_is() throws Exception {
    openai.batches().holds(true);
    String id = begin(lines(OPENAI, "held", 3));
    await().atMost(Duration.ofSeconds(30)).until(() -> !openai.batches().begun().isEmpty() && openai.batches().begun().get(0).looks() > 0);

    JsonNode lot = show(KEY, id).at("/x_dromedary_provider_batches/0");
    assertThat(lot.path("provider_batch_id").asText()).as(show(KEY, id).toString()).isEqualTo(openai.batches().begun().get(0).id);
    assertThat(lot.path("total").asInt()).isEqualTo(3);
    assertThat(number("SELECT COUNT(*) FROM dromedary_standing WHERE reserved_nanos > 0")).isEqualTo(3);
    assertThat(number("SELECT SUM(reserved_nanos) FROM dromedary_purses WHERE project = 'team-a'")).isEqualTo(number("SELECT SUM(reserved_nanos) FROM dromedary_standing"));
    openai.batches().holds(false);
    assertThat(ended(id).at("/request_counts/completed").asInt()).isEqualTo(3);
    assertNothingIsLeft();
  }

  @Test
  void lines_are_split_by_provider_model_and_size() throws Exception {
    String content = IntStream.rangeClosed(1, 60).mapToObj(i -> line("line-" + i, i % 6 == 0 ? CLAUDE : i % 6 == 1 ? "openai/gpt-4o" : OPENAI, "split " + i)).collect(Collectors.joining());
    JsonNode batch = ended(begin(content + lines(OPENAI, "more", 5).replace("line-", "more-")));

    assertThat(batch.at("/request_counts/completed").asInt()).as(batch.toString()).isEqualTo(65);
    assertThat(openai.batches().begun()).extracting(begun -> begun.lines.get(0).at("/body/model").asText() + " " + begun.lines.size()).containsExactlyInAnyOrder("gpt-4o-mini 40", "gpt-4o-mini 5", "gpt-4o 10");
    assertThat(claude.batches().begun()).hasSize(1);
    assertThat(results(batch)).filteredOn(result -> result.at("/response/body/model").asText().equals(CLAUDE)).hasSize(10).allSatisfy(result -> {
      assertThat(result.at("/response/body/object").asText()).isEqualTo("chat.completion");
      assertThat(result.at("/response/body/choices/0/message/content").asText()).isNotEmpty();
    });
    assertThat(openai.calls() + claude.calls()).isZero();
    assertNothingIsLeft();
  }

  @Test
  void what_the_cache_has_does_not_ride_and_what_rode_is_in_the_cache() throws Exception {
    ended(begin(lines(OPENAI, "cached", 4)));
    JsonNode batch = ended(begin(lines(OPENAI, "cached", 5)));

    assertThat(batch.at("/request_counts/completed").asInt()).isEqualTo(5);
    assertThat(openai.batches().begun()).extracting(begun -> begun.lines.size()).containsExactly(4, 1);
  }

  @Test
  void a_chosen_model_rides_a_stream_and_a_batch_that_is_wanted_sooner_do_not() throws Exception {
    JsonNode chosen = ended(begin(lines("auto", "choose", 3)));
    assertThat(chosen.at("/request_counts/completed").asInt()).as(chosen.toString()).isEqualTo(3);
    assertThat(openai.calls() + claude.calls()).isZero();
    assertThat(page(results(chosen).get(0)).path("tier").asText()).isNotEmpty();
    int begun = openai.batches().begun().size() + claude.batches().begun().size();
    assertThat(begun).isPositive();

    ended(begin(KEY, lines(OPENAI, "soon", 2), "/v1/chat/completions", Json.object().put("completion_window", "2h")));
    ObjectNode off = Json.object();
    off.putObject("metadata").put("provider_batches", "off");
    ended(begin(KEY, lines(OPENAI, "off", 2), "/v1/chat/completions", off));
    assertThat(openai.calls()).isEqualTo(4);
    assertThat(openai.batches().begun().size() + claude.batches().begun().size()).isEqualTo(begun);
  }

  @Test
  void embeddings_ride_too() throws Exception {
    String content = IntStream.rangeClosed(1, 3).mapToObj(i -> {
      ObjectNode line = Json.object().put("custom_id", "e-" + i).put("method", "POST").put("url", "/v1/embeddings");
      line.putObject("body").put("model", "openai/text-embedding-3-small").put("encoding_format", "float").putArray("input").add("one " + i).add("two " + i);
      return Json.text(line) + "\n";
    }).collect(Collectors.joining());
    JsonNode batch = ended(begin(KEY, content, "/v1/embeddings", Json.object()));

    assertThat(batch.at("/request_counts/completed").asInt()).as(batch.toString()).isEqualTo(3);
    assertThat(openai.calls()).isZero();
    assertThat(results(batch)).allSatisfy(result -> assertThat(result.at("/response/body/data")).hasSize(2));
    assertNothingIsLeft();
  }

  @Test
  void a_provider_that_refuses_a_batch_is_asked_line_by_line() throws Exception {
    openai.batches().refuses();
    JsonNode refused = ended(begin(lines(OPENAI, "refused", 6)));
    assertThat(refused.at("/request_counts/completed").asInt()).isEqualTo(6);
    assertThat(openai.calls()).isEqualTo(6);
    assertThat(page(results(refused).get(0)).path("cost_nanos").asLong()).as("at the list price").isEqualTo(450_000);

    openai.reset().batches().well().fails();
    assertThat(ended(begin(lines(OPENAI, "found wrong", 3))).at("/request_counts/completed").asInt()).isEqualTo(3);
    assertThat(openai.calls()).isEqualTo(3);
    assertNothingIsLeft();
  }

  @Tag("M10")
  @Test
  void a_batch_whose_taking_was_never_told_is_found_and_not_sent_again() throws Exception {
    openai.batches().swallows(1);
    claude.batches().swallows(1);
    JsonNode batch = ended(begin(lines(OPENAI, "lost", 4) + lines(CLAUDE, "lost", 3).replace("line-", "claude-")));

    assertThat(batch.at("/request_counts/completed").asInt()).isEqualTo(7);
    assertThat(openai.batches().begun()).hasSize(1);
    assertThat(claude.batches().begun()).hasSize(1);
    assertThat(openai.calls() + claude.calls()).isZero();
    assertNothingIsLeft();
  }

  @Test
  void a_busy_provider_a_failing_poll_and_cut_results_cost_only_time() throws Exception {
    openai.batches().busy(1).pollsFail(2).cuts(1);
    long before = used("team-a");
    JsonNode batch = ended(begin(lines(OPENAI, "bumpy", 8)));

    assertThat(batch.at("/request_counts/completed").asInt()).as(batch.toString()).isEqualTo(8);
    assertThat(openai.batches().begun()).hasSize(1);
    assertThat(openai.calls()).isZero();
    assertThat(used("team-a") - before).isEqualTo(8 * 225_000);
    assertNothingIsLeft();
  }

  @Test
  void results_that_stay_away_are_charged_as_far_as_they_were_given_and_the_lines_asked_again() throws Exception {
    openai.batches().cuts(Integer.MAX_VALUE);
    JsonNode batch = ended(begin(lines(OPENAI, "gone", 4)));

    assertThat(batch.at("/request_counts/completed").asInt()).isEqualTo(4);
    assertThat(openai.calls()).isPositive().isEqualTo((int) number("SELECT COUNT(*) FROM dromedary_attempts WHERE status = 'UNKNOWN' AND request_id IN (SELECT request_id FROM dromedary_requests WHERE reason LIKE '%never seen%')"));
    assertNothingIsLeft();
  }

  @Test
  void failed_lines_end_as_their_failures_and_expired_ones_are_asked_line_by_line() throws Exception {
    openai.batches().lines(prompt -> prompt.endsWith(" 2") ? 400 : prompt.endsWith(" 3") ? 500 : 200).answersOnly(5);
    long before = used("team-a");
    JsonNode batch = ended(begin(lines(OPENAI, "mixed", 6)));

    assertThat(batch.path("request_counts").toString()).as(batch.toString()).isEqualTo("{\"total\":6,\"completed\":5,\"failed\":1}");
    assertThat(content(KEY, batch.path("error_file_id"))).hasSize(1).first().satisfies(error -> {
      assertThat(error.path("custom_id").asText()).isEqualTo("line-2");
      assertThat(error.at("/response/status_code").asInt()).isEqualTo(400);
    });
    assertThat(openai.requests()).extracting(call -> call.json().at("/messages/0/content").asText()).containsExactlyInAnyOrder("mixed 3", "mixed 6");
    assertThat(used("team-a") - before).as("three at half, two at the list price, none for the failed ones").isEqualTo(3 * 225_000 + 2 * 450_000);
    assertNothingIsLeft();
  }

  @Test
  void a_provider_that_does_not_say_what_was_used_is_charged_by_our_own_count() throws Exception {
    openai.mood(io.dromedary.testing.Mood.LIES_ABOUT_USAGE).lie(FakeProvider.Lie.NEGATIVE);
    JsonNode batch = ended(begin(lines(OPENAI, "lies", 2)));

    assertThat(batch.at("/request_counts/completed").asInt()).isEqualTo(2);
    JsonNode page = page(results(batch).get(0));
    assertThat(page.at("/attempts/0/usage/counted").asBoolean()).as(page.toString()).isTrue();
    assertThat(page.path("cost_nanos").asLong()).isPositive();
    assertNothingIsLeft();
  }

  @Test
  void cancelling_a_batch_cancels_its_batches_at_providers_and_keeps_what_they_answered() throws Exception {
    openai.batches().holds(true).answersOnly(2);
    String id = begin(lines(OPENAI, "cancelled", 6));
    await().atMost(Duration.ofSeconds(30)).until(() -> !openai.batches().begun().isEmpty() && openai.batches().begun().get(0).looks() > 0);
    long before = used("team-a");
    assertThat(gateway.send("POST", "/v1/batches/" + id + "/cancel", "", "authorization", "Bearer " + KEY).status()).isEqualTo(200);
    JsonNode batch = ended(id);

    assertThat(batch.path("status").asText()).isEqualTo("cancelled");
    assertThat(openai.batches().begun().get(0).cancelled()).isTrue();
    assertThat(batch.path("request_counts").toString()).isEqualTo("{\"total\":6,\"completed\":2,\"failed\":0}");
    assertThat(used("team-a") - before).isEqualTo(2 * 225_000);
    assertThat(openai.calls()).isZero();
    assertNothingIsLeft();
  }

  @Tag("M2")
  @Test
  void a_budget_holds_back_what_it_cannot_bear_at_half_the_price() throws Exception {
    // a line may cost some 0.0002 USD at half the price: a budget of 0.001 bears a few at once
    JsonNode batch = ended(POOR, begin(POOR, lines(OPENAI, "poor", 12), "/v1/chat/completions", Json.object()));

    int ridden = openai.batches().begun().stream().mapToInt(begun -> begun.lines.size()).sum();
    assertThat(ridden).isBetween(1, 11);
    assertThat(batch.at("/request_counts/failed").asInt()).as(batch.toString()).isPositive();
    assertThat(content(POOR, batch.path("error_file_id")).get(0).at("/response/body/error/code").asText()).isEqualTo("budget_exceeded");
    assertNothingIsLeft();
  }
}
