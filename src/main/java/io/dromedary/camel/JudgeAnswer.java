package io.dromedary.camel;

import io.dromedary.chat.ChatResponse;
import org.apache.camel.AggregationStrategy;
import org.apache.camel.Exchange;

/** The enricher's strategy for a judge: what it said becomes the variable {@code verdict}; the message stays as it was. A judge that failed has said nothing. */
public final class JudgeAnswer implements AggregationStrategy {
  @Override
  public Exchange aggregate(Exchange request, Exchange ofJudge) {
    boolean answered = ofJudge != null && ofJudge.getException() == null && ofJudge.getVariable("answer") instanceof ChatResponse;
    request.setVariable("verdict", answered ? ofJudge.getVariable("answer") : null);
    return request;
  }
}
