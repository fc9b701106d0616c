package io.dromedary.camel;

import io.dromedary.catalog.Bill;
import io.dromedary.chat.ChatStream;
import io.dromedary.chat.Download;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.chat.Usd;
import io.dromedary.client.Reply;
import io.dromedary.client.chatcompletions.AnswerAssembler;
import io.dromedary.client.chatcompletions.ChunkWriter;
import io.dromedary.client.chatcompletions.Replies;
import io.dromedary.limit.Taken;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Map;
import org.apache.camel.Exchange;
import org.apache.camel.Message;
import org.apache.camel.http.common.DefaultHttpBinding;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Between the servlet component and the routes: takes nothing from a request by itself (the ingress reads it) and writes {@link Reply replies}: whole, or event by event as they arrive. A stream is settled before its
 * {@code [DONE]} goes out (M1).
 */
public final class ServletBinding extends DefaultHttpBinding {
  static final String TAKEN = "DromedaryHttpTaken";
  /** The exchange property with a {@link BeforeReply}, where there is one. */
  static final String BEFORE_REPLY = "DromedaryBeforeReply";

  private static final Logger LOG = LoggerFactory.getLogger(ServletBinding.class);

  private final AfterStream afterStream;

  /** What a stream's end starts: the account route. */
  public interface AfterStream {
    /**
     * Settles the request of this exchange; returns when that is durable.
     *
     * @throws RuntimeException if it could not be settled; the client must then not be told that all is well
     */
    void settle(Exchange exchange);
  }

  /** Is told of a whole reply before it is written. */
  interface BeforeReply {
    void with(Reply.Whole reply);
  }

  public ServletBinding(AfterStream afterStream) {
    this.afterStream = afterStream;
  }

  @Override
  public void readRequest(HttpServletRequest request, Message message) {
    // CamelServlet reads this header back and fails on null; the ingress removes it with all others.
    message.setHeader(Exchange.HTTP_PATH, "");
  }

  @Override
  public Object parseBody(HttpServletRequest request, Message message) {
    return null;
  }

  @Override
  public void writeResponse(Exchange exchange, HttpServletResponse response) {
    try {
      if (exchange.getVariable("limits") instanceof Taken taken) {
        head(taken.headers(), response);
      }
      if (exchange.getException() != null) {
        fail(exchange, exchange.getException(), response);
      } else if (exchange.getMessage().getBody() instanceof Reply.Streamed streamed) {
        stream(exchange, streamed, response);
      } else if (exchange.getMessage().getBody() instanceof Reply.Whole whole) {
        tell(exchange, whole);
        write(whole, response);
      } else if (exchange.getMessage().getBody() instanceof Reply.File file) {
        tell(exchange, new Reply.Whole(file.status(), file.headers(), file.contentType(), new byte[0]));
        write(file, response);
      } else {
        fail(exchange, new IllegalStateException("the route " + exchange.getFromRouteId() + " ended without a reply"), response);
      }
    } catch (IOException callerLeft) {
      // What was done is settled; there is nobody to tell.
      LOG.debug("the caller of {} left before its answer's end", exchange.getVariable("requestId"), callerLeft);
    }
  }

  private static void fail(Exchange exchange, Exception thrown, HttpServletResponse response) throws IOException {
    String id = exchange.getVariable("requestId", String.class);
    Reply.Whole reply = Replies.error(thrown, id);
    if (reply.status() == 500) {
      LOG.error("request {} met a mistake of the gateway's own", id, thrown);
    }
    tell(exchange, reply);
    write(reply, response);
  }

  private static void tell(Exchange exchange, Reply.Whole reply) {
    if (exchange.getProperty(BEFORE_REPLY) instanceof BeforeReply before) {
      before.with(reply);
    }
  }

  private static void write(Reply.Whole reply, HttpServletResponse response) throws IOException {
    response.setStatus(reply.status());
    head(reply.headers(), response);
    response.setContentType(reply.contentType());
    response.setContentLength(reply.body().length);
    response.getOutputStream().write(reply.body());
  }

  private static void write(Reply.File reply, HttpServletResponse response) throws IOException {
    response.setStatus(reply.status());
    head(reply.headers(), response);
    response.setContentType(reply.contentType());
    if (reply.download().bytes() != Download.UNKNOWN) {
      response.setContentLengthLong(reply.download().bytes());
    }
    reply.download().source().copy(response.getOutputStream());
  }

  private static void head(Map<String, String> headers, HttpServletResponse response) {
    for (Map.Entry<String, String> header : headers.entrySet()) {
      response.setHeader(header.getKey(), header.getValue());
    }
  }

  private void stream(Exchange exchange, Reply.Streamed reply, HttpServletResponse response) {
    response.setStatus(200);
    head(reply.headers(), response);
    response.setContentType("text/event-stream;charset=utf-8");
    response.setHeader("Cache-Control", "no-cache");
    response.setHeader("X-Accel-Buffering", "no");
    ChunkWriter writer = new ChunkWriter(reply.usageWanted());
    AnswerAssembler assembler = new AnswerAssembler();
    try (ChatStream stream = reply.stream()) {
      OutputStream out = response.getOutputStream();
      byte[] last;
      try {
        for (var chunk = stream.next(); chunk != null; chunk = stream.next()) {
          assembler.accept(chunk);
          out.write(writer.chunk(chunk));
          if (!stream.hasReady()) {
            out.flush();
          }
        }
        exchange.setVariable("answer", assembler.response(stream.usage()));
        afterStream.settle(exchange);
        out.write(writer.usage(stream.usage(), cost(exchange)));
        last = writer.done();
      } catch (ProviderFailure failure) {
        exchange.setVariable("failure", failure);
        afterStream.settle(exchange);
        last = writer.error(failure);
      } catch (IOException callerLeft) {
        throw callerLeft;
      } catch (RuntimeException notSettled) {
        last = writer.error(notSettled);
      }
      out.write(last);
      out.flush();
    } catch (IOException callerLeft) {
      // Nobody is left to be told: closing the stream has cancelled the provider's work, and what it cost is settled below (S5).
    } finally {
      // The stream has ended its attempt by now; a cut or abandoned one is settled here, a whole one was above.
      afterStream.settle(exchange);
    }
  }

  private static @Nullable Usd cost(Exchange exchange) {
    Bill bill = exchange.getVariable("bill", Bill.class);
    return bill == null ? null : bill.cost();
  }

  @Override
  public void doWriteExceptionResponse(Throwable exception, HttpServletResponse response) throws IOException {
    write(Replies.error(exception, null), response);
  }
}
