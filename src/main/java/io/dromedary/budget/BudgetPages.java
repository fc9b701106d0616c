package io.dromedary.budget;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Caller;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.chat.Usd;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What callers and operators see of budgets and credit, and what operators change: limits and payments. */
public final class BudgetPages {
  private static final int MOST_SHARES = 200;
  private static final int MOST_PAYMENTS = 100;

  private final Budgets budgets;
  private final BudgetStore store;

  public BudgetPages(Budgets budgets) {
    this.budgets = budgets;
    this.store = budgets.store();
  }

  /** The caller's own budgets and credit, for {@code GET /v1/limits}: {@code budgets} is a list, {@code credit} too. */
  public ObjectNode limits(Caller caller) {
    ObjectNode page = Json.object();
    ArrayNode list = page.putArray("budgets");
    ArrayNode credits = page.putArray("credit");
    for (Budgets.Rules rules : budgets.of(caller)) {
      show(rules, list, credits, caller);
    }
    return page;
  }

  /** {@code GET /admin/budgets}, of all projects or the one that {@code project} names. */
  public ObjectNode all(Inbound in) {
    String project = in.query().get("project");
    ObjectNode page = Json.object();
    ArrayNode list = page.putArray("budgets");
    ArrayNode credits = page.putArray("credit");
    for (Budgets.Rules rules : budgets.all()) {
      if (project == null || project.equals(rules.project())) {
        show(rules, list, credits, null);
      }
    }
    return page;
  }

  private void show(Budgets.Rules rules, ArrayNode list, ArrayNode credits, @Nullable Caller caller) {
    long now = budgets.now();
    Map<String, BudgetStore.Row> rows = new HashMap<>();
    for (BudgetStore.Row row : stored(() -> store.open(rules.project(), now, 10_000))) {
      rows.put(row.key(), row);
    }
    for (Budgets.Live live : rules.budgets()) {
      Period.Span span = live.span(now);
      if (live.rule.per() == Period.REQUEST) {
        budget(list, live, "", span, null);
        continue;
      }
      if (live.rule.scope() == BudgetRule.Scope.PROJECT) {
        budget(list, live, "", span, rows.get(Budgets.key(live.name, live.rule.scope(), "", span)));
        continue;
      }
      int shown = 0;
      for (BudgetStore.Row row : rows.values()) {
        boolean own = caller == null || live.rule.scope() != BudgetRule.Scope.KEY || row.subject().equals(caller.keyId());
        if (own && row.name().equals(live.name) && row.period().equals(span.label()) && shown++ < MOST_SHARES) {
          budget(list, live, row.subject(), span, row);
        }
      }
      if (shown == 0) {
        budget(list, live, caller != null && live.rule.scope() == BudgetRule.Scope.KEY ? caller.keyId() : "", span, null);
      }
    }
    CreditRule credit = rules.credit();
    if (credit != null) {
      credits.add(credit(rules, credit, rows.get(budgets.creditOf(rules.project(), rules.owner(), credit).key())));
    }
  }

  private void budget(ArrayNode list, Budgets.Live live, String subject, Period.Span span, BudgetStore.@Nullable Row row) {
    long limit = budgets.limit(live, subject);
    long used = row == null ? 0 : row.used();
    long reserved = row == null ? 0 : row.reserved();
    ObjectNode node = list.addObject().put("budget", live.name).put("per", live.rule.per().label()).put("for", live.rule.scope().name().toLowerCase(Locale.ROOT));
    if (live.rule.scope() != BudgetRule.Scope.PROJECT) {
      node.put("subject", subject);
    }
    if (!live.rule.models().isEmpty()) {
      live.rule.models().patterns().forEach(node.putArray("models")::add);
    }
    node.put("limit_usd", usd(limit));
    if (budgets.isSet(live, subject)) {
      node.put("limit_of_file_usd", usd(live.rule.limitNanos()));
    }
    if (live.rule.per() == Period.REQUEST) {
      return;
    }
    node.put("used_usd", usd(used)).put("reserved_usd", usd(reserved)).put("remaining_usd", usd(Math.max(0, limit - used - reserved))).put("period", span.label());
    if (live.rule.soft() != null) {
      node.put("soft", live.rule.soft()).put("low", java.math.BigDecimal.valueOf(used + reserved).compareTo(live.rule.soft().multiply(java.math.BigDecimal.valueOf(limit))) >= 0);
    }
    if (span.resetsAtMs() == 0) {
      node.putNull("resets_at");
    } else {
      node.put("resets_at", Instant.ofEpochMilli(span.resetsAtMs()).toString());
    }
  }

  private static ObjectNode credit(Budgets.Rules rules, CreditRule credit, BudgetStore.@Nullable Row row) {
    long granted = row == null ? 0 : row.granted();
    long used = row == null ? 0 : row.used();
    long reserved = row == null ? 0 : row.reserved();
    long left = granted - used - reserved;
    return Json.object().put("credit", rules.owner()).put("paid_in_usd", usd(granted)).put("used_usd", usd(used)).put("reserved_usd", usd(reserved)).put("remaining_usd", usd(left))
        .put("state", left <= 0 ? "spent" : left <= credit.criticalNanos() ? "critical" : left <= credit.lowNanos() ? "low" : "ok");
  }

  /**
   * {@code POST /admin/budgets} with {@code {"budget": "team-a/month", "subject"?, "usd": 150}}: sets a limit until {@code "usd": null} goes back to the file's. Doing it again changes nothing.
   *
   * @throws Problem 400 for a bad field, 404 for a budget that is not configured
   */
  public ObjectNode setLimit(Inbound in) {
    ObjectNode body = fields(in, Set.of("budget", "subject", "usd"));
    String name = text(body, "budget", "");
    String subject = text(body, "subject", "");
    if (!body.has("usd")) {
      throw Problem.badField("usd", "`usd` is missing; it must be the new limit, or null for that of the file");
    }
    Long limit = body.path("usd").isNull() ? null : amount(body.path("usd"), "usd");
    for (Budgets.Rules rules : budgets.all()) {
      for (Budgets.Live live : rules.budgets()) {
        if (live.name.equals(name)) {
          if (!subject.isEmpty() && live.rule.scope() == BudgetRule.Scope.PROJECT) {
            throw Problem.badField("subject", "budget `" + Problem.clip(name) + "` is one for the whole project; it has no shares");
          }
          stored(() -> {
            budgets.setLimit(live, subject, limit);
            return limit;
          });
          return shown(rules, name);
        }
      }
    }
    throw Problem.notFound("there is no budget `" + Problem.clip(name) + "`; GET /admin/budgets lists them");
  }

  private ObjectNode shown(Budgets.Rules rules, String name) {
    ArrayNode list = Json.object().putArray("budgets");
    show(rules, list, Json.object().putArray("credit"), null);
    ObjectNode page = Json.object();
    ArrayNode of = page.putArray("budgets");
    list.forEach(budget -> {
      if (budget.path("budget").asText().equals(name)) {
        of.add(budget);
      }
    });
    return page;
  }

  /** {@code GET /admin/credits/{owner}}: the balance and what was paid in, newest first. The owner is a project, or {@code project:key}. */
  public ObjectNode credit(Inbound in) {
    return credit(in.name());
  }

  private ObjectNode credit(String owner) {
    Budgets.Rules rules = prepaid(owner);
    CreditRule credit = java.util.Objects.requireNonNull(rules.credit());
    String key = budgets.creditOf(rules.project(), rules.owner(), credit).key();
    ObjectNode page = credit(rules, credit, stored(() -> store.find(key)));
    ArrayNode list = page.putArray("top_ups");
    for (BudgetStore.TopUp payment : stored(() -> store.topUps(key, MOST_PAYMENTS))) {
      list.add(payment(payment));
    }
    return page;
  }

  private static ObjectNode payment(BudgetStore.TopUp payment) {
    return Json.object().put("reference", payment.reference()).put("amount_usd", usd(payment.amount())).put("balance_usd", usd(payment.balance())).put("note", payment.note())
        .put("at", Instant.ofEpochMilli(payment.createdAtMs()).toString());
  }

  /**
   * {@code POST /admin/credits/{owner}/top-up} with {@code {"usd": 50, "reference"?, "note"?}}; a reference, or an {@code Idempotency-Key}, is booked once, however often it is sent.
   *
   * @throws Problem 400 for a bad field, 404 for an owner without credit, 422 when the reference was booked with another amount
   */
  public ObjectNode topUp(Inbound in) {
    ObjectNode body = fields(in, Set.of("usd", "reference", "note"));
    String path = in.path().substring(0, in.path().length() - "/top-up".length());
    Budgets.Rules rules = prepaid(path.substring(path.lastIndexOf('/') + 1));
    long amount = amount(body.path("usd"), "usd");
    if (amount == 0) {
      throw Problem.badField("usd", "`usd` must be more than 0");
    }
    String hint = in.header("idempotency-key");
    String reference = text(body, "reference", hint == null ? "" : hint.strip());
    if (reference.isBlank()) {
      throw Problem.badField("reference", "name the payment by `reference` or the header Idempotency-Key, 1 to 255 characters, so that sending it again does not book it again");
    }
    CreditRule credit = java.util.Objects.requireNonNull(rules.credit());
    LivePurse purse = budgets.creditOf(rules.project(), rules.owner(), credit);
    BudgetStore.TopUp booked = stored(() -> store.topUp(purse, reference, amount, text(body, "note", ""), BudgetGrammar.MOST.movePointRight(9).longValueExact(), System.currentTimeMillis()));
    if (booked == null) {
      throw Problem.badField("usd", "no credit may exceed " + BudgetGrammar.MOST.toPlainString() + " USD paid in");
    }
    if (booked.amount() != amount) {
      throw new Problem(422, "invalid_request_error", "reference `" + Problem.clip(reference) + "` was booked with " + usd(booked.amount()) + " USD already; use another reference for another payment")
          .code("reference_used").param("reference");
    }
    stored(() -> {
      budgets.look(purse);
      return purse;
    });
    return credit(rules.owner()).set("top_up", payment(booked));
  }

  private Budgets.Rules prepaid(String owner) {
    for (Budgets.Rules rules : budgets.all()) {
      if (rules.owner().equals(owner) && rules.credit() != null) {
        return rules;
      }
    }
    throw Problem.notFound("there is no credit `" + Problem.clip(owner) + "`; give the project or the key `credit: {}` in config/callers.yaml or by /admin, and name a key's as `project:key`");
  }

  private static ObjectNode fields(Inbound in, Set<String> known) {
    ObjectNode body = Json.readStrictly(in.body());
    Set<String> odd = new HashSet<>();
    body.fieldNames().forEachRemaining(name -> {
      if (!known.contains(name)) {
        odd.add(name);
      }
    });
    if (!odd.isEmpty()) {
      String name = Problem.clip(odd.iterator().next());
      throw Problem.badField(name, "`" + name + "` is unknown here; allowed are " + String.join(", ", new java.util.TreeSet<>(known)));
    }
    return body;
  }

  private static String text(ObjectNode body, String field, String absent) {
    JsonNode value = body.path(field);
    if (value.isMissingNode() || value.isNull()) {
      return absent;
    }
    if (!value.isTextual() || value.textValue().length() > 255 || value.textValue().chars().anyMatch(Character::isISOControl)) {
      throw Problem.badField(field, "`" + field + "` must be a text of at most 255 characters, none of them a control character");
    }
    return value.textValue();
  }

  private static long amount(JsonNode node, String field) {
    try {
      return BudgetGrammar.nanos(node, "");
    } catch (BudgetGrammar.Fault fault) {
      throw Problem.badField(field, "`" + field + "` " + fault.what());
    }
  }

  private static String usd(long nanos) {
    return Usd.ofNanos(nanos).toString();
  }

  /** A look into the store. */
  private interface Stored<T extends @Nullable Object> {
    T get() throws SQLException;
  }

  private static <T extends @Nullable Object> T stored(Stored<T> look) {
    try {
      return look.get();
    } catch (SQLException e) {
      throw new Problem(503, "service_unavailable_error", "the budgets cannot be read just now; try again shortly").code("ledger_unavailable").retryAfter(Duration.ofSeconds(2));
    }
  }
}
