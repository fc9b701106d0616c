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

  /** What a bean is called that the code calls so. */
  public String bean(String name) {
    return prefix.isEmpty() ? name : hosted(name);
  }

  /** The same in another application, whatever prefix its ids have: {@code dromedaryPages} for {@code pages}. Names with dots are those of classes, which nobody else has. */
  public static String hosted(String name) {
    return name.startsWith("dromedary") || name.indexOf('.') >= 0 ? name : "dromedary" + Character.toUpperCase(name.charAt(0)) + name.substring(1);
  }

  /** The id of a route or route template. */
  public String id(String id) {
    return prefix + id;
  }
}
