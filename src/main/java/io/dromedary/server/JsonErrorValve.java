package io.dromedary.server;

import io.dromedary.chat.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.catalina.connector.Request;
import org.apache.catalina.connector.Response;
import org.apache.catalina.valves.ErrorReportValve;

/** Says the errors that never reach a route (unknown path, wrong method, a request that is no HTTP) in OpenAI's shape, without a stack trace or a server's name. */
public final class JsonErrorValve extends ErrorReportValve {
  @Override
  protected void report(Request request, Response response, Throwable throwable) {
    int status = response.getStatus();
    if (status < 400 || response.getContentWritten() > 0 || !response.setErrorReported()) {
      return;
    }
    String message = switch (status) {
      case 404 -> "no such path: " + request.getMethod() + " " + clip(request.getRequestURI()) + "; see README for the list";
      case 405 -> "method " + request.getMethod() + " is not allowed on " + clip(request.getRequestURI());
      case 400 -> "the request is not valid HTTP";
      case 413 -> "the request is too large";
      case 431 -> "the request's headers are larger than 16 KiB";
      default -> status >= 500 ? "the gateway could not handle this request" : "the request was refused";
    };
    var error = Json.object();
    error.putObject("error").put("message", message).put("type", status >= 500 ? "server_error" : "invalid_request_error").putNull("param").put("code", code(status));
    try {
      response.setHeader("X-Content-Type-Options", "nosniff");
      response.setContentType("application/json");
      response.setCharacterEncoding("UTF-8");
      byte[] bytes = Json.text(error).getBytes(StandardCharsets.UTF_8);
      response.setContentLength(bytes.length);
      response.getOutputStream().write(bytes);
      response.finishResponse();
    } catch (IOException | IllegalStateException callerIsGone) {
      // Nobody is left to tell.
      container.getLogger().debug("error report not written", callerIsGone);
    }
  }

  private static String code(int status) {
    return switch (status) {
      case 404 -> "not_found";
      case 405 -> "method_not_allowed";
      case 413 -> "request_too_large";
      case 431 -> "headers_too_large";
      default -> status >= 500 ? "internal_error" : "bad_request";
    };
  }

  private static String clip(String uri) {
    String plain = uri == null ? "" : HttpEntry.holdsKey(uri) ? "that, which holds a key; replace it" : uri;
    return plain.length() <= 100 ? plain : plain.substring(0, 97) + "...";
  }
}
