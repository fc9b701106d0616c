/** Room: the doors' formats. What a reply is, whatever format it is in; each format has its own package below. */
@NullMarked
package io.dromedary.client;

import org.jspecify.annotations.NullMarked;
