package io.dromedary;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** Reads a file of the bundle: the one beside the application if it is there, else the copy in the jar. */
final class BundleFiles {
  private BundleFiles() {}

  static byte[] read(String path) throws IOException {
    Path beside = Path.of(path);
    if (Files.isRegularFile(beside)) {
      return Files.readAllBytes(beside);
    }
    return packed(path);
  }

  /** The copy in the jar. */
  static byte[] packed(String path) throws IOException {
    try (InputStream packed = BundleFiles.class.getClassLoader().getResourceAsStream(path)) {
      if (packed == null) {
        throw new FileNotFoundException(path + " is neither beside the application nor in its jar");
      }
      return packed.readAllBytes();
    }
  }
}
