package io.dromedary.sealed;

import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;

/** One gateway and one provider that the tests of this package share, since a start takes seconds; the JVM's end stops them. */
final class Sealed {
  static final FakeProvider PROVIDER = FakeProvider.openai();
  static final Gateway GATEWAY = Gateway.with("openai", PROVIDER).set("dromedary.sandbox", true).set("dromedary.limits.body-deadline", "3s").set("dromedary.cache.enabled", false).start();
  static final String MODEL = "openai/gpt-4o-mini";

  private Sealed() {}

  static String chat(String prompt) {
    return Gateway.request(MODEL, prompt).toString();
  }

  static String sandbox(String prompt) {
    return Gateway.request("sandbox/echo", prompt).toString();
  }

  static Wire.Answer ask(byte[] request) throws java.io.IOException {
    try (Wire wire = new Wire(GATEWAY.port())) {
      return wire.send(request).read();
    }
  }
}
