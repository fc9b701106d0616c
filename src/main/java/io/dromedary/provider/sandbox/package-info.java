/** The provider that needs no key and no network: answers in-process, so that the gateway can be tried at once. */
@NullMarked
package io.dromedary.provider.sandbox;

import org.jspecify.annotations.NullMarked;
