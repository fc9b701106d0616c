package io.dromedary.provider.openai;

import io.dromedary.provider.ProviderContract;
import io.dromedary.provider.WireFormat;

class OpenRouterContractTest extends ProviderContract {
  @Override protected String provider() {
    return "openrouter";
  }

  @Override protected WireFormat format() {
    return new OpenAiChat("openrouter");
  }
}
