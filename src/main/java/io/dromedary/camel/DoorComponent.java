package io.dromedary.camel;

import java.util.Map;
import org.apache.camel.Endpoint;
import org.apache.camel.component.servlet.ServletComponent;
import org.apache.camel.support.DefaultComponent;
import org.apache.camel.support.service.ServiceHelper;
import org.apache.camel.util.URISupport;

/** Camel's servlet component for our doors in another application's context, out of sight: Rest DSL of the host's takes the first component it finds in the context that can serve it. */
public final class DoorComponent extends DefaultComponent {
  private final ServletComponent servlet = new ServletComponent();

  @Override
  protected void doInit() throws Exception {
    super.doInit();
    servlet.setCamelContext(getCamelContext());
    ServiceHelper.initService(servlet);
  }

  @Override
  protected void doStart() throws Exception {
    super.doStart();
    ServiceHelper.startService(servlet);
  }

  @Override
  protected void doStop() throws Exception {
    ServiceHelper.stopService(servlet);
    super.doStop();
  }

  @Override
  protected Endpoint createEndpoint(String uri, String path, Map<String, Object> parameters) throws Exception {
    String query = URISupport.createQueryString(parameters);
    parameters.clear();
    return servlet.createEndpoint("servlet:///" + path + "?" + query);
  }
}
