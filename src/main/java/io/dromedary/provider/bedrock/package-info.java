/**
 * Room: AWS Bedrock's Converse and ConverseStream, and InvokeModel for embeddings. {@link io.dromedary.provider.bedrock.BedrockConverse} and {@link io.dromedary.provider.bedrock.BedrockEmbeddings} speak them, {@link io.dromedary.provider.bedrock.AwsIdentity} tells whether anybody may. The AWS SDK signs, and
 * is loaded with the first call that needs a signature.
 */
@NullMarked
package io.dromedary.provider.bedrock;

import org.jspecify.annotations.NullMarked;
