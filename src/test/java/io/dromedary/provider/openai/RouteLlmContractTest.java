package io.dromedary.provider.openai;

import io.dromedary.provider.ProviderContract;
import io.dromedary.provider.WireFormat;

class RouteLlmContractTest extends ProviderContract {
  @Override protected String provider() {
    return "routellm";
  }

  @Override protected WireFormat format() {
    return new OpenAiChat("routellm");
  }
}
