/**
 * Kernel: the models that can be asked, what they can do and what they cost; and the candidates of one request. Facts come from {@code config/models.yaml}.
 */
@NullMarked
package io.dromedary.catalog;

import org.jspecify.annotations.NullMarked;
