package io.dromedary.provider.bedrock;

import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.chat.ProviderFailure.Kind;
import io.dromedary.provider.StreamDecoder;
import io.dromedary.provider.WireFormat;
import java.io.IOException;
import java.net.URI;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * AWS Bedrock's Converse and ConverseStream as a wire format. With a key it sends a bearer, without one it signs.
 *
 * <p>A JSON Schema is asked for by a tool that the model must call; its arguments are the answer. Traits of a model it reads, as the head of {@code config/models.yaml} tells them: {@code sampling}, {@code reasoning}
 * ({@code adaptive} or {@code budget}), {@code reasoning_off}, {@code prefill}, {@code default_max_tokens}.
 */
public final class BedrockConverse implements WireFormat {
  private final AwsIdentity identity;
  private final String region;
  /** Goes before the names of the catalogue's models, with its dot. */
  private final String profile;
  private volatile @Nullable AwsSigner signer;

  /** One that has a key, and never signs. */
  public BedrockConverse() {
    this("us-east-1", "none", "none");
  }

  /**
   * @param region such as {@code eu-central-1}: the one that signatures name
   * @param identity {@code auto}, {@code any} or {@code none}, see {@link AwsIdentity}
   * @param inferenceProfile such as {@code eu} or {@code global}: most newer models are asked only through one; {@code none} for names as they stand
   */
  public BedrockConverse(String region, String identity, String inferenceProfile) {
    this.region = region.strip();
    this.identity = AwsIdentity.named(identity);
    this.profile = prefix(inferenceProfile);
  }

  static String prefix(String inferenceProfile) {
    return inferenceProfile.isBlank() || inferenceProfile.strip().equals("none") ? "" : inferenceProfile.strip() + ".";
  }

  BedrockConverse(AwsSigner signer) {
    this("us-east-1", "auto", "none");
    this.signer = signer;
  }

  @Override
  public Framing framing() {
    return Framing.EVENT_STREAM;
  }

  @Override
  public Map<String, String> authentication(String apiKey) {
    return apiKey.isEmpty() ? Map.of() : Map.of("Authorization", "Bearer " + apiKey);
  }

  @Override
  public Map<String, String> headers(String apiKey, String method, URI uri, byte[] body) {
    if (!apiKey.isEmpty() || identity == AwsIdentity.NONE) {
      return authentication(apiKey);
    }
    try {
      return signer().sign(method, uri, body);
    } catch (RuntimeException noCredentials) {
      // the SDK's text lists where it looked, files and addresses included
      throw ProviderFailure.of(Kind.CREDENTIALS, "bedrock", "no AWS credentials could be loaded for provider `bedrock` (" + noCredentials.getClass().getSimpleName() + ")", noCredentials);
    }
  }

  private AwsSigner signer() {
    AwsSigner made = signer;
    if (made == null) {
      synchronized (this) {
        made = signer;
        if (made == null) {
          made = AwsSigner.of(identity, region);
          signer = made;
        }
      }
    }
    return made;
  }

  @Override
  public Outgoing write(ChatRequest request, Model model) {
    return new BedrockRequest(request, model).write(model.listed() ? profile : "");
  }

  @Override
  public ChatResponse read(ChatRequest request, Model model, byte[] body) throws IOException {
    return BedrockAnswer.read(request, model, body);
  }

  @Override
  public StreamDecoder decoder(ChatRequest request, Model model) {
    return new BedrockStream(request, model);
  }

  @Override
  public ProviderFailure failure(String provider, Incoming answer) {
    return BedrockErrors.failure(provider, answer);
  }
}
