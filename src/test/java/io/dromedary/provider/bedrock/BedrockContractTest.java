package io.dromedary.provider.bedrock;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import io.dromedary.catalog.Model;
import io.dromedary.chat.Json;
import io.dromedary.provider.ProviderContract;
import io.dromedary.provider.WireFormat;
import io.dromedary.provider.WireSamples;
import io.dromedary.testing.ConverseRules;
import io.dromedary.testing.EventStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Fixtures of 21 November 2026, written from the documentation, not recorded; streams are kept as text and framed here by AWS's own encoder. */
class BedrockContractTest extends ProviderContract {
  @Override protected String provider() {
    return "bedrock";
  }

  @Override protected WireFormat format() {
    return new BedrockConverse();
  }

  @Tag("T1")
  @TestFactory Stream<DynamicTest> no_request_breaks_converses_rules() throws IOException {
    try (Stream<Path> files = Files.walk(Path.of("src/test/resources/wire/bedrock"))) {
      return files.filter(file -> file.endsWith("upstream.json")).sorted().map(file -> dynamicTest(file.getParent().getFileName().toString(), () -> assertThat(ConverseRules.complaint(Json.read(Files.readAllBytes(file)))).isNull()))
          .toList().stream();
    }
  }

  @Tag("T1")
  @Test void a_listed_model_is_asked_by_the_inference_profile() {
    var request = WireSamples.request("{'messages':[{'role':'user','content':'hi'}]}");
    var profiled = new BedrockConverse("eu-central-1", "none", "eu");
    Model unlisted = Model.unlisted("bedrock", "us.anthropic.claude-opus-5");
    Model listed = new Model("bedrock/anthropic.claude-opus-5", "bedrock", "anthropic.claude-opus-5", "chat", List.of(), 0, 0, Set.of(), 0.5, 1, Set.of(), List.of(), Map.of(), true);
    assertThat(profiled.write(request, listed).path()).isEqualTo("/model/eu.anthropic.claude-opus-5/converse");
    assertThat(profiled.write(request, unlisted).path()).isEqualTo("/model/us.anthropic.claude-opus-5/converse");
    assertThat(new BedrockConverse().write(request, listed).path()).isEqualTo("/model/anthropic.claude-opus-5/converse");
    assertThat(new BedrockConverse().write(request, Model.unlisted("bedrock", "arn:aws:bedrock:eu-central-1:1:inference-profile/x")).path())
        .isEqualTo("/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A1%3Ainference-profile%2Fx/converse");
  }

  @Override protected byte[] stream(Path dir) throws IOException {
    return EventStream.ofText(Files.readString(dir.resolve("stream.txt")));
  }
}
