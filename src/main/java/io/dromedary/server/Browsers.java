package io.dromedary.server;

import jakarta.servlet.http.HttpServletRequest;
import java.util.Locale;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What pages of other sites may not do through a browser on this machine (X8): ask an open gateway under a name of theirs that they have pointed here (DNS rebinding), or write to it or to {@code /admin} across sites. Programs are
 * told from browsers by what browsers send, so that none of this concerns them. No page is ever let in by CORS.
 */
public final class Browsers {
  private static final String PAGE = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
  private static final String NO_PAGE = "default-src 'none'; frame-ancestors 'none'";

  private final BooleanSupplier open;
  private final Set<String> hosts;

  /**
   * @param open may everyone ask?
   * @param hosts names that the gateway is called by beside its addresses and {@code localhost}
   */
  public Browsers(BooleanSupplier open, Set<String> hosts) {
    this.open = open;
    this.hosts = hosts.stream().map(host -> host.toLowerCase(Locale.ROOT)).collect(Collectors.toUnmodifiableSet());
  }

  /** What a browser may do with what it is sent from this path; null where only programs ask, and where a page may be a host application's. */
  static @Nullable String policy(String path) {
    return path.startsWith("/dashboard") ? PAGE : path.startsWith("/admin") || path.startsWith("/health/") || path.equals("/metrics") ? NO_PAGE : null;
  }

  /** Why this request is not answered, null when it is. */
  @Nullable String refusal(HttpServletRequest request, String path) {
    boolean admin = path.startsWith("/admin");
    if (!admin && !path.startsWith("/v1/") && !path.startsWith("/dashboard")) {
      return null;
    }
    boolean everyone = open.getAsBoolean();
    if (everyone && !isOurs(request.getServerName()) && (path.startsWith("/dashboard") || asks(request))) {
      return "this gateway is open to everyone on this machine and answers browsers by its address and as `localhost` only; name the host in dromedary.browsers.allowed-hosts, or configure callers";
    }
    String origin = admin || everyone ? request.getHeader("Origin") : null;
    if (origin != null && writes(request.getMethod()) && !isOurs(origin, request.getHeader("Host"))) {
      return "a page of another site may not write here; name its host in dromedary.browsers.allowed-hosts if it may";
    }
    return null;
  }

  /** A program may call the gateway by any name that leads here, such as a container's; a browser tells that it is one, and no page can keep it from that. */
  private static boolean asks(HttpServletRequest request) {
    String agent = request.getHeader("User-Agent");
    return agent != null && agent.startsWith("Mozilla/") || request.getHeader("Origin") != null || request.getHeader("Referer") != null || request.getHeader("Sec-Fetch-Mode") != null;
  }

  private static boolean writes(String method) {
    return !method.equals("GET") && !method.equals("HEAD") && !method.equals("OPTIONS");
  }

  private boolean isOurs(String host) {
    String name = host.toLowerCase(Locale.ROOT);
    return name.equals("localhost") || name.endsWith(".localhost") || isAddress(name) || hosts.contains(name);
  }

  /** An address cannot be pointed elsewhere. */
  private static boolean isAddress(String host) {
    return host.indexOf(':') >= 0 || host.chars().allMatch(c -> c == '.' || c >= '0' && c <= '9');
  }

  private boolean isOurs(String origin, @Nullable String host) {
    int slashes = origin.indexOf("://");
    String of = slashes < 0 ? origin : origin.substring(slashes + 3);
    int colon = of.lastIndexOf(':');
    return host != null && of.equalsIgnoreCase(host) || hosts.contains((colon < 0 || of.endsWith("]") ? of : of.substring(0, colon)).toLowerCase(Locale.ROOT));
  }
}
