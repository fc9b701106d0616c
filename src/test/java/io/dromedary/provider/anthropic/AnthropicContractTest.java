package io.dromedary.provider.anthropic;

import io.dromedary.provider.ProviderContract;
import io.dromedary.provider.WireFormat;

class AnthropicContractTest extends ProviderContract {
  @Override protected String provider() {
    return "anthropic";
  }

  @Override protected WireFormat format() {
    return new AnthropicMessages();
  }
}
