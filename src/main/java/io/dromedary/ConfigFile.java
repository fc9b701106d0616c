package io.dromedary;

import io.dromedary.access.CallerRegistry;
import io.dromedary.catalog.Reloadable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Objects;

/**
 * A configuration file: the one beside the application if it is there, else the copy in the jar.
 *
 * @param packed its name in the jar, and in messages
 */
record ConfigFile(Path beside, String packed) implements Reloadable.Source, CallerRegistry.Source {
  @Override
  public byte[] read() throws IOException {
    return Files.isRegularFile(beside) ? Files.readAllBytes(beside) : BundleFiles.packed(packed);
  }

  /** Of its time, size and place, since one that was moved there may be as old and as long; 0 while there is none beside the application. */
  @Override
  public long stamp() {
    try {
      BasicFileAttributes attributes = Files.readAttributes(beside, BasicFileAttributes.class);
      return attributes.isRegularFile() ? (attributes.lastModifiedTime().toMillis() * 31 + attributes.size()) * 31 + Objects.hashCode(attributes.fileKey()) | 1 : 0;
    } catch (IOException none) {
      return 0;
    }
  }
}
