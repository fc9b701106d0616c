package io.dromedary.camel;

import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import org.apache.camel.CamelContext;
import org.apache.camel.NamedNode;
import org.apache.camel.Processor;
import org.apache.camel.component.bean.BeanEndpoint;
import org.apache.camel.model.BeanDefinition;
import org.apache.camel.processor.SendProcessor;
import org.apache.camel.spi.InterceptStrategy;
import org.jspecify.annotations.Nullable;

/**
 * Reads the `bean` steps of routes once, when a route is made. Camel's bean component reads the text {@code check(${variable.request})} anew for every message (it splits it, looks each expression up and converts each value), and a
 * request has some thirty such steps, which took a third of the gateway's time.
 *
 * <p>Only calls of our own beans are prepared, and of these only what can be read for certain: one method of that name and number of arguments, each argument a variable, the body, the exception or a quoted text. Every other step,
 * and every bean of a host application, stays Camel's.
 */
public final class PreparedCalls implements InterceptStrategy {
  private static final String OURS = "io.dromedary.";

  @Override
  public Processor wrapProcessorInInterceptors(CamelContext context, NamedNode step, Processor target, @Nullable Processor next) {
    Processor prepared = null;
    if (target instanceof SendProcessor send && send.getDestination() instanceof BeanEndpoint bean && send.getVariableSend() == null && send.getPattern() == null) {
      prepared = prepare(context, bean.getBeanName(), bean.getMethod(), send.getVariableReceive());
    } else if (step instanceof BeanDefinition bean && bean.getRef() != null) {
      prepared = prepare(context, bean.getRef(), bean.getMethod(), null);
    }
    return prepared == null ? target : prepared;
  }

  private static @Nullable Processor prepare(CamelContext context, String name, @Nullable String call, @Nullable String receive) {
    Object bean = call == null || call.contains("{{") ? null : context.getRegistry().lookupByName(name);
    if (bean == null || !bean.getClass().getName().startsWith(OURS)) {
      return null;
    }
    int open = call.indexOf('(');
    PreparedCall.Argument[] arguments = PreparedCall.arguments(open < 0 ? "" : call.substring(open + 1, call.lastIndexOf(')')));
    Method method = arguments == null ? null : method(bean.getClass(), open < 0 ? call : call.substring(0, open), arguments.length);
    boolean leavesNothing = method != null && receive != null && method.getReturnType() == void.class;
    return method == null || leavesNothing ? null : new PreparedCall(bean, method, arguments, receive);
  }

  /** The one public method of that name and number of parameters; null when there are none or several, or it cannot be called from here. */
  private static @Nullable Method method(Class<?> type, String name, int parameters) {
    Method found = null;
    for (Method method : type.getMethods()) {
      if (method.getName().equals(name) && method.getParameterCount() == parameters && !method.isBridge() && !Modifier.isStatic(method.getModifiers())) {
        if (found != null) {
          return null;
        }
        found = method;
      }
    }
    return found != null && !found.isVarArgs() && found.trySetAccessible() ? found : null;
  }
}
