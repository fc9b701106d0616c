package io.dromedary.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Tag;
import net.jqwik.api.constraints.Size;

@Tag("D15")
class EmbeddingResponseTest {

  @Property(tries = 200)
  void base64_and_back_is_the_same_vector_bit_by_bit(@ForAll @Size(max = 64) float[] vector) {
    String base64 = EmbeddingResponse.base64(vector);
    ByteBuffer asTheSdkReads = ByteBuffer.wrap(Base64.getDecoder().decode(base64)).order(ByteOrder.LITTLE_ENDIAN);
    for (float number : vector) {
      assertThat(Float.floatToRawIntBits(asTheSdkReads.getFloat())).isEqualTo(Float.floatToRawIntBits(number));
    }
    assertThat(asTheSdkReads.hasRemaining()).isFalse();
    float[] back = EmbeddingResponse.vector(base64);
    assertThat(back).hasSize(vector.length);
    for (int i = 0; i < back.length; i++) {
      assertThat(Float.floatToRawIntBits(back[i])).isEqualTo(Float.floatToRawIntBits(vector[i]));
    }
  }

  @Property(tries = 200)
  void numbers_and_base64_say_the_same(@ForAll @Size(min = 1, max = 16) float[] vector) throws IOException {
    JsonNode numbers = Json.read(EmbeddingResponse.of("p/m", List.of(vector), false, Usage.NONE).bytes()).at("/data/0/embedding");
    String base64 = Json.read(EmbeddingResponse.of("p/m", List.of(vector), true, Usage.NONE).bytes()).at("/data/0/embedding").textValue();
    float[] decoded = EmbeddingResponse.vector(base64);
    assertThat(numbers).hasSize(decoded.length);
    for (int i = 0; i < decoded.length; i++) {
      assertThat(numbers.get(i).floatValue()).isEqualTo(decoded[i]);
    }
  }

  @Example
  void it_has_what_openais_schema_requires() {
    byte[] bytes = EmbeddingResponse.of("openai/m", List.of(new float[] {1, 0}, new float[] {0, -0.5f}), false, Usage.counted(7, 0)).bytes();
    assertThat(new String(bytes, StandardCharsets.UTF_8)).isEqualTo("{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[1.0,0.0]},{\"object\":\"embedding\",\"index\":1,\"embedding\":[0.0,-0.5]}],"
        + "\"model\":\"openai/m\",\"usage\":{\"prompt_tokens\":7,\"total_tokens\":7}}");
  }

  @Example
  void halves_of_floats_are_no_vector() {
    assertThatThrownBy(() -> EmbeddingResponse.vector("AAA=")).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> EmbeddingResponse.vector("??")).isInstanceOf(IllegalArgumentException.class);
  }
}
