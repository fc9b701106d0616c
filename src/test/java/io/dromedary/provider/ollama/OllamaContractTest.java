package io.dromedary.provider.ollama;

import io.dromedary.provider.ProviderContract;
import io.dromedary.provider.WireFormat;

class OllamaContractTest extends ProviderContract {
  @Override protected String provider() {
    return "ollama";
  }

  @Override protected WireFormat format() {
    return new OllamaChat();
  }
}
