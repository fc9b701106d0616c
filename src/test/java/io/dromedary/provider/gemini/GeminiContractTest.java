package io.dromedary.provider.gemini;

import io.dromedary.provider.ProviderContract;
import io.dromedary.provider.WireFormat;

class GeminiContractTest extends ProviderContract {
  @Override protected String provider() {
    return "gemini";
  }

  @Override protected WireFormat format() {
    return new GeminiGenerateContent();
  }
}
