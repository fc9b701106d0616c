package io.dromedary.sealed;

import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import java.io.IOException;

/** One gateway and its providers that the tests of this package share, since a start takes seconds; the JVM's end stops them. */
final class Sealed {
  static final FakeProvider PROVIDER = FakeProvider.openai();
  static final FakeProvider GEMINI = FakeProvider.gemini();
  static final TestyProvider TESTY = new TestyProvider();
  static final Gateway GATEWAY = beside(Gateway.with("openai", PROVIDER).and("gemini", GEMINI).at("groq", TESTY.url())).set("dromedary.sandbox", true).set("dromedary.limits.body-deadline", "3s")
      .set("dromedary.cache.enabled", false).start();
  static final String MODEL = "openai/gpt-4o-mini";

  static {
    Runtime.getRuntime().addShutdownHook(new Thread(GATEWAY::close));
  }

  private Sealed() {}

  /** May run while other gateways do: Camel's servlets have one name space in a JVM. */
  static Gateway.Setup beside(Gateway.Setup setup) {
    String name = "Sealed" + System.nanoTime();
    return setup.set("camel.servlet.mapping.servlet-name", name).set("camel.component.servlet.servlet-name", name);
  }

  static String chat(String prompt) {
    return Gateway.request(MODEL, prompt).toString();
  }

  static String sandbox(String prompt) {
    return Gateway.request("sandbox/echo", prompt).toString();
  }

  static Wire.Answer ask(byte[] request) throws IOException {
    try (Wire wire = new Wire(GATEWAY.port())) {
      return wire.send(request).read();
    }
  }
}
