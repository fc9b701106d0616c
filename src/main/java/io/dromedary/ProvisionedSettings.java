package io.dromedary;

import io.dromedary.capacity.Commitment;
import io.dromedary.catalog.ConfigError;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.chat.Usd;
import java.math.BigDecimal;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/** Capacity that is paid for by the hour, {@code dromedary.provisioned} in {@code config/application.yaml}. */
@ConfigurationProperties("dromedary")
record ProvisionedSettings(@DefaultValue List<Capacity> provisioned) {
  private static final long MOST_A_MINUTE = 10_000_000_000L;
  private static final BigDecimal MOST_PER_HOUR = new BigDecimal("1000000");

  /** One model's. */
  record Capacity(@DefaultValue("") String model, @Nullable BigDecimal usdPerHour, @DefaultValue("0") long requestsPerMinute, @DefaultValue("0") long tokensPerMinute, @DefaultValue("next") String spill,
      @DefaultValue("2020-01-01") LocalDate since) {}

  private static boolean counts(long number) {
    return number >= 0 && number <= MOST_A_MINUTE;
  }

  /** @throws ConfigError naming the key, its value and what is allowed */
  List<Commitment> commitments(ModelCatalog catalogue) {
    List<Commitment> commitments = new ArrayList<>();
    for (int i = 0; i < provisioned.size(); i++) {
      Capacity capacity = provisioned.get(i);
      String where = "dromedary.provisioned[" + i + "].";
      Model model = catalogue.find(capacity.model()).filter(found -> found.id().equals(capacity.model())).orElseThrow(() -> new ConfigError(where + "model = " + capacity.model() + ": must be a model of config/models.yaml, `provider/name`"));
      if (model.prices().isEmpty()) {
        throw new ConfigError(where + "model = " + capacity.model() + ": has no list price, so what the capacity saves could not be told");
      }
      BigDecimal perHour = capacity.usdPerHour();
      if (perHour == null || perHour.signum() < 0 || perHour.compareTo(MOST_PER_HOUR) > 0 || perHour.stripTrailingZeros().scale() > 9) {
        throw new ConfigError(where + "usd-per-hour = " + perHour + ": must be an amount from 0 to " + MOST_PER_HOUR.toPlainString());
      }
      if (!counts(capacity.requestsPerMinute()) || !counts(capacity.tokensPerMinute()) || capacity.requestsPerMinute() + capacity.tokensPerMinute() == 0) {
        throw new ConfigError(where + "requests-per-minute or tokens-per-minute: one of them must be a whole number from 1 to " + MOST_A_MINUTE);
      }
      if (!capacity.spill().equals("next") && !capacity.spill().equals("on-demand")) {
        throw new ConfigError(where + "spill = " + capacity.spill() + ": must be `next` (the next candidate) or `on-demand` (the list price)");
      }
      commitments.add(new Commitment(capacity.model(), Usd.of(perHour), capacity.requestsPerMinute(), capacity.tokensPerMinute(), capacity.spill().equals("on-demand"), capacity.since()));
    }
    return commitments;
  }
}
