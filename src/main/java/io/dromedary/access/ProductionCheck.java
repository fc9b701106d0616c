package io.dromedary.access;

import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Refuses to start where that would be unsafe, and says all reasons at once. */
public final class ProductionCheck {
  /** Neither answers a chat: one invents, the other embeds. */
  private static final Set<String> IN_PROCESS = Set.of("sandbox", "local");

  /**
   * What is about to start.
   *
   * @param production the profile {@code production} is on
   * @param address what the gateway listens on
   * @param managementAddress what health and metrics listen on; the same as {@code address} when they share the port
   * @param encrypted TLS is on, or a proxy that ends it is declared trusted
   * @param adminTokenFromEnvironment false when it lies in the state directory
   * @param providers ids of the providers that take part
   * @param callersConfigured at least one project is in {@code callers.yaml}
   * @param stateDirPermissions of the state directory; empty where the file system has none
   * @param databaseUrl of the ledger, "" for the default H2 file
   */
  public record Settings(boolean production, String address, String managementAddress, boolean encrypted, boolean adminTokenFromEnvironment, Set<String> providers, boolean callersConfigured,
      Set<PosixFilePermission> stateDirPermissions, String databaseUrl) {}

  private static final Set<PosixFilePermission> OTHERS = Set.of(PosixFilePermission.GROUP_READ, PosixFilePermission.GROUP_WRITE, PosixFilePermission.GROUP_EXECUTE, PosixFilePermission.OTHERS_READ,
      PosixFilePermission.OTHERS_WRITE, PosixFilePermission.OTHERS_EXECUTE);

  private ProductionCheck() {}

  /** Why not to start, empty when all is well. An open gateway is refused off loopback in every profile; the rest holds in production only. */
  public static List<String> reasons(Settings settings) {
    List<String> reasons = new ArrayList<>();
    boolean everywhere = !isLoopback(settings.address());
    if (!settings.callersConfigured() && (everywhere || settings.production())) {
      reasons.add("no callers are configured, so anyone who reaches " + settings.address() + " could spend your money: add a project with a key to config/callers.yaml"
          + (settings.production() ? "" : " or listen on 127.0.0.1"));
    }
    if (!settings.production()) {
      return reasons;
    }
    if (everywhere && !settings.encrypted()) {
      reasons.add("keys would travel in clear text on " + settings.address() + ": set server.ssl, or declare the proxy that ends TLS (server.forward-headers-strategy)");
    }
    if (!isLoopback(settings.managementAddress()) && !settings.managementAddress().equals(settings.address())) {
      reasons.add("health and metrics listen on " + settings.managementAddress() + ": set management.server.address to 127.0.0.1");
    }
    if (!settings.adminTokenFromEnvironment()) {
      reasons.add("the admin token was made up at the first start: set " + AdminToken.ENVIRONMENT + " from your secret store");
    }
    if (IN_PROCESS.containsAll(settings.providers())) {
      reasons.add("no provider takes part but the sandbox, which invents its answers: set a provider's key, such as OPENAI_API_KEY");
    }
    if (settings.stateDirPermissions().stream().anyMatch(OTHERS::contains)) {
      reasons.add("the state directory can be read by others: chmod 700 it");
    }
    if (settings.databaseUrl().startsWith("jdbc:h2:mem")) {
      reasons.add("the ledger would be lost at the next stop: set DATABASE_URL, or leave it unset for a file");
    }
    return reasons;
  }

  /** @throws IllegalStateException with all reasons in one message */
  public static void check(Settings settings) {
    List<String> reasons = reasons(settings);
    if (!reasons.isEmpty()) {
      throw new IllegalStateException("Dromedary does not start, because it would be unsafe:\n  - " + String.join("\n  - ", reasons));
    }
  }

  /** Only literal loopback addresses and {@code localhost} count; no name is looked up. */
  static boolean isLoopback(String address) {
    return address.equals("localhost") || address.equals("::1") || address.equals("[::1]") || address.equals("0:0:0:0:0:0:0:1")
        || address.startsWith("127.") && address.chars().allMatch(c -> c == '.' || c >= '0' && c <= '9');
  }
}
