package io.dromedary.features;

import static io.dromedary.testing.Gateway.request;
import static org.assertj.core.api.Assertions.assertThat;

import io.dromedary.chat.EmbeddingResponse;
import io.dromedary.chat.Json;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Gateway.Answer;
import io.dromedary.testing.Gateway.Streamed;
import io.dromedary.testing.Mood;
import java.util.Collections;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Azure by deployment and Bedrock by signed requests, through the running gateway. */
class CloudAccountsTest {
  private static final String HAIKU = "bedrock/anthropic.claude-haiku-4-5-20251001-v1:0";
  private static final String SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
  private static final FakeProvider AZURE = FakeProvider.azure().strict();
  private static final FakeProvider BEDROCK = FakeProvider.bedrock().strict().signedWith(SECRET);
  private static Gateway gateway;

  @BeforeAll
  static void start() {
    System.setProperty("aws.accessKeyId", "AKIDEXAMPLE");
    System.setProperty("aws.secretAccessKey", SECRET);
    gateway = Gateway.with("azure", AZURE).set("dromedary.providers.azure.api-version", "2024-10-21").and("bedrock", BEDROCK).set("dromedary.providers.bedrock.api-key", "")
        .set("dromedary.providers.bedrock.identity", "any").set("dromedary.providers.bedrock.region", "us-east-1").set("dromedary.cache.enabled", false).set("dromedary.breaker.window", 100).set("dromedary.breaker.min-calls", 100).start();
  }

  @AfterAll
  static void stop() {
    System.clearProperty("aws.accessKeyId");
    System.clearProperty("aws.secretAccessKey");
    gateway.close();
    AZURE.close();
    BEDROCK.close();
  }

  @AfterEach
  void calm() {
    AZURE.mood(Mood.WELL).reset();
    BEDROCK.mood(Mood.WELL).reset();
  }

  @Tag("T1")
  @ParameterizedTest
  @CsvSource({"azure/gpt-4o, /openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21, ''", HAIKU + ", /model/anthropic.claude-haiku-4-5-20251001-v1%3A0/converse, -stream"})
  void both_answer_whole_and_as_a_stream(String model, String path, String streaming) {
    FakeProvider fake = model.startsWith("azure") ? AZURE : BEDROCK;
    Answer whole = gateway.chat(model, "hello");
    assertThat(whole.status()).as(whole.text()).isEqualTo(200);
    assertThat(whole.content()).isEqualTo("w1 w2 w3 w4 w5");
    assertThat(whole.json().path("model").asText()).isEqualTo(model);
    assertThat(whole.json().at("/usage/total_tokens").asInt()).isEqualTo(14);
    assertThat(whole.header("x-dromedary-cost-usd")).isNotNull().isNotEqualTo("0");
    assertThat(fake.last().path()).isEqualTo(path);

    Streamed stream = gateway.stream(request(model, "hello", "{'stream_options':{'include_usage':true}}"));
    assertThat(stream.content()).isEqualTo("w1 w2 w3 w4 w5");
    assertThat(stream.done()).isTrue();
    assertThat(stream.finish()).isEqualTo("stop");
    assertThat(stream.usage().path("total_tokens").asInt()).isEqualTo(14);
    assertThat(stream.raw()).doesNotContain("prompt_filter_results");
    assertThat(fake.last().path()).isEqualTo(path + streaming);
  }

  @Tag("D15")
  @ParameterizedTest
  @CsvSource({"azure/text-embedding-3-large, /openai/deployments/text-embedding-3-large/embeddings?api-version=2024-10-21", "bedrock/amazon.titan-embed-text-v2:0, /model/amazon.titan-embed-text-v2%3A0/invoke",
      "bedrock/cohere.embed-v4:0, /model/cohere.embed-v4%3A0/invoke"})
  void both_embed_and_bedrock_signs_for_it_too(String model, String path) {
    FakeProvider fake = model.startsWith("azure") ? AZURE : BEDROCK;
    Answer answer = gateway.post("/v1/embeddings", Json.object().put("model", model).put("input", "hello").put("encoding_format", "base64"));
    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    assertThat(EmbeddingResponse.vector(answer.json().at("/data/0/embedding").textValue())).hasSize(8);
    assertThat(answer.json().at("/usage/prompt_tokens").asInt()).isEqualTo(9);
    assertThat(fake.last().path()).isEqualTo(path);
    assertThat(String.valueOf(fake.last().header("authorization")).startsWith("AWS4-HMAC-SHA256 ")).isEqualTo(fake == BEDROCK);
  }

  @Tag("D15")
  @Tag("M6")
  @Test void an_account_that_is_asked_again_after_a_part_failed_is_paid_for_both() {
    AZURE.usage(500_000, 0).next(Mood.WELL, Mood.DOWN);
    Answer answer = gateway.post("/v1/embeddings", Json.object().put("model", "azure/text-embedding-3-large").set("input", Json.mapper().valueToTree(Collections.nCopies(1_025, "hello"))));
    AZURE.usage(9, -1);
    assertThat(answer.status()).isEqualTo(200);
    assertThat(answer.json().at("/usage/prompt_tokens").asLong()).as("of the two parts of the answer").isEqualTo(1_000_000);
    Row row = Row.of(gateway, answer.requestId());
    assertThat(row.attempts()).hasSize(2);
    assertThat(row.costNanos()).as("a part before, two after").isEqualTo(3 * 65_000_000);
  }

  @Tag("T8")
  @ParameterizedTest
  @CsvSource({"BAD_KEY, 502", "BUSY, 429", "DOWN, 503", "REFUSES, 400", "JUNK, 502", "EMPTY, 502", "HTML, 502"})
  void an_error_of_bedrock_is_told_in_openais_words(Mood mood, int status) {
    BEDROCK.mood(mood);
    Answer answer = gateway.chat(HAIKU, "hello", "x-dromedary-timeout-ms", "2500");
    assertThat(answer.status()).as(answer.text()).isIn(status, status == 429 ? 503 : status);
    assertThat(answer.json().path("error").has("message") && answer.json().path("error").has("type") && answer.json().path("error").has("param") && answer.json().path("error").has("code")).isTrue();
    assertThat(answer.text()).doesNotContain(SECRET).doesNotContain("sk-fake");
  }

  @Tag("S3")
  @Test void an_exception_in_a_stream_is_an_error_event_and_never_a_stop() {
    BEDROCK.next(Mood.ERROR_MID_STREAM);
    Streamed stream = gateway.stream(request(HAIKU, "hello"));
    assertThat(stream.content()).isEqualTo("w1 w2");
    assertThat(stream.error().path("message").asText()).contains("had an error");
    assertThat(stream.finish()).isNull();
  }

  @Test void an_error_of_azure_gets_the_type_that_azure_leaves_out() {
    AZURE.mood(Mood.REFUSES);
    Answer answer = gateway.chat("azure/gpt-4o", "hello");
    assertThat(answer.status()).isEqualTo(400);
    assertThat(answer.json().at("/error/type").asText()).isEqualTo("invalid_request_error");
  }
}
