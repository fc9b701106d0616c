package io.dromedary.bench.jmh;

import org.openjdk.jmh.Main;

/** Runs every benchmark of this package, or those that match a pattern, with JMH's own options. */
public final class Benchmarks {
  private Benchmarks() {}

  /** @throws Exception what JMH throws */
  public static void main(String[] args) throws Exception {
    Main.main(args);
  }
}
