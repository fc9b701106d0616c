package io.dromedary.provider.bedrock;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * Where AWS credentials may come from, and whether there are any: {@code auto} looks at the environment (keys, a profile, a web identity), {@code any} also at the container's and the machine's own role when a call
 * needs them, {@code none} nowhere. Looking costs a few reads of the environment and of the file system; nobody is asked.
 */
public enum AwsIdentity {
  NONE, AUTO, ANY;

  /** @throws IllegalArgumentException naming what is allowed */
  public static AwsIdentity named(String name) {
    for (AwsIdentity identity : values()) {
      if (identity.name().equalsIgnoreCase(name.strip())) {
        return identity;
      }
    }
    throw new IllegalArgumentException("identity `" + name + "` of provider `bedrock` must be auto, any or none");
  }

  /** Are there credentials, as far as one can see without asking anybody? */
  public boolean found(Map<String, String> environment, Path home) {
    if (this != AUTO) {
      return this == ANY;
    }
    return has(environment, "AWS_ACCESS_KEY_ID") && has(environment, "AWS_SECRET_ACCESS_KEY")
        || has(environment, "AWS_WEB_IDENTITY_TOKEN_FILE") && has(environment, "AWS_ROLE_ARN")
        || has(environment, "AWS_PROFILE")
        || Files.isReadable(has(environment, "AWS_SHARED_CREDENTIALS_FILE") ? Path.of(environment.get("AWS_SHARED_CREDENTIALS_FILE")) : home.resolve(".aws").resolve("credentials"));
  }

  private static boolean has(Map<String, String> environment, String name) {
    return !environment.getOrDefault(name, "").isBlank();
  }
}
