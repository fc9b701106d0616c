package io.dromedary.camel;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Candidate;
import io.dromedary.catalog.ConfigError;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.chat.Caller;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.Json;
import io.dromedary.chat.ModelRequest;
import io.dromedary.chat.Problem;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.chat.ProviderFailure.Kind;
import io.dromedary.chat.Usage;
import io.dromedary.provider.CanonicalAnswer;
import io.dromedary.provider.openai.OpenAiChat;
import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerRegistry;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.camel.CamelContext;
import org.apache.camel.Endpoint;
import org.apache.camel.Exchange;
import org.apache.camel.ExchangePattern;
import org.apache.camel.ExchangeTimedOutException;
import org.apache.camel.Processor;
import org.apache.camel.ProducerTemplate;
import org.apache.camel.Route;
import org.apache.camel.ValidationException;
import org.apache.camel.component.direct.DirectConsumerNotAvailableException;
import org.apache.camel.model.ModelCamelContext;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks a Camel endpoint as if it were a model: the catalogue's {@code camel/<name>} with its {@code endpoint}, or without one the route of that id. The endpoint gets the request as Chat Completions JSON (or the last user text) and
 * answers with text or with such JSON; it never sees a header of the client's, and no request can name another endpoint (X3).
 *
 * <p>Each endpoint has places, a time limit and a circuit breaker of its own. It works on a thread of ours, so that it can be left when its time is over or its caller hung up. It always answers whole; who asked for a stream gets the
 * answer told as one.
 */
public final class EndpointModels implements Processor, AutoCloseable {
  public static final String PREFIX = Model.ENDPOINTS + "/";
  /** How deep endpoints may ask models that are endpoints: a route that asks the gateway may be ranked there itself. */
  static final int MAX_DEPTH = 3;
  /** Set on the endpoint's exchange; survives the ingress, which removes only what the gateway itself has learnt. */
  static final String DEPTH = "dromedaryEndpointDepth";
  private static final Logger LOG = LoggerFactory.getLogger(EndpointModels.class);
  private static final int MAX_ANSWER_CHARS = 32 << 20;
  /** How soon it is noticed that a caller hung up. */
  private static final long LOOK_MS = 250;

  private final CamelContext context;
  private final CircuitBreakerRegistry breakers;
  private final OpenAiChat answers = new OpenAiChat("compatible");
  private final Map<String, AtomicInteger> places = new ConcurrentHashMap<>();
  private final ExecutorService threads;
  private volatile @Nullable ProducerTemplate template;

  public EndpointModels(CamelContext context, CircuitBreakerRegistry breakers) {
    this.context = context;
    this.breakers = breakers;
    AtomicInteger number = new AtomicInteger();
    this.threads = Executors.newCachedThreadPool(task -> {
      Thread thread = new Thread(task, "dromedary-endpoint-" + number.incrementAndGet());
      thread.setDaemon(true);
      return thread;
    });
  }

  /** Would this model's endpoint be asked now? @param model its id */
  public boolean available(String model) {
    return breakers.find(model).map(breaker -> breaker.getState() != CircuitBreaker.State.OPEN).orElse(true);
  }

  /**
   * Looks every endpoint of a catalogue up among the routes, before they start and before they are exchanged.
   *
   * @param files the routes that change while the gateway runs, null where none do
   * @throws ConfigError naming the first that is not there
   */
  public void check(ModelCatalog catalog, ModelCamelContext context, @Nullable RouteReload files) {
    for (Model model : catalog.byProvider(Model.ENDPOINTS)) {
      String uri = model.traits().get("endpoint");
      try {
        if (uri == null) {
          if (!(files != null ? files.has(model.name()) : context.getRouteDefinition(model.name()) != null)) {
            throw new IllegalArgumentException("there is no such route");
          }
        } else if (context.getEndpoint(uri).getEndpointUri().startsWith("direct:")
            && !(files != null ? files.begins(uri) : context.getRouteDefinitions().stream().anyMatch(route -> RouteReload.place(route.getInput().getEndpointUri()).equals(RouteReload.place(uri))))) {
          throw new IllegalArgumentException("no route begins there");
        }
      } catch (RuntimeException e) {
        throw new ConfigError("config/models.yaml: models[" + model.id() + "].endpoint = " + (uri == null ? "the route `" + model.name() + "`" : uri) + " cannot be asked: " + e.getMessage(), e);
      }
    }
  }

  /** Answers the exchange's {@code request} by its {@code candidate}. @throws ProviderFailure what went wrong; the {@code attempt} has its outcome */
  @Override
  public void process(Exchange exchange) {
    ChatRequest request = exchange.getVariable("request", ChatRequest.class);
    Candidate candidate = exchange.getVariable("candidate", Candidate.class);
    Attempt attempt = exchange.getVariable("attempt", Attempt.class);
    long started = System.nanoTime();
    try {
      ChatResponse answer = guarded(exchange, request, candidate.model(), attempt, started);
      attempt.ended(Attempt.Status.ANSWERED, answer.usage(), "", 200, since(started), since(started));
      exchange.getMessage().setBody(answer);
    } catch (ProviderFailure failure) {
      attempt.ended(failure.kind() == Kind.CANCELLED ? Attempt.Status.CANCELLED : Attempt.Status.FAILED, Usage.NONE, failure.kind().name().toLowerCase(Locale.ROOT), failure.providerStatus(), null, since(started));
      throw failure;
    }
  }

  private ChatResponse guarded(Exchange exchange, ChatRequest request, Model model, Attempt attempt, long started) {
    int depth = exchange.getVariable(DEPTH, 0, Integer.class);
    if (depth >= MAX_DEPTH) {
      throw failed(model, Kind.NOT_CALLED, "endpoints ask each other more than " + MAX_DEPTH + " deep", null);
    }
    int most = Integer.parseInt(model.traits().getOrDefault("max_concurrent", "64"));
    AtomicInteger taken = places.computeIfAbsent(model.id(), id -> new AtomicInteger());
    if (taken.incrementAndGet() > most) {
      taken.decrementAndGet();
      throw failed(model, Kind.NOT_CALLED, "has " + most + " calls under way, its limit (max_concurrent)", null);
    }
    try {
      CircuitBreaker breaker = breakers.circuitBreaker(model.id());
      if (!breaker.tryAcquirePermission()) {
        throw failed(model, Kind.NOT_CALLED, "failed too often and rests for a few seconds", null);
      }
      try {
        ChatResponse answer = asked(exchange, request, model, attempt, depth);
        breaker.onSuccess(System.nanoTime() - started, TimeUnit.NANOSECONDS);
        return answer;
      } catch (RuntimeException e) {
        ProviderFailure failure = e instanceof ProviderFailure already ? already : failed(model, Kind.JUNK, "answered what cannot be read", e);
        breaker.onError(System.nanoTime() - started, TimeUnit.NANOSECONDS, failure);
        throw failure;
      }
    } finally {
      taken.decrementAndGet();
    }
  }

  private ChatResponse asked(Exchange exchange, ChatRequest request, Model model, Attempt attempt, int depth) {
    Endpoint endpoint;
    try {
      endpoint = endpoint(model);
    } catch (RuntimeException e) {
      LOG.warn("model `{}`: its endpoint cannot be used: {}", model.id(), e.getMessage());
      throw failed(model, Kind.NOT_CALLED, "has no endpoint here", e);
    }
    Exchange call = endpoint.createExchange(ExchangePattern.InOut);
    call.setVariable("request", request);
    call.setVariable(DEPTH, depth + 1);
    Caller caller = exchange.getVariable("caller", Caller.class);
    if (caller != null) {
      call.setVariable("caller", caller);
      if (endpoint.getEndpointUri().startsWith("direct:")) {
        // a route that asks the gateway in turn does so for the same project and key
        call.setProperty(Ingress.PROJECT, caller.keyId().isEmpty() ? caller.project() : caller.project() + "/" + caller.keyId());
        call.getMessage().setHeader("x-dromedary-project", caller.project());
      }
    }
    call.getMessage().setBody(body(request, model));
    ProducerTemplate sender = template();
    Future<Exchange> work = threads.submit(() -> sender.send(endpoint, call));
    await(work, request, model, attempt);
    Exception thrown = call.getException();
    if (thrown != null) {
      throw failure(call, thrown, model);
    }
    return answer(request, model, call);
  }

  private static String body(ChatRequest request, Model model) {
    return "text".equals(model.traits().get("body")) ? request.lastUserText() : Json.text(withoutOurs(request));
  }

  private static ObjectNode withoutOurs(ChatRequest request) {
    ObjectNode body = request.forProvider();
    body.remove(List.of("stream", "stream_options"));
    return body;
  }

  /** Waits until the work is done, its time is over or nobody waits for it any more. */
  private static void await(Future<Exchange> work, ModelRequest request, Model model, Attempt attempt) {
    Duration limit = Duration.ofMillis(Long.parseLong(model.traits().getOrDefault("timeout_ms", "60000")));
    Duration left = request.remaining(Instant.now());
    Duration shared = attempt.patience();
    limit = left.compareTo(limit) < 0 ? left : limit;
    limit = shared != null && shared.compareTo(limit) < 0 ? shared : limit;
    long deadline = System.nanoTime() + limit.toNanos();
    try {
      while (true) {
        long remaining = deadline - System.nanoTime();
        if (remaining <= 0) {
          work.cancel(true);
          throw failed(model, Kind.TIMEOUT, "did not answer in time", null);
        }
        try {
          work.get(Math.min(remaining, LOOK_MS * 1_000_000), TimeUnit.NANOSECONDS);
          return;
        } catch (TimeoutException notYet) {
          if (request.callerGone().getAsBoolean()) {
            work.cancel(true);
            throw failed(model, Kind.CANCELLED, "was left, the caller hung up", null);
          }
        }
      }
    } catch (InterruptedException e) {
      work.cancel(true);
      Thread.currentThread().interrupt();
      throw failed(model, Kind.CANCELLED, "was left, the gateway is stopping", null);
    } catch (java.util.concurrent.ExecutionException e) {
      throw failed(model, Kind.DOWN, "failed (" + e.getCause().getClass().getSimpleName() + ")", e.getCause());
    }
  }

  /** What the endpoint's exception means: its request was at fault, it is busy, or it is down. Its own words may hold anything, so only those of our own exceptions are told to the caller. */
  private static ProviderFailure failure(Exchange call, Exception thrown, Model model) {
    ProviderFailure failure = call.getException(ProviderFailure.class);
    if (failure != null) {
      return new ProviderFailure(failure.kind(), model.id(), failure.providerStatus(), String.valueOf(failure.getMessage()), failure.code(), failure.param(), failure.retryAfter(), failure);
    }
    Problem problem = call.getException(Problem.class);
    if (problem != null) {
      int status = problem.status();
      Kind kind = status == 429 ? Kind.LIMITED : status == 504 || status == 408 ? Kind.TIMEOUT : status >= 500 ? Kind.DOWN : Kind.REFUSED;
      return new ProviderFailure(kind, model.id(), status, String.valueOf(problem.getMessage()), problem.code(), problem.param(), null, problem);
    }
    if (call.getException(ValidationException.class) != null) {
      return failed(model, Kind.REFUSED, "does not take this request, by its validation", thrown);
    }
    if (call.getException(ExchangeTimedOutException.class) != null) {
      return failed(model, Kind.TIMEOUT, "did not answer in time", thrown);
    }
    if (call.getException(DirectConsumerNotAvailableException.class) != null) {
      return failed(model, Kind.NOT_CALLED, "has no route at its endpoint now", thrown);
    }
    LOG.warn("model `{}`: its endpoint failed with {}", model.id(), thrown.getClass().getName());
    LOG.debug("model `{}`", model.id(), thrown);
    return failed(model, Kind.DOWN, "failed (" + thrown.getClass().getSimpleName() + ")", thrown);
  }

  /** Text is wrapped into an answer; JSON that is a Chat Completions answer (or error) is taken as one; other data is told as JSON text. */
  private ChatResponse answer(ChatRequest request, Model model, Exchange call) {
    Object body = call.getMessage().getBody();
    String text;
    if (body instanceof JsonNode || body instanceof Map || body instanceof Iterable || body instanceof Record) {
      text = Json.text(Json.mapper().valueToTree(body));
    } else {
      text = body == null ? null : context.getTypeConverter().tryConvertTo(String.class, call, body);
    }
    if (text == null) {
      throw failed(model, Kind.JUNK, body == null ? "brought no answer" : "answered a " + body.getClass().getSimpleName() + ", which is neither text nor JSON", null);
    }
    if (text.length() > MAX_ANSWER_CHARS) {
      throw failed(model, Kind.JUNK, "answered more than " + MAX_ANSWER_CHARS + " characters", null);
    }
    try {
      if (isAnswer(text)) {
        ChatResponse read = answers.read(request, model, text.getBytes(StandardCharsets.UTF_8));
        read.json().put("model", model.id());
        return read;
      }
    } catch (ProviderFailure told) {
      throw new ProviderFailure(told.kind(), model.id(), told.providerStatus(), String.valueOf(told.getMessage()), told.code(), told.param(), told.retryAfter(), told);
    } catch (IOException e) {
      throw failed(model, Kind.JUNK, "answered a broken chat completion", e);
    }
    CanonicalAnswer answer = new CanonicalAnswer("", model.id(), request);
    answer.choice(0, text, null, "", Json.array(), null, "stop");
    return answer.with(null);
  }

  private static boolean isAnswer(String text) {
    if (!text.stripLeading().startsWith("{")) {
      return false;
    }
    try {
      JsonNode json = Json.read(text);
      return json.path("choices").isArray() && json.path("choices").path(0).path("message").isObject() || json.path("error").isObject() && json.path("error").has("message");
    } catch (IOException noJson) {
      return false;
    }
  }

  private Endpoint endpoint(Model model) {
    String uri = model.traits().get("endpoint");
    if (uri != null) {
      return context.getEndpoint(uri);
    }
    Route route = RouteReload.newest(context, model.name());
    if (route == null) {
      throw new IllegalArgumentException("there is no route `" + model.name() + "`");
    }
    return route.getEndpoint();
  }

  private ProducerTemplate template() {
    ProducerTemplate ready = template;
    if (ready == null) {
      synchronized (this) {
        ready = template;
        if (ready == null) {
          ready = context.createProducerTemplate();
          template = ready;
        }
      }
    }
    return ready;
  }

  private static ProviderFailure failed(Model model, Kind kind, String what, @Nullable Throwable cause) {
    return new ProviderFailure(kind, model.id(), 0, "model `" + model.id() + "` " + what, null, null, null, cause);
  }

  private static Duration since(long started) {
    return Duration.ofNanos(System.nanoTime() - started);
  }

  @Override
  public void close() {
    threads.shutdownNow();
  }
}
