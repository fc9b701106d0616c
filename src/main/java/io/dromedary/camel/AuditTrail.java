package io.dromedary.camel;

import io.dromedary.access.CallerRegistry;
import io.dromedary.admin.AdminReplies;
import io.dromedary.admin.AuditLog;
import io.dromedary.chat.Caller;
import io.dromedary.chat.Inbound;
import org.apache.camel.Exchange;
import org.apache.camel.Processor;

/** Sees to it that an admin request's answer, whatever it will be, is noted in the audit log before it is written, and kept for its idempotency key. */
public final class AuditTrail implements Processor {
  private final AuditLog log;
  private final AdminReplies replies;
  private final CallerRegistry callers;

  public AuditTrail(AuditLog log, AdminReplies replies, CallerRegistry callers) {
    this.log = log;
    this.replies = replies;
    this.callers = callers;
  }

  @Override
  public void process(Exchange exchange) {
    Inbound in = exchange.getMessage().getBody(Inbound.class);
    exchange.setProperty(ServletBinding.BEFORE_REPLY, (ServletBinding.BeforeReply) reply -> {
      boolean admitted = exchange.getVariable("caller") instanceof Caller caller && caller.admin();
      if (admitted && exchange.getVariable("adminTurn") instanceof AdminReplies.Turn turn) {
        replies.over(turn, reply.status(), reply.body());
      }
      log.answered(in, admitted ? exchange.getVariable("caller", Caller.class).keyId() : callers.named(in), admitted, reply.status());
    });
  }
}
