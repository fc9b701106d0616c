package io.dromedary.chat;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Why a request gets no answer, told so that every door can say it in its own format. A room raises it; a door writes it.
 *
 * <p>Carries no stack trace: problems are everyday outcomes, and shedding load must cost nothing.
 */
public class Problem extends RuntimeException {
  private final int status;
  private final String type;
  private @Nullable String code;
  private @Nullable String param;
  private @Nullable Duration retryAfter;
  private @Nullable Boolean shouldRetry;
  private final Map<String, String> headers = new LinkedHashMap<>(4);

  /**
   * @param status HTTP status, 400..599
   * @param type OpenAI's error type, such as {@code invalid_request_error}
   * @param message names the thing, its value, the limit and the way out; free of secrets
   */
  public Problem(int status, String type, String message) {
    super(message, null, false, false);
    this.status = status;
    this.type = type;
  }

  public static Problem badRequest(String message) {
    return new Problem(400, "invalid_request_error", message);
  }

  public static Problem badField(String param, String message) {
    return badRequest(message).param(param).code("invalid_value");
  }

  public static Problem unauthorized() {
    return new Problem(401, "invalid_request_error", "no valid API key was given; send it as `Authorization: Bearer <key>`, `x-api-key` or `api-key`").code("invalid_api_key");
  }

  public static Problem notFound(String message) {
    return new Problem(404, "invalid_request_error", message).code("not_found");
  }

  public static Problem modelNotFound(String model) {
    return new Problem(404, "invalid_request_error", "the model `" + clip(model) + "` does not exist here; GET /v1/models lists those that do").code("model_not_found").param("model");
  }

  /** A name {@code router-<kind>-<threshold>} of a kind that we do not have. */
  public static Problem routerNotFound(String model, String kinds) {
    return new Problem(404, "invalid_request_error", "the model `" + clip(model) + "` does not exist here: the kinds of `router-<kind>-<threshold>` are " + kinds).code("model_not_found").param("model");
  }

  /** No candidate is left: {@code constraint} names what emptied the set. */
  public static Problem noEligibleModel(String constraint) {
    return new Problem(422, "invalid_request_error", "no eligible model: " + constraint).code("no_eligible_model").shouldRetry(false);
  }

  /** Too much is under way; come back later. */
  public static Problem overloaded(int status, String message, Duration retryAfter) {
    return new Problem(status, status == 429 ? "requests" : "service_unavailable_error", message)
        .code(status == 429 ? "rate_limit_exceeded" : "overloaded").retryAfter(retryAfter);
  }

  public static Problem internal(String message) {
    return new Problem(500, "server_error", message).code("internal_error");
  }

  public Problem code(String code) {
    this.code = code;
    return this;
  }

  public Problem param(String param) {
    this.param = param;
    return this;
  }

  public Problem retryAfter(@Nullable Duration wait) {
    this.retryAfter = wait;
    return this;
  }

  /** False tells the official SDKs to give up at once. */
  public Problem shouldRetry(boolean value) {
    this.shouldRetry = value;
    return this;
  }

  public Problem header(String name, String value) {
    headers.put(name, value);
    return this;
  }

  public int status() {
    return status;
  }

  public String type() {
    return type;
  }

  public @Nullable String code() {
    return code;
  }

  public @Nullable String param() {
    return param;
  }

  public @Nullable Duration retryAfter() {
    return retryAfter;
  }

  public @Nullable Boolean shouldRetry() {
    return shouldRetry;
  }

  public Map<String, String> headers() {
    return headers;
  }

  /** A client's own text, short enough to be quoted back. */
  public static String clip(String text) {
    return text.length() <= 80 ? text : text.substring(0, 77) + "...";
  }
}
