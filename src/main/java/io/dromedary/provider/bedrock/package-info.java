/**
 * Room: AWS Bedrock's Converse and ConverseStream. {@link io.dromedary.provider.bedrock.BedrockConverse} speaks it, {@link io.dromedary.provider.bedrock.AwsIdentity} tells whether anybody may. The AWS SDK signs, and
 * is loaded with the first call that needs a signature.
 */
@NullMarked
package io.dromedary.provider.bedrock;

import org.jspecify.annotations.NullMarked;
