package io.dromedary.admin;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Json;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Looks at everything that a gateway needs and says what to do about what is wrong: the bean of {@code /admin/doctor}, and a command. */
public final class Doctor {
  private final List<Examination> examinations;

  public Doctor(List<Examination> examinations) {
    this.examinations = List.copyOf(examinations);
  }

  public List<Finding> findings() {
    List<Finding> all = new ArrayList<>();
    for (Examination examination : examinations) {
      try {
        all.addAll(examination.look());
      } catch (Exception e) {
        all.add(Finding.error(examination.part(), String.valueOf(e.getMessage()), "see the message"));
      }
    }
    return all;
  }

  /** The worst of them. */
  public static Finding.Level worst(List<Finding> findings) {
    return findings.stream().map(Finding::level).max(Enum::compareTo).orElse(Finding.Level.OK);
  }

  /** {@code GET /admin/doctor}. */
  public ObjectNode page() {
    List<Finding> findings = findings();
    ObjectNode page = Json.object().put("object", "doctor").put("status", word(worst(findings)));
    ArrayNode list = page.putArray("findings");
    for (Finding finding : findings) {
      ObjectNode node = list.addObject().put("level", word(finding.level())).put("part", finding.part()).put("found", finding.told());
      if (!finding.advice().isEmpty()) {
        node.put("do", finding.advice());
      }
    }
    return page;
  }

  /** For a terminal: the worst last, where the eye is. */
  public static String text(List<Finding> findings) {
    StringBuilder text = new StringBuilder(1_024);
    for (Finding.Level level : Finding.Level.values()) {
      for (Finding finding : findings) {
        if (finding.level() == level) {
          text.append(String.format(Locale.ROOT, "%-5s %-14s %s%n", word(level), finding.part(), finding.told()));
          if (!finding.advice().isEmpty()) {
            text.append(String.format(Locale.ROOT, "      %-14s -> %s%n", "", finding.advice()));
          }
        }
      }
    }
    return text.toString();
  }

  private static String word(Finding.Level level) {
    return level.name().toLowerCase(Locale.ROOT);
  }
}
