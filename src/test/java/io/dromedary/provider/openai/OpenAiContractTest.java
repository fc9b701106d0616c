package io.dromedary.provider.openai;

import io.dromedary.provider.ProviderContract;
import io.dromedary.provider.WireFormat;

class OpenAiContractTest extends ProviderContract {
  @Override protected String provider() {
    return "openai";
  }

  @Override protected WireFormat format() {
    return new OpenAiChat("openai");
  }
}
