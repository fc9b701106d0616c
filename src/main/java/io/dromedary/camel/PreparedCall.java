package io.dromedary.camel;

import java.lang.invoke.MethodType;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.camel.AsyncCallback;
import org.apache.camel.Exchange;
import org.apache.camel.NoTypeConversionAvailableException;
import org.apache.camel.support.AsyncProcessorSupport;
import org.jspecify.annotations.Nullable;

/** One call of a bean's method whose arguments are known beforehand. As in Camel, what it returns becomes the variable it is received in, else the body; what it throws is the exchange's exception. */
final class PreparedCall extends AsyncProcessorSupport {
  private static final Pattern VARIABLE = Pattern.compile("\\$\\{variable\\.(\\w+)}");
  private static final Pattern TEXT = Pattern.compile("'([^',()$]*)'");

  private final Object bean;
  private final Method method;
  private final Class<?>[] types;
  private final Argument[] arguments;
  private final @Nullable String receive;

  /** Where an argument is found. */
  interface Argument {
    @Nullable Object of(Exchange exchange);
  }

  PreparedCall(Object bean, Method method, Argument[] arguments, @Nullable String receive) {
    this.bean = bean;
    this.method = method;
    this.types = MethodType.methodType(void.class, method.getParameterTypes()).wrap().parameterArray();
    this.arguments = arguments;
    this.receive = receive;
  }

  /** @return null when one of them is not of the kinds known here */
  static Argument @Nullable [] arguments(String text) {
    List<Argument> arguments = new ArrayList<>();
    for (String part : text.isBlank() ? new String[0] : text.split(",", -1)) {
      String word = part.strip();
      Matcher variable = VARIABLE.matcher(word);
      Matcher quoted = TEXT.matcher(word);
      if (variable.matches()) {
        String name = variable.group(1);
        arguments.add(exchange -> exchange.getVariable(name));
      } else if (word.equals("${body}")) {
        arguments.add(exchange -> exchange.getMessage().getBody());
      } else if (word.equals("${exception}")) {
        arguments.add(PreparedCall::exception);
      } else if (quoted.matches()) {
        String constant = quoted.group(1);
        arguments.add(exchange -> constant);
      } else {
        return null;
      }
    }
    return arguments.toArray(Argument[]::new);
  }

  private static @Nullable Object exception(Exchange exchange) {
    Exception now = exchange.getException();
    return now != null ? now : exchange.getProperty(Exchange.EXCEPTION_CAUGHT);
  }

  @Override
  public boolean process(Exchange exchange, AsyncCallback callback) {
    try {
      Object[] values = new Object[arguments.length];
      for (int i = 0; i < values.length; i++) {
        values[i] = converted(exchange, arguments[i].of(exchange), types[i]);
      }
      Object result = method.invoke(bean, values);
      if (receive != null) {
        exchange.setVariable(receive, result);
      } else if (method.getReturnType() != void.class) {
        exchange.getMessage().setBody(result);
      }
    } catch (InvocationTargetException e) {
      exchange.setException(e.getTargetException());
    } catch (IllegalAccessException | NoTypeConversionAvailableException | RuntimeException e) {
      exchange.setException(e);
    }
    callback.done(true);
    return true;
  }

  private static @Nullable Object converted(Exchange exchange, @Nullable Object value, Class<?> type) throws NoTypeConversionAvailableException {
    return value == null || type.isInstance(value) ? value : exchange.getContext().getTypeConverter().mandatoryConvertTo(type, exchange, value);
  }

  @Override
  public String toString() {
    return "bean[" + bean.getClass().getSimpleName() + "." + method.getName() + "]";
  }
}
