package io.dromedary.provider.bedrock;

import java.net.URI;
import java.time.Clock;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import software.amazon.awssdk.auth.credentials.AwsCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProviderChain;
import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.awssdk.auth.credentials.EnvironmentVariableCredentialsProvider;
import software.amazon.awssdk.auth.credentials.ProfileCredentialsProvider;
import software.amazon.awssdk.auth.credentials.SystemPropertyCredentialsProvider;
import software.amazon.awssdk.auth.credentials.WebIdentityTokenFileCredentialsProvider;
import software.amazon.awssdk.http.ContentStreamProvider;
import software.amazon.awssdk.http.SdkHttpMethod;
import software.amazon.awssdk.http.SdkHttpRequest;
import software.amazon.awssdk.http.auth.aws.signer.AwsV4FamilyHttpSigner;
import software.amazon.awssdk.http.auth.aws.signer.AwsV4HttpSigner;
import software.amazon.awssdk.http.auth.spi.signer.HttpSigner;
import software.amazon.awssdk.http.auth.spi.signer.SignedRequest;

/** Signature Version 4 for the service {@code bedrock}, by the AWS SDK: the only class that knows it. */
final class AwsSigner {
  private static final String SERVICE = "bedrock";

  private final AwsV4HttpSigner signer = AwsV4HttpSigner.create();
  private final AwsCredentialsProvider credentials;
  private final String region;
  private final Clock clock;

  AwsSigner(AwsCredentialsProvider credentials, String region, Clock clock) {
    this.credentials = credentials;
    this.region = region;
    this.clock = clock;
  }

  static AwsSigner of(AwsIdentity identity, String region) {
    // The SDK's own chain ends with two calls over the network, which are only made where they were asked for.
    AwsCredentialsProvider credentials = identity == AwsIdentity.ANY ? DefaultCredentialsProvider.builder().build()
        : AwsCredentialsProviderChain.builder().reuseLastProviderEnabled(true).credentialsProviders(SystemPropertyCredentialsProvider.create(), EnvironmentVariableCredentialsProvider.create(),
            WebIdentityTokenFileCredentialsProvider.create(), ProfileCredentialsProvider.create()).build();
    return new AwsSigner(credentials, region, Clock.systemUTC());
  }

  /**
   * The headers that sign a request; the path is encoded once more for the signature, as all services but S3 want it.
   *
   * @throws software.amazon.awssdk.core.exception.SdkException if there are no credentials
   */
  Map<String, String> sign(String method, URI uri, byte[] body) {
    AwsCredentials identity = credentials.resolveCredentials();
    SdkHttpRequest request = SdkHttpRequest.builder().method(SdkHttpMethod.fromValue(method)).uri(uri).build();
    SignedRequest signed = signer.sign(sign -> sign.identity(identity)
        .request(request)
        .payload(ContentStreamProvider.fromByteArrayUnsafe(body))
        .putProperty(AwsV4FamilyHttpSigner.SERVICE_SIGNING_NAME, SERVICE)
        .putProperty(AwsV4HttpSigner.REGION_NAME, region)
        .putProperty(HttpSigner.SIGNING_CLOCK, clock));
    Map<String, String> headers = new HashMap<>(8);
    for (Map.Entry<String, List<String>> header : signed.request().headers().entrySet()) {
      if (!header.getKey().toLowerCase(Locale.ROOT).equals("host")) {
        headers.put(header.getKey(), header.getValue().get(0));
      }
    }
    return headers;
  }
}
