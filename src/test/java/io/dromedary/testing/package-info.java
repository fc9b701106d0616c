/** What tests share: providers with moods. */
@NullMarked
package io.dromedary.testing;

import org.jspecify.annotations.NullMarked;
