package io.dromedary.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What {@code /proc} says about a process and its children. CPU comes in clock ticks of 10 ms, so measure over seconds. */
final class ProcessView {
  private static final long TICKS_PER_SECOND = 100;

  private final long pid;

  ProcessView(long pid) {
    this.pid = pid;
  }

  /** A moment's reading; memory in MiB. */
  record Reading(double cpuMillis, double rssMib, double peakRssMib, int threads, int files) {}

  /** All zero when the process is gone. */
  Reading read() {
    double cpu = 0;
    double rss = 0;
    double peak = 0;
    int threads = 0;
    int files = 0;
    for (long each : family()) {
      try {
        String stat = Files.readString(Path.of("/proc/" + each + "/stat"));
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
        cpu += (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) * 1000.0 / TICKS_PER_SECOND;
        for (String line : Files.readAllLines(Path.of("/proc/" + each + "/status"))) {
          if (line.startsWith("VmRSS:")) {
            rss += kib(line) / 1024.0;
          } else if (line.startsWith("VmHWM:")) {
            peak += kib(line) / 1024.0;
          } else if (line.startsWith("Threads:")) {
            threads += Integer.parseInt(line.substring(8).strip());
          }
        }
        String[] open = Path.of("/proc/" + each + "/fd").toFile().list();
        files += open == null ? 0 : open.length;
      } catch (IOException gone) {
        continue;
      }
    }
    return new Reading(cpu, rss, peak, threads, files);
  }

  private static long kib(String line) {
    return Long.parseLong(line.substring(6).replace("kB", "").strip());
  }

  private List<Long> family() {
    List<Long> family = new ArrayList<>(List.of(pid));
    try {
      for (String child : Files.readString(Path.of("/proc/" + pid + "/task/" + pid + "/children")).strip().split(" ")) {
        if (!child.isEmpty()) {
          family.add(Long.parseLong(child));
        }
      }
    } catch (IOException noChildrenKnown) {
      return family;
    }
    return family;
  }
}
