package io.dromedary.camel;

import io.dromedary.cascade.AnswerTests;
import io.dromedary.cascade.Cascade;
import io.dromedary.chat.ChatResponse;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.NoSuchEndpointException;
import org.apache.camel.Processor;
import org.apache.camel.ProducerTemplate;
import org.apache.camel.ResolveEndpointFailedException;
import org.apache.camel.component.direct.DirectConsumerNotAvailableException;
import org.jspecify.annotations.Nullable;

/**
 * Asks the Camel endpoint that {@code config/routing.yaml} names whether an answer will do. Its body is the answer's text, its variables {@code answer} and {@code request} the whole; it leaves {@code accept} or {@code reject: why} as its
 * body, or throws to reject, as Camel's validators do. The endpoint comes from the settings alone, never from a request (X3).
 */
public final class AnswerCheck implements Processor {
  private final AnswerTests tests;
  private volatile @Nullable ProducerTemplate template;

  public AnswerCheck(AnswerTests tests) {
    this.tests = tests;
  }

  @Override
  public void process(Exchange exchange) {
    Cascade cascade = exchange.getVariable("cascade", Cascade.class);
    ChatResponse answer = cascade.getAnswer();
    try {
      Exchange said = template(exchange.getContext()).request(cascade.getCheck(), to -> {
        to.getMessage().setBody(answer.text());
        to.setVariable("answer", answer);
        to.setVariable("request", cascade.getAsked());
      });
      if (said.getException(DirectConsumerNotAvailableException.class) != null) {
        tests.unchecked(cascade);
      } else if (said.getException() != null) {
        tests.threw(cascade, said.getException());
      } else {
        tests.checked(cascade, said.getMessage().getBody(String.class));
      }
    } catch (ResolveEndpointFailedException | NoSuchEndpointException noSuchEndpoint) {
      tests.unchecked(cascade);
    }
  }

  private ProducerTemplate template(CamelContext context) {
    ProducerTemplate made = template;
    if (made == null) {
      made = context.createProducerTemplate();
      template = made;
    }
    return made;
  }
}
