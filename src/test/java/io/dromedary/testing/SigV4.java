package io.dromedary.testing;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.net.URLEncoder;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** AWS Signature Version 4 as a service checks it, written from the specification and independent of the SDK. */
public final class SigV4 {
  private SigV4() {}

  /**
   * The signature of a request.
   *
   * @param path as it was sent, percent-encoded; encoded once more here
   * @param query canonical already
   * @param headers of the request, names in lower case
   * @param signed names of the signed headers
   * @param payloadHash as {@code x-amz-content-sha256} has it, or the hash of the body
   */
  public static String signature(String secretKey, String date, String region, String service, String method, String path, String query, Map<String, String> headers, List<String> signed, String payloadHash) {
    StringBuilder canonical = new StringBuilder(method).append('\n').append(encoded(path)).append('\n').append(query).append('\n');
    TreeMap<String, String> sorted = new TreeMap<>();
    signed.forEach(name -> sorted.put(name, headers.getOrDefault(name, "").strip().replaceAll(" +", " ")));
    sorted.forEach((name, value) -> canonical.append(name).append(':').append(value).append('\n'));
    canonical.append('\n').append(String.join(";", sorted.keySet())).append('\n').append(payloadHash);
    String day = date.substring(0, 8);
    String toSign = "AWS4-HMAC-SHA256\n" + date + "\n" + day + "/" + region + "/" + service + "/aws4_request\n" + sha256(canonical.toString().getBytes(UTF_8));
    byte[] key = hmac(hmac(hmac(hmac(("AWS4" + secretKey).getBytes(UTF_8), day), region), service), "aws4_request");
    return HexFormat.of().formatHex(hmac(key, toSign));
  }

  /** Is the {@code Authorization} header the one that this secret makes? */
  public static boolean isSigned(String secretKey, String region, String service, String method, String path, Map<String, String> headers, byte[] body) {
    String authorization = headers.getOrDefault("authorization", "");
    int names = authorization.indexOf("SignedHeaders=");
    int signature = authorization.indexOf("Signature=");
    if (!authorization.startsWith("AWS4-HMAC-SHA256 ") || names < 0 || signature < 0) {
      return false;
    }
    List<String> signed = List.of(authorization.substring(names + 14, authorization.indexOf(',', names)).split(";"));
    String hash = sha256(body);
    return signed.contains("host") && hash.equals(headers.getOrDefault("x-amz-content-sha256", hash))
        && authorization.substring(signature + 10).equals(signature(secretKey, headers.getOrDefault("x-amz-date", "00000000"), region, service, method, path, "", headers, signed, hash));
  }

  public static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (GeneralSecurityException e) {
      throw new AssertionError(e);
    }
  }

  private static String encoded(String path) {
    StringBuilder encoded = new StringBuilder();
    for (String segment : path.substring(1).split("/", -1)) {
      encoded.append('/').append(URLEncoder.encode(segment, UTF_8).replace("+", "%20").replace("*", "%2A").replace("%7E", "~"));
    }
    return encoded.toString();
  }

  private static byte[] hmac(byte[] key, String text) {
    try {
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(key, "HmacSHA256"));
      return mac.doFinal(text.getBytes(UTF_8));
    } catch (GeneralSecurityException e) {
      throw new AssertionError(e);
    }
  }
}
