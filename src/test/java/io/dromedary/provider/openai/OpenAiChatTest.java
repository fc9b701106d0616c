package io.dromedary.provider.openai;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import io.dromedary.provider.WireFormat;
import java.io.IOException;
import java.time.Instant;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class OpenAiChatTest {
  static final String HI = "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]";

  @Tag("T7")
  @Test void unknown_fields_go_out_to_openai_and_ours_stay() throws IOException {
    JsonNode out = write("openai", "gpt-4o", "{\"model\":\"auto\"," + HI + ",\"future\":{\"a\":1},\"routing\":{},\"models\":[\"x\"],\"provider\":{}}");
    assertThat(out.toString()).isEqualTo("{\"model\":\"gpt-4o\"," + HI + ",\"future\":{\"a\":1}}");
  }

  static JsonNode write(String dialect, String model, String body) throws IOException {
    return Json.read(outgoing(dialect, model, body).body());
  }

  static WireFormat.Outgoing outgoing(String dialect, String model, String body) {
    return new OpenAiChat(dialect).write(request(body), Model.unlisted(dialect, model));
  }

  static ChatRequest request(String body) {
    Instant now = Instant.parse("2026-11-20T00:00:00Z");
    return new ChatRequest("r1", Json.readStrictly(body.getBytes(UTF_8)), Map.of(), now, now.plusSeconds(60));
  }
}
