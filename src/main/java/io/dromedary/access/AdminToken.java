package io.dromedary.access;

import io.dromedary.chat.Secret;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The one token that opens {@code /admin/**}: from {@code DROMEDARY_ADMIN_TOKEN}, else random, made at the first start and kept in {@code <stateDir>/admin-token}, readable by its owner only.
 *
 * @param fromEnvironment false when it is in the file
 */
public record AdminToken(Secret value, boolean fromEnvironment) {
  public static final String ENVIRONMENT = "DROMEDARY_ADMIN_TOKEN";
  private static final String FILE = "admin-token";
  private static final int LEAST_CHARS = 20;

  /**
   * Finds or makes the token.
   *
   * @param environment the variable's value, null or blank when it is not set
   * @throws IllegalArgumentException if the token is too short to be one
   */
  public static AdminToken load(Path stateDir, @Nullable String environment) throws IOException {
    if (environment != null && !environment.isBlank()) {
      return new AdminToken(checked(environment.strip(), ENVIRONMENT), true);
    }
    Path file = stateDir.resolve(FILE);
    boolean posix = stateDir.getFileSystem().supportedFileAttributeViews().contains("posix");
    FileAttribute<?>[] ownerOnlyDir = posix ? new FileAttribute<?>[] {PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"))} : new FileAttribute<?>[0];
    FileAttribute<?>[] ownerOnly = posix ? new FileAttribute<?>[] {PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"))} : new FileAttribute<?>[0];
    if (!Files.isDirectory(stateDir)) {
      Files.createDirectories(stateDir, ownerOnlyDir);
    }
    if (!Files.exists(file)) {
      // written aside and linked into place, so that no other process ever reads half a token
      Path fresh = Files.createTempFile(stateDir, FILE, ".new", ownerOnly);
      try {
        Files.write(fresh, ("da-" + ApiKey.randomText() + "\n").getBytes(StandardCharsets.US_ASCII), StandardOpenOption.WRITE);
        Files.createLink(file, fresh);
      } catch (FileAlreadyExistsException e) {
        // another process was first: its token counts
      } finally {
        Files.delete(fresh);
      }
    }
    if (posix && !Files.getPosixFilePermissions(file).equals(PosixFilePermissions.fromString("rw-------"))) {
      Files.setPosixFilePermissions(file, Set.copyOf(PosixFilePermissions.fromString("rw-------")));
    }
    return new AdminToken(checked(Files.readString(file, StandardCharsets.UTF_8).strip(), file.toString()), false);
  }

  private static Secret checked(String token, String where) {
    if (token.length() < LEAST_CHARS) {
      throw new IllegalArgumentException("the admin token in " + where + " has " + token.length() + " characters; at least " + LEAST_CHARS + " are needed");
    }
    return Secret.of(token);
  }
}
