package io.dromedary.server;

import jakarta.servlet.ServletException;
import java.io.IOException;
import org.apache.catalina.connector.Request;
import org.apache.catalina.connector.Response;
import org.apache.catalina.valves.ValveBase;

/** Gives every request its {@link CallerConnection} and takes it away when the request is over. */
public final class CallerConnectionValve extends ValveBase {
  public CallerConnectionValve() {
    super(true);
  }

  @Override
  public void invoke(Request request, Response response) throws IOException, ServletException {
    CallerConnection connection = new CallerConnection(request.getCoyoteRequest());
    request.setAttribute(CallerConnection.ATTRIBUTE, connection);
    try {
      getNext().invoke(request, response);
    } finally {
      connection.over();
    }
  }
}
