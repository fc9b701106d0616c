package io.dromedary.provider.bedrock;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dromedary.catalog.Model;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.provider.WireSamples;
import io.dromedary.testing.SigV4;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsSessionCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;

class BedrockConverseTest {
  /** The key of AWS's documented examples. */
  static final String SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
  static final Clock CLOCK = Clock.fixed(Instant.parse("2015-08-30T12:36:00Z"), ZoneOffset.UTC);
  static final byte[] BODY = "{\"messages\":[]}".getBytes(UTF_8);

  final BedrockConverse signing = new BedrockConverse(new AwsSigner(StaticCredentialsProvider.create(AwsBasicCredentials.create("AKIDEXAMPLE", SECRET)), "us-east-1", CLOCK));

  @Tag("T1")
  @Test void the_check_knows_the_signatures_that_aws_documents() {
    String nothing = SigV4.sha256(new byte[0]);
    assertThat(SigV4.signature(SECRET, "20150830T123600Z", "us-east-1", "service", "GET", "/", "", Map.of("host", "example.amazonaws.com", "x-amz-date", "20150830T123600Z"), List.of("host", "x-amz-date"), nothing))
        .as("get-vanilla of the test suite").isEqualTo("5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    assertThat(SigV4.signature(SECRET, "20150830T123600Z", "us-east-1", "iam", "GET", "/", "Action=ListUsers&Version=2010-05-08",
        Map.of("content-type", "application/x-www-form-urlencoded; charset=utf-8", "host", "iam.amazonaws.com", "x-amz-date", "20150830T123600Z"), List.of("content-type", "host", "x-amz-date"), nothing))
        .as("ListUsers of the IAM guide").isEqualTo("5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
  }

  @Tag("T1")
  @Test void a_request_is_signed_as_the_service_checks_it() {
    String path = signing.write(WireSamples.request("{'messages':[{'role':'user','content':'hi'}]}"), Model.unlisted("bedrock", "amazon.nova-lite-v1:0")).path();
    assertThat(path).isEqualTo("/model/amazon.nova-lite-v1%3A0/converse");
    Map<String, String> headers = headers(signing.headers("", "POST", URI.create("http://127.0.0.1:8080" + path), BODY));
    headers.put("host", "127.0.0.1:8080");
    assertThat(headers.get("x-amz-date")).isEqualTo("20150830T123600Z");
    assertThat(headers.get("authorization")).startsWith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/bedrock/aws4_request, SignedHeaders=host;").doesNotContain(SECRET);
    assertThat(SigV4.isSigned(SECRET, "us-east-1", "bedrock", "POST", path, headers, BODY)).isTrue();
    assertThat(SigV4.isSigned(SECRET, "us-east-1", "bedrock", "POST", path.replace("%3A", ":"), headers, BODY)).as("another path").isFalse();
    assertThat(SigV4.isSigned(SECRET, "us-east-1", "bedrock", "POST", path, headers, "{}".getBytes(UTF_8))).as("another body").isFalse();
  }

  @Test void a_session_token_is_sent_and_signed() {
    var session = new BedrockConverse(new AwsSigner(StaticCredentialsProvider.create(AwsSessionCredentials.create("AKIDEXAMPLE", SECRET, "tok3n")), "us-east-1", CLOCK));
    Map<String, String> headers = headers(session.headers("", "POST", URI.create("https://bedrock-runtime.us-east-1.amazonaws.com/model/m/converse"), BODY));
    assertThat(headers).containsEntry("x-amz-security-token", "tok3n");
    assertThat(headers.get("authorization")).contains("x-amz-security-token");
    headers.put("host", "bedrock-runtime.us-east-1.amazonaws.com");
    assertThat(SigV4.isSigned(SECRET, "us-east-1", "bedrock", "POST", "/model/m/converse", headers, BODY)).isTrue();
  }

  @Test void a_key_is_a_bearer_and_nothing_is_signed() {
    assertThat(signing.headers("k3y", "POST", URI.create("http://x/"), BODY)).containsExactly(Map.entry("Authorization", "Bearer k3y"));
    assertThat(new BedrockConverse().headers("", "POST", URI.create("http://x/"), BODY)).isEmpty();
  }

  @Tag("X7")
  @Test void missing_credentials_are_told_without_where_they_were_looked_for() {
    var nobody = new BedrockConverse(new AwsSigner(() -> {
      throw software.amazon.awssdk.core.exception.SdkClientException.create("looked in /home/someone/.aws");
    }, "us-east-1", CLOCK));
    assertThatThrownBy(() -> nobody.headers("", "POST", URI.create("http://x/"), BODY)).isInstanceOfSatisfying(ProviderFailure.class, failure -> {
      assertThat(failure.kind()).isEqualTo(ProviderFailure.Kind.CREDENTIALS);
      assertThat(failure).hasMessageContaining("no AWS credentials").hasMessageNotContaining("someone");
    });
  }

  @Test void credentials_are_found_where_they_usually_are(@TempDir Path home) throws Exception {
    assertThat(AwsIdentity.AUTO.found(Map.of(), home)).isFalse();
    assertThat(AwsIdentity.AUTO.found(Map.of("AWS_ACCESS_KEY_ID", "a"), home)).isFalse();
    assertThat(AwsIdentity.AUTO.found(Map.of("AWS_ACCESS_KEY_ID", "a", "AWS_SECRET_ACCESS_KEY", "b"), home)).isTrue();
    assertThat(AwsIdentity.AUTO.found(Map.of("AWS_WEB_IDENTITY_TOKEN_FILE", "/f", "AWS_ROLE_ARN", "r"), home)).isTrue();
    assertThat(AwsIdentity.AUTO.found(Map.of("AWS_PROFILE", "p"), home)).isTrue();
    Files.createDirectory(home.resolve(".aws"));
    Files.writeString(home.resolve(".aws/credentials"), "[default]\n");
    assertThat(AwsIdentity.AUTO.found(Map.of(), home)).isTrue();
    assertThat(AwsIdentity.NONE.found(Map.of("AWS_PROFILE", "p"), home)).isFalse();
    assertThat(AwsIdentity.ANY.found(Map.of(), home.resolve("nowhere"))).isTrue();
    assertThatThrownBy(() -> AwsIdentity.named("imds")).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("auto, any or none");
  }

  private static Map<String, String> headers(Map<String, String> given) {
    Map<String, String> lower = new HashMap<>();
    given.forEach((name, value) -> lower.put(name.toLowerCase(Locale.ROOT), value));
    return lower;
  }
}
