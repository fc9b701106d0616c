package io.dromedary.server;

import io.dromedary.chat.Json;
import jakarta.servlet.FilterChain;
import jakarta.servlet.http.HttpFilter;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/**
 * Stands before all routes: answers liveness and readiness itself, so that they tell the truth before Camel has routes and under any load, and turns requests away with 503 (never 404) while the gateway starts or stops (F7).
 */
public final class Gate extends HttpFilter {
  private final transient Readiness readiness;
  private final transient Browsers browsers;

  public Gate(Readiness readiness, Browsers browsers) {
    this.readiness = readiness;
    this.browsers = browsers;
  }

  @Override
  protected void doFilter(HttpServletRequest request, HttpServletResponse response, FilterChain chain) throws IOException, jakarta.servlet.ServletException {
    response.setHeader("X-Content-Type-Options", "nosniff");
    String path = HttpEntry.path(request);
    String policy = Browsers.policy(path);
    if (policy != null) {
      response.setHeader("Content-Security-Policy", policy);
    }
    if (path.startsWith("/health/")) {
      if (path.equals("/health/liveness") || path.equals("/health/liveliness")) {
        say(response, 200, "{\"status\":\"up\"}");
        return;
      }
      if (path.equals("/health/readiness")) {
        boolean well = readiness.isWell();
        say(response, well ? 200 : 503, Json.text(Json.object().put("status", well ? "up" : "down").put("state", readiness.state())));
        return;
      }
    }
    if (!readiness.isReady()) {
      response.setHeader("Retry-After", "2");
      if (readiness.isStopping()) {
        response.setHeader("Connection", "close");
      }
      var error = Json.object();
      error.putObject("error").put("message", "the gateway is " + readiness.state() + "; try again in 2 s").put("type", "service_unavailable_error").putNull("param").put("code", "not_ready");
      say(response, 503, Json.text(error));
      return;
    }
    String refusal = browsers.refusal(request, path);
    if (refusal != null) {
      var error = Json.object();
      error.putObject("error").put("message", refusal).put("type", "invalid_request_error").putNull("param").put("code", "browser_refused");
      say(response, 403, Json.text(error));
      return;
    }
    chain.doFilter(request, response);
  }

  private static void say(HttpServletResponse response, int status, String json) throws IOException {
    byte[] bytes = json.getBytes(StandardCharsets.UTF_8);
    response.setStatus(status);
    response.setContentType("application/json");
    response.setContentLength(bytes.length);
    response.getOutputStream().write(bytes);
  }
}
