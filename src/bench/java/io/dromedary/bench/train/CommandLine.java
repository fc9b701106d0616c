package io.dromedary.bench.train;

import io.dromedary.catalog.ConfigError;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.util.Arrays;

/** One of the commands {@code train}, {@code replay} and {@code calibrate} as a person calls it: what is wrong is said in one line, without a stack trace, and the exit code is 2. */
public final class CommandLine {
  private CommandLine() {}

  /** @param args the command's name, then its options */
  public static void main(String[] args) {
    String[] options = Arrays.copyOfRange(args, 1, args.length);
    try {
      switch (args[0]) {
        case "train" -> TrainRouter.main(options);
        case "replay" -> Replay.main(options);
        case "calibrate" -> Calibrate.main(options);
        default -> throw new IllegalArgumentException("the commands are train, replay and calibrate");
      }
    } catch (NoSuchFileException e) {
      fail(args[0], e.getFile() + ": no such file or folder");
    } catch (IOException | IllegalArgumentException | ConfigError e) {
      fail(args[0], e.getMessage());
    }
  }

  private static void fail(String command, String why) {
    System.err.println(command + ": " + why);
    System.exit(2);
  }
}
