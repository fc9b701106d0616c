package io.dromedary.bench;

import java.net.InetSocketAddress;
import java.net.URI;
import org.jspecify.annotations.Nullable;

/**
 * Something that speaks Chat Completions and is measured.
 *
 * @param name as the table shows it
 * @param address where it listens
 * @param authority its Host header
 * @param prefix the path before {@code /chat/completions}, such as {@code /v1}
 * @param model what to ask for
 * @param process whose CPU and memory count, null when unknown
 */
record Target(String name, InetSocketAddress address, String authority, String prefix, String model, @Nullable ProcessView process) {
  static Target of(String name, String baseUrl, String model, @Nullable ProcessView process) {
    URI uri = URI.create(baseUrl);
    int port = uri.getPort() < 0 ? 80 : uri.getPort();
    return new Target(name, new InetSocketAddress(uri.getHost(), port), uri.getHost() + ":" + port, uri.getPath(), model, process);
  }

  /** The same place, asked for another model. */
  Target asking(String otherName, String otherModel) {
    return new Target(otherName, address, authority, prefix, otherModel, process);
  }
}
