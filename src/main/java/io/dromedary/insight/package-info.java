/** Room: what people see of the gateway: metrics, the one log line per request, provider health. */
@NullMarked
package io.dromedary.insight;

import org.jspecify.annotations.NullMarked;
