package io.dromedary.camel;

import io.dromedary.access.CallerRegistry;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Problem;
import io.dromedary.limit.BodyBudget;
import io.dromedary.queue.QueueMessage;
import io.dromedary.server.BodyReader;
import io.dromedary.server.HttpEntry;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.apache.camel.Exchange;
import org.apache.camel.Message;
import org.apache.camel.Processor;
import org.apache.camel.WrappedFile;
import org.apache.camel.component.file.GenericFile;
import org.apache.camel.http.common.HttpMessage;
import org.jspecify.annotations.Nullable;

/**
 * The one way in, for every entry: the message becomes an {@link Inbound} of bytes under the size cap and a few allow-listed words of metadata, and every header is gone (X1, X2). What a header would have controlled, it does not.
 */
public final class Ingress implements Processor {
  /** Metadata that non-HTTP entries may carry as headers; the same names as over HTTP. */
  private static final String PREFIX = "x-dromedary-";
  /** The exchange property by which a route in this JVM says whose a request is: {@code project} or {@code project/key}. No message from outside can set one. */
  public static final String PROJECT = "dromedary.project";
  /** As over HTTP; read only where nothing in this JVM says whose a request is. */
  private static final Set<String> KEYS = Set.of("authorization", "x-api-key", "api-key");
  private static final String IDEMPOTENCY_KEY = "idempotency-key";
  /** How files of one request a line end. */
  private static final String LINES = ".jsonl";

  /** The variables that the routes set on a request's way. */
  private static final List<String> LEARNED = List.of(
      "requestId", "entry", "upload", "caller", "request", "dryRun", "idempotent", "turn", "adminTurn", "agent", "conversation",
      "reservation", "limits",
      "recollection", "found", "recall",
      "strategy", "complexity", "tier", "topic", "occasion", "trimmed",
      "candidates", "candidate", "provider", "attempt", "answer", "failure",
      "cascade", "question", "judge", "judging", "verdict",
      "bill", "event", "eventsWait", "relaySleeps", "shadow", "shadowing", "shadowFailure");

  private final HttpEntry http;
  private final RequestIds ids;
  private final int maxBodyBytes;
  private final BodyReader.Slots slots;
  private final String embedded;

  /**
   * @param http null where there are no HTTP doors
   * @param embedded whose the requests of routes in this JVM are that do not say it; "" for nobody's
   */
  public Ingress(@Nullable HttpEntry http, RequestIds ids, int maxBodyBytes, BodyBudget bodies, String embedded) {
    this.http = http;
    this.ids = ids;
    this.maxBodyBytes = maxBodyBytes;
    this.slots = () -> slot(bodies.start(0));
    this.embedded = embedded;
  }

  private static BodyReader.Slot slot(BodyBudget.Reading reading) {
    return new BodyReader.Slot() {
      private long total;

      @Override
      public void grow(int bytes) {
        total += bytes;
        reading.grow(total);
      }

      @Override
      public void close() {
        reading.close();
      }
    };
  }

  @Override
  public void process(Exchange exchange) {
    Message message = exchange.getMessage();
    if (message.getBody() instanceof Inbound) {
      message.removeHeaders("*");
      return;
    }
    if (exchange.hasVariables()) {
      // A host application's route may have its own `answer` or `caller`: what we learn is not taken from it.
      LEARNED.forEach(exchange::removeVariable);
    }
    String id = ids.next();
    exchange.setVariable("requestId", id);
    HttpMessage httpMessage = exchange.getIn(HttpMessage.class);
    if (http != null && httpMessage != null && httpMessage.getRequest() != null && !Boolean.TRUE.equals(exchange.getProperty(ServletBinding.TAKEN)) && !Boolean.TRUE.equals(exchange.getProperty(HostDoor.PASSED))) {
      exchange.setProperty(ServletBinding.TAKEN, true);
      HttpServletRequest request = httpMessage.getRequest();
      exchange.setVariable("entry", "http");
      if (HttpEntry.isUpload(request)) {
        exchange.setVariable("upload", http.upload(request));
      }
      message.setBody(http.inbound(id, request, slots));
    } else if (message.getBody() instanceof QueueMessage queued) {
      exchange.setVariable("entry", queued.getEntry());
      message.setBody(new Inbound(id, queued.getEntry(), "", "", Map.of(), queued.metadata(), bytes(exchange, queued.bytes()), Instant.now()));
    } else if (message.getBody() instanceof GenericFile<?> file && "file".equals(entry(exchange)) && file.getFileName().endsWith(LINES)) {
      // a file of many requests: it is named, and each of its lines is read under the cap
      exchange.setVariable("entry", "file");
      message.setBody(new Inbound(id, "file", "", file.getAbsoluteFilePath(), Map.of(), Map.of(), new byte[0], Instant.now()));
    } else {
      String entry = entry(exchange);
      exchange.setVariable("entry", entry);
      message.setBody(new Inbound(id, entry, "", "", Map.of(), metadata(exchange, message), bytes(exchange, message.getBody()), Instant.now()));
    }
    if (((Inbound) message.getBody()).header(IDEMPOTENCY_KEY) != null) {
      exchange.setVariable("idempotent", true);
    }
    message.removeHeaders("*");
  }

  private static String entry(Exchange exchange) {
    String scheme = exchange.getFromEndpoint() == null ? "direct" : exchange.getFromEndpoint().getEndpointUri();
    int colon = scheme.indexOf(':');
    scheme = colon < 0 ? scheme : scheme.substring(0, colon);
    return switch (scheme) {
      case "kafka", "jms", "file" -> scheme;
      case "activemq", "activemq6", "amqp", "sjms", "sjms2" -> "jms";
      default -> "direct";
    };
  }

  private Map<String, String> metadata(Exchange exchange, Message message) {
    Map<String, String> metadata = new HashMap<>(4);
    String said = exchange.getProperty(PROJECT, embedded, String.class);
    if (!said.isBlank()) {
      metadata.put(CallerRegistry.KNOWN_CALLER, said);
    }
    for (Map.Entry<String, Object> header : message.getHeaders().entrySet()) {
      String name = header.getKey().toLowerCase(Locale.ROOT);
      // a key that is too long is refused, not left out: its request must not run twice unnoticed
      if (header.getValue() instanceof String value && (name.equals(IDEMPOTENCY_KEY) || (name.startsWith(PREFIX) || said.isBlank() && KEYS.contains(name)) && value.length() <= 1_024)) {
        metadata.put(name, value);
      }
    }
    return metadata;
  }

  private byte[] bytes(Exchange exchange, Object body) {
    byte[] bytes;
    if (body instanceof byte[] already) {
      bytes = already;
    } else if (body instanceof String text) {
      bytes = text.getBytes(StandardCharsets.UTF_8);
    } else if (body instanceof InputStream || body instanceof WrappedFile || body instanceof java.io.File || body instanceof java.nio.ByteBuffer) {
      bytes = read(exchange, body);
    } else if (body instanceof com.fasterxml.jackson.databind.JsonNode node) {
      bytes = io.dromedary.chat.Json.bytes(node);
    } else {
      throw Problem.badRequest("the message must be text, bytes or JSON, not " + (body == null ? "empty" : body.getClass().getSimpleName())).code("invalid_body");
    }
    if (bytes.length > maxBodyBytes) {
      throw new Problem(413, "invalid_request_error", "the message has " + bytes.length + " bytes; the limit is " + maxBodyBytes + " (dromedary.limits.max-body-bytes)").code("request_too_large");
    }
    return bytes;
  }

  private byte[] read(Exchange exchange, Object body) {
    try (InputStream in = exchange.getContext().getTypeConverter().mandatoryConvertTo(InputStream.class, exchange, body)) {
      return in.readNBytes(maxBodyBytes + 1);
    } catch (IOException | org.apache.camel.TypeConversionException | org.apache.camel.NoTypeConversionAvailableException e) {
      throw Problem.badRequest("the message's body cannot be read").code("invalid_body");
    }
  }
}
