package io.dromedary;

import com.sun.management.HotSpotDiagnosticMXBean;
import java.lang.management.ManagementFactory;

/** Gives back the memory that only the start took: it leaves four times as much garbage as a gateway keeps, and the heap that was grown for it would stay grown, some 150 MB of an idle gateway. */
final class StartGarbage {
  /** How much of the heap may be free after a collection, in percent; the JVM's own 70 would keep most of it. */
  private static final String[][] TIGHT = {{"MinHeapFreeRatio", "20"}, {"MaxHeapFreeRatio", "40"}};

  private StartGarbage() {}

  /** One full collection, some 0.1 s. Only for a process that is ours alone. */
  static void giveBack() {
    HotSpotDiagnosticMXBean jvm = ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class);
    if (jvm == null) {
      System.gc(); // not HotSpot: it knows what to keep
      return;
    }
    String least = jvm.getVMOption(TIGHT[0][0]).getValue();
    String most = jvm.getVMOption(TIGHT[1][0]).getValue();
    for (String[] option : TIGHT) {
      jvm.setVMOption(option[0], option[1]);
    }
    System.gc();
    jvm.setVMOption(TIGHT[1][0], most);
    jvm.setVMOption(TIGHT[0][0], least);
  }
}
