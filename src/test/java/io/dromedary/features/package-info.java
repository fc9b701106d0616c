/** What the gateway does, seen from outside: a use case per test, against the running application and providers with moods. */
@NullMarked
package io.dromedary.features;

import org.jspecify.annotations.NullMarked;
