package io.dromedary.provider.openai;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dromedary.catalog.Model;
import io.dromedary.provider.ProviderContract;
import io.dromedary.provider.WireSamples;
import io.dromedary.provider.WireFormat;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class AzureContractTest extends ProviderContract {
  static final Model MODEL = Model.unlisted("azure", "gpt-4o eu");

  @Override protected String provider() {
    return "azure";
  }

  @Override protected WireFormat format() {
    return new OpenAiChat("azure", "2024-10-21");
  }

  @Tag("T1")
  @Test void an_api_version_asks_the_deployment_and_none_asks_the_v1_path() {
    var request = WireSamples.request("{'model':'x','messages':[{'role':'user','content':'hi'}]}");
    assertThat(format().write(request, MODEL).path()).isEqualTo("/openai/deployments/gpt-4o%20eu/chat/completions?api-version=2024-10-21");
    assertThat(new OpenAiChat("azure", "v1").write(request, MODEL).path()).isEqualTo("/openai/v1/chat/completions");
    assertThat(new OpenAiChat("azure", " ").write(request, MODEL).path()).isEqualTo("/openai/v1/chat/completions");
    assertThat(new OpenAiChat("openai", "2024-10-21").write(request, MODEL).path()).isEqualTo("/chat/completions");
    assertThatThrownBy(() -> new OpenAiChat("azure", "2024&x=y")).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("api-version `2024&x=y`");
  }

  @Tag("X7")
  @Test void a_key_goes_into_its_own_header_and_an_entra_token_is_a_bearer() {
    assertThat(format().authentication("k")).containsExactly(Map.entry("api-key", "k"));
    assertThat(format().authentication("eyJhbGciOiJub25lIn0.eyJhIjoxfQ.x")).containsExactly(Map.entry("Authorization", "Bearer eyJhbGciOiJub25lIn0.eyJhIjoxfQ.x"));
  }
}
