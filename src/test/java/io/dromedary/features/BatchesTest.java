package io.dromedary.features;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Json;
import io.dromedary.spend.Store;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Many requests in one file: by OpenAI's Files and Batch API, and by the inbox. */
@Timeout(60)
class BatchesTest {
  private static final String KEY = "the-key";
  private static final String KEY_SHA256 = "ad44dc8e51cfbfa55e81ddbb626b466241069045066846e7e4cd096131505290";
  private static final String OTHER = "dk-openai-java-0123456789abcdef0123456789";
  private static final String OTHER_SHA256 = "94b286bb854a20e4d36774cf8f730e3a78e4dc8bc50e09d730fdc2c44836c12a";
  private static final String MODEL = "openai/gpt-4o-mini";
  private static final HttpClient HTTP = HttpClient.newHttpClient();

  @TempDir
  static Path home;

  private static FakeProvider openai;
  private static Gateway gateway;

  @BeforeAll
  static void start() {
    openai = FakeProvider.openai();
    gateway = Gateway.with("openai", openai).set("dromedary.batches.inbox", home.resolve("inbox")).set("dromedary.batches.inbox-project", "team-a").set("dromedary.batches.inbox-idle", "200ms")
        .set("dromedary.batches.max-file-bytes", 400_000).set("dromedary.batches.tries", 2).set("dromedary.batches.retry-wait", "50ms").set("dromedary.cache.enabled", false).set("dromedary.failover.max-retries", 0)
        .callers("projects: [{id: team-a, keys: [{id: ci, sha256: " + KEY_SHA256 + "}]}, {id: team-b, limits: {windows: [{per: second, requests: 5}]}, keys: [{id: ci, sha256: " + OTHER_SHA256 + "}]}]").start();
  }

  @AfterAll
  static void stop() {
    gateway.close();
    openai.close();
  }

  @BeforeEach
  void afresh() {
    openai.reset();
  }

  static String line(String id, String prompt) {
    ObjectNode line = Json.object().put("custom_id", id).put("method", "POST").put("url", "/v1/chat/completions");
    line.set("body", Gateway.request(MODEL, prompt));
    return Json.text(line) + "\n";
  }

  private static String lines(int count) {
    StringBuilder all = new StringBuilder();
    IntStream.rangeClosed(1, count).forEach(i -> all.append(line("line-" + i, "prompt " + i)));
    return all.toString();
  }

  private static HttpResponse<String> upload(String key, String purpose, String content, String... headers) throws IOException, InterruptedException {
    String form = "--xyz\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n" + purpose + "\r\n--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../in.jsonl\"\r\nContent-Type: application/jsonl\r\n\r\n" + content
        + "\r\n--xyz--\r\n";
    return HTTP.send(HttpRequest.newBuilder(URI.create(gateway.url() + "/v1/files")).header("authorization", "Bearer " + key).headers(Stream.concat(Stream.of("content-type", "multipart/form-data; boundary=xyz"), Stream.of(headers)).toArray(String[]::new))
        .POST(HttpRequest.BodyPublishers.ofString(form)).build(), HttpResponse.BodyHandlers.ofString());
  }

  private static String file(String key, String content) throws IOException, InterruptedException {
    HttpResponse<String> uploaded = upload(key, "batch", content);
    assertThat(uploaded.statusCode()).as(uploaded.body()).isEqualTo(200);
    return Json.read(uploaded.body()).path("id").asText();
  }

  private static Gateway.Answer create(String key, String file, String... headers) {
    return gateway.post("/v1/batches", Json.object().put("input_file_id", file).put("endpoint", "/v1/chat/completions").put("completion_window", "24h"),
        Stream.concat(Stream.of("authorization", "Bearer " + key), Stream.of(headers)).toArray(String[]::new));
  }

  private static JsonNode ended(String key, String batch) {
    await().atMost(Duration.ofSeconds(30)).until(() -> List.of("completed", "failed", "expired", "cancelled").contains(gateway.get("/v1/batches/" + batch, "authorization", "Bearer " + key).json().path("status").asText()));
    return gateway.get("/v1/batches/" + batch, "authorization", "Bearer " + key).json();
  }

  private static List<JsonNode> content(String key, String file) throws IOException {
    List<JsonNode> read = new ArrayList<>();
    for (String line : gateway.get("/v1/files/" + file + "/content", "authorization", "Bearer " + key).text().split("\n")) {
      read.add(Json.read(line));
    }
    return read;
  }

  private static long number(String sql) throws Exception {
    try (Connection connection = gateway.bean(Store.class).dataSource().getConnection(); Statement statement = connection.createStatement(); ResultSet row = statement.executeQuery(sql)) {
      row.next();
      return row.getLong(1);
    }
  }

  @Tag("M5")
  @Test
  void every_line_of_a_batch_is_answered_once_in_order_and_has_its_own_bill() throws Exception {
    String batch = create(KEY, file(KEY, lines(25))).json().path("id").asText();
    JsonNode ended = ended(KEY, batch);

    assertThat(ended.path("status").asText()).as(ended.toString()).isEqualTo("completed");
    assertThat(ended.path("request_counts").toString()).isEqualTo("{\"total\":25,\"completed\":25,\"failed\":0}");
    assertThat(ended.path("error_file_id").isNull()).isTrue();
    List<JsonNode> results = content(KEY, ended.path("output_file_id").asText());
    assertThat(results).extracting(result -> result.path("custom_id").asText()).containsExactlyElementsOf(IntStream.rangeClosed(1, 25).mapToObj(i -> "line-" + i).toList());
    assertThat(results).allSatisfy(result -> {
      assertThat(result.at("/response/status_code").asInt()).isEqualTo(200);
      assertThat(result.at("/response/body/choices/0/message/content").asText()).isNotEmpty();
      assertThat(result.path("error").isNull()).isTrue();
      JsonNode page = gateway.get("/v1/requests/" + result.at("/response/request_id").asText(), "authorization", "Bearer " + KEY).json();
      assertThat(page.path("entry").asText()).as(page.toString()).isEqualTo("batch");
      assertThat(page.path("attempts")).hasSize(1);
    });
    assertThat(openai.calls()).isEqualTo(25);
    assertThat(gateway.metric("dromedary_batch_lines_total{outcome=\"answered\"")).isGreaterThanOrEqualTo(25);
  }

  @Test
  void what_a_line_is_refused_for_is_in_the_error_file() throws Exception {
    ObjectNode unknown = (ObjectNode) Json.read(line("wrong", "x"));
    ((ObjectNode) unknown.path("body")).put("model", "no-such-model");
    JsonNode ended = ended(KEY, create(KEY, file(KEY, lines(2) + Json.text(unknown))).json().path("id").asText());

    assertThat(ended.path("request_counts").toString()).isEqualTo("{\"total\":3,\"completed\":2,\"failed\":1}");
    List<JsonNode> errors = content(KEY, ended.path("error_file_id").asText());
    assertThat(errors).hasSize(1);
    assertThat(errors.get(0).path("custom_id").asText()).isEqualTo("wrong");
    assertThat(errors.get(0).at("/response/status_code").asInt()).isEqualTo(404);
    assertThat(errors.get(0).at("/response/body/error/code").asText()).isEqualTo("model_not_found");
  }

  @Test
  void a_file_with_wrong_lines_fails_its_batch_before_anything_is_asked() throws Exception {
    String wrong = line("a", "x") + line("a", "y") + "{not json\n" + line("b", "z").replace("/v1/chat", "/v2/chat");
    JsonNode ended = ended(KEY, create(KEY, file(KEY, wrong)).json().path("id").asText());

    assertThat(ended.path("status").asText()).isEqualTo("failed");
    assertThat(ended.at("/errors/data")).extracting(error -> error.path("code").asText() + " " + error.path("line").asInt()).containsExactly("duplicate_custom_id 2", "invalid_json_line 3", "invalid_url 4");
    assertThat(openai.calls()).isZero();
  }

  @Test
  void lines_that_a_rate_limit_sends_away_wait_and_none_is_lost() throws Exception {
    JsonNode ended = ended(OTHER, create(OTHER, file(OTHER, lines(15))).json().path("id").asText());

    assertThat(ended.path("request_counts").toString()).isEqualTo("{\"total\":15,\"completed\":15,\"failed\":0}");
    assertThat(openai.calls()).isEqualTo(15);
  }

  @Tag("X6")
  @Test
  void another_projects_files_and_batches_are_those_that_do_not_exist() throws Exception {
    String file = file(KEY, lines(1));
    String batch = create(KEY, file).json().path("id").asText();
    ended(KEY, batch);
    String auth = "Bearer " + OTHER;

    for (String path : List.of("/v1/files/" + file, "/v1/files/" + file + "/content", "/v1/batches/" + batch)) {
      Gateway.Answer theirs = gateway.get(path, "authorization", auth);
      Gateway.Answer nobodys = gateway.get(path.replaceAll("(file-|batch_)[0-9a-z]+", "$1nosuchone"), "authorization", auth);
      assertThat(theirs.status()).isEqualTo(404);
      assertThat(theirs.text().replaceAll("(file-|batch_)[0-9a-z]+", "")).isEqualTo(nobodys.text().replaceAll("(file-|batch_)[0-9a-z]+", ""));
    }
    assertThat(gateway.send("DELETE", "/v1/files/" + file, "", "authorization", auth).status()).isEqualTo(404);
    assertThat(gateway.send("POST", "/v1/batches/" + batch + "/cancel", "", "authorization", auth).status()).isEqualTo(404);
    assertThat(create(OTHER, file).status()).isEqualTo(400);
    assertThat(gateway.get("/v1/files", "authorization", auth).text()).doesNotContain(file);
    assertThat(gateway.get("/v1/batches", "authorization", auth).text()).doesNotContain(batch);
  }

  @Test
  void files_are_listed_page_by_page_and_deleted() throws Exception {
    String first = file(KEY, lines(1));
    String second = file(KEY, lines(2));
    String[] auth = {"authorization", "Bearer " + KEY};

    JsonNode page = gateway.get("/v1/files?limit=1&purpose=batch", auth).json();
    assertThat(page.at("/data/0/id").asText()).isEqualTo(second);
    assertThat(page.at("/data/0/filename").asText()).as("without the folders it came with").isEqualTo("in.jsonl");
    assertThat(page.path("has_more").asBoolean()).isTrue();
    assertThat(gateway.get("/v1/files?limit=1&after=" + second, auth).json().at("/data/0/id").asText()).isEqualTo(first);
    assertThat(gateway.get("/v1/files/" + first + "/content", auth).text()).isEqualTo(lines(1));
    assertThat(gateway.send("DELETE", "/v1/files/" + first, "", auth).json().path("deleted").asBoolean()).isTrue();
    assertThat(gateway.get("/v1/files/" + first, auth).status()).isEqualTo(404);
    assertThat(number("SELECT COUNT(*) FROM dromedary_file_chunks WHERE file_id = '" + first + "'")).isZero();
  }

  @Test
  void an_upload_that_is_no_batch_or_too_large_leaves_nothing_behind() throws Exception {
    long before = number("SELECT COUNT(*) FROM dromedary_files");
    HttpResponse<String> large = upload(KEY, "batch", "x".repeat(500_000));

    assertThat(large.statusCode()).as(large.body()).isEqualTo(413);
    assertThat(upload(KEY, "fine-tune", lines(1)).statusCode()).isEqualTo(400);
    assertThat(upload(KEY, "batch", "").statusCode()).isEqualTo(400);
    assertThat(upload("dk-nobody-0123456789", "batch", lines(1)).statusCode()).isEqualTo(401);
    assertThat(gateway.post("/v1/files", "{}", "authorization", "Bearer " + KEY).status()).isEqualTo(415);
    assertThat(number("SELECT COUNT(*) FROM dromedary_files")).isEqualTo(before);
  }

  @Test
  void a_cancelled_batch_begins_no_further_line_and_keeps_what_was_answered() throws Exception {
    openai.every(Duration.ofMillis(100)).mood(io.dromedary.testing.Mood.DRIPS);
    String batch = create(KEY, file(KEY, lines(300))).json().path("id").asText();
    await().atMost(Duration.ofSeconds(20)).until(() -> openai.calls() > 5);
    Gateway.Answer cancelled = gateway.send("POST", "/v1/batches/" + batch + "/cancel", "", "authorization", "Bearer " + KEY);

    assertThat(cancelled.json().path("status").asText()).as(cancelled.text()).isEqualTo("cancelling");
    JsonNode ended = ended(KEY, batch);
    assertThat(ended.path("status").asText()).isEqualTo("cancelled");
    assertThat(ended.at("/request_counts/completed").asInt()).isBetween(1, 299);
    assertThat(content(KEY, ended.path("output_file_id").asText())).hasSize(ended.at("/request_counts/completed").asInt());
    assertThat(gateway.send("POST", "/v1/batches/" + batch + "/cancel", "", "authorization", "Bearer " + KEY).status()).isEqualTo(409);
    openai.mood(io.dromedary.testing.Mood.WELL);
  }

  @Tag("M10")
  @Test
  void with_an_idempotency_key_a_file_is_uploaded_and_a_batch_begun_once() throws Exception {
    String[] key = {"Idempotency-Key", "batch-key-1"};
    String file = Json.read(upload(KEY, "batch", lines(2), "Idempotency-Key", "file-key-1").body()).path("id").asText();
    assertThat(Json.read(upload(KEY, "batch", lines(2), "Idempotency-Key", "file-key-1").body()).path("id").asText()).isEqualTo(file);
    HttpResponse<String> another = upload(KEY, "batch", lines(3), "Idempotency-Key", "file-key-1");
    assertThat(another.statusCode()).isEqualTo(422);
    assertThat(Json.read(another.body()).at("/error/code").asText()).isEqualTo("idempotency_key_reused");
    assertThat(upload(KEY, "batch", lines(3), "Idempotency-Key", "k".repeat(256)).statusCode()).isEqualTo(400);

    List<String> batches = IntStream.range(0, 8).parallel().mapToObj(i -> create(KEY, file, key).json().path("id").asText()).distinct().toList();
    assertThat(batches).as("begun once").hasSize(1);
    assertThat(ended(KEY, batches.get(0)).at("/request_counts/completed").asInt()).isEqualTo(2);
    assertThat(create(KEY, file, key).json().path("status").asText()).as("how far it is").isEqualTo("completed");
    assertThat(create(KEY, file(KEY, lines(1)), key).status()).isEqualTo(422);
    assertThat(create(OTHER, file, key).status()).as("another project's key is another key").isEqualTo(400);
    assertThat(openai.calls()).isEqualTo(2);
    gateway.send("DELETE", "/v1/files/" + file, "", "authorization", "Bearer " + KEY);
    assertThat(Json.read(upload(KEY, "batch", lines(2), "Idempotency-Key", "file-key-1").body()).path("id").asText()).as("what it made is gone").isNotEmpty().isNotEqualTo(file);
  }

  @Tag("F10")
  @Test
  void a_file_in_the_inbox_becomes_results_in_the_outbox_and_a_broken_one_is_put_aside_with_its_reason() throws Exception {
    Path inbox = home.resolve("inbox");
    Files.createDirectories(inbox);
    Files.writeString(inbox.resolve("half.jsonl.tmp"), lines(1));
    Files.writeString(inbox.resolve("broken.jsonl"), lines(1) + "{half a li", UTF_8);
    Files.createFile(inbox.resolve("empty-yet.jsonl"));
    Files.createSymbolicLink(inbox.resolve("link.jsonl"), Files.writeString(home.resolve("elsewhere.jsonl"), lines(1), UTF_8));
    Files.writeString(inbox.resolve("wide.jsonl"), lines(1), StandardCharsets.UTF_16LE);
    Files.writeString(inbox.resolve("loud.JSONL"), lines(1), UTF_8);
    Files.writeString(inbox.resolve("good.jsonl"), lines(3), UTF_8);
    Path results = home.resolve("outbox").resolve("good.results.jsonl");

    await().atMost(Duration.ofSeconds(30)).until(() -> Stream.of(".failed/broken.jsonl", ".failed/wide.jsonl", ".failed/link.jsonl", ".done/good.jsonl", ".done/loud.JSONL").map(inbox::resolve).allMatch(file -> Files.exists(file, LinkOption.NOFOLLOW_LINKS)) && Files.exists(results) && Files.exists(home.resolve("outbox/loud.results.jsonl")));
    try (Stream<String> written = Files.lines(results)) {
      assertThat(written).hasSize(3).allMatch(line -> line.contains("\"status_code\":200"));
    }
    assertThat(Files.readString(inbox.resolve(".failed/broken.jsonl.reason.json"))).contains("invalid_json_line").contains("\"line\" : 2");
    assertThat(Files.readString(inbox.resolve(".failed/wide.jsonl.reason.json"))).contains("UTF-16");
    assertThat(Files.readString(inbox.resolve(".failed/link.jsonl.reason.json"))).contains("the file is a link");
    assertThat(inbox.resolve("empty-yet.jsonl")).as("it has no content yet").exists();
    assertThat(inbox.resolve("half.jsonl.tmp")).exists();
    assertThat(number("SELECT COUNT(*) FROM dromedary_requests WHERE entry = 'file' AND project = 'team-a'")).isEqualTo(4);
    assertThat(openai.calls()).isEqualTo(4);
  }
}
