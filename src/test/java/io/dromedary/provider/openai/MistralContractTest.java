package io.dromedary.provider.openai;

import io.dromedary.provider.ProviderContract;
import io.dromedary.provider.WireFormat;

class MistralContractTest extends ProviderContract {
  @Override protected String provider() {
    return "mistral";
  }

  @Override protected WireFormat format() {
    return new OpenAiChat("mistral");
  }
}
