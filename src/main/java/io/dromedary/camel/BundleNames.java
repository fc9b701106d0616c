package io.dromedary.camel;

/**
 * What the bundle's routes are called where they run: as their files say, or, in another application's context, with a prefix by which they clash with none of its own.
 *
 * @param prefix of ids and of the names of endpoints within the JVM; "" where Dromedary is the application
 */
public record BundleNames(String prefix) {
  /** Where the route of that name begins. */
  public String direct(String route) {
    return "direct:" + prefix + route;
  }

  /** The id of a route or route template. */
  public String id(String id) {
    return prefix + id;
  }
}
