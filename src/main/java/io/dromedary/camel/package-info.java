/** The seam: the one package that knows Camel. Entries in, replies out, and the load balancer that fails over along a ranking made at run time. */
@NullMarked
package io.dromedary.camel;

import org.jspecify.annotations.NullMarked;
