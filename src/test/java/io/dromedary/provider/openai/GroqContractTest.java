package io.dromedary.provider.openai;

import io.dromedary.provider.ProviderContract;
import io.dromedary.provider.WireFormat;

class GroqContractTest extends ProviderContract {
  @Override protected String provider() {
    return "groq";
  }

  @Override protected WireFormat format() {
    return new OpenAiChat("groq");
  }
}
