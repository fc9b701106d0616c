package io.dromedary.provider.openai;

import io.dromedary.provider.ProviderContract;
import io.dromedary.provider.WireFormat;

class DeepSeekContractTest extends ProviderContract {
  @Override protected String provider() {
    return "deepseek";
  }

  @Override protected WireFormat format() {
    return new OpenAiChat("deepseek");
  }
}
