package io.dromedary;

import io.dromedary.access.CallerRegistry;
import io.dromedary.camel.BundleNames;
import io.dromedary.camel.ServletBinding;
import io.dromedary.catalog.ConfigError;
import io.dromedary.server.BodyReader;
import io.dromedary.server.Browsers;
import io.dromedary.server.CallerConnectionValve;
import io.dromedary.server.Gate;
import io.dromedary.server.HttpEntry;
import io.dromedary.server.JsonErrorValve;
import io.dromedary.server.Readiness;
import io.dromedary.server.RequestThreads;
import io.dromedary.server.UploadReader;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.Producer;
import org.apache.camel.component.servlet.CamelHttpTransportServlet;
import org.apache.catalina.core.StandardHost;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnJava;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.boot.autoconfigure.web.ServerProperties;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.system.JavaVersion;
import org.springframework.boot.web.embedded.tomcat.TomcatServletWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.boot.web.servlet.ServletRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Lazy;
import org.springframework.core.Ordered;
import org.springframework.util.function.SingletonSupplier;

/** The HTTP door: Tomcat with our valves and gate, and the binding between the servlet component and the routes. */
@Configuration(proxyBeanMethods = false)
@ConditionalOnProperty(name = "dromedary.doors.enabled", matchIfMissing = true)
@ConditionalOnWebApplication(type = ConditionalOnWebApplication.Type.SERVLET)
@EnableConfigurationProperties(BrowserSettings.class)
class HttpDoor {
  private static final String PATH = "${dromedary.doors.path:}";

  /** In another application only what our own requests need: its error pages, its server's strictness and its threads are its own. */
  @Bean
  WebServerFactoryCustomizer<TomcatServletWebServerFactory> dromedaryTomcat(@Value("${" + BundleLocation.HOSTED + ":false}") boolean hosted) {
    return factory -> {
      factory.addEngineValves(new CallerConnectionValve());
      if (hosted) {
        return;
      }
      factory.addContextCustomizers(context -> {
        if (context.getParent() instanceof StandardHost host) {
          host.setErrorReportValveClass(JsonErrorValve.class.getName());
        }
      });
      factory.addConnectorCustomizers(connector -> {
        connector.setXpoweredBy(false);
        // OpenAI's clients ask for GET /v1/models/openai%2Fgpt-4o
        connector.setEncodedSolidusHandling("passthrough");
        // A request that is refused with its body unread may be followed by another on the same connection only if the rest is small.
        connector.setProperty("rejectIllegalHeader", "true");
      });
    };
  }

  /** Only where the JVM has no virtual threads; there Spring Boot gives Tomcat those ({@code spring.threads.virtual.enabled}). */
  @Bean(destroyMethod = "shutdownNow")
  @ConditionalOnJava(range = ConditionalOnJava.Range.OLDER_THAN, value = JavaVersion.TWENTY_ONE)
  @ConditionalOnProperty(name = BundleLocation.HOSTED, havingValue = "false", matchIfMissing = true)
  RequestThreads dromedaryRequestThreads(ServerProperties server) {
    return new RequestThreads(server.getTomcat().getThreads().getMax());
  }

  @Bean
  @ConditionalOnBean(RequestThreads.class)
  WebServerFactoryCustomizer<TomcatServletWebServerFactory> dromedaryTomcatThreads(RequestThreads threads) {
    return factory -> factory.addConnectorCustomizers(connector -> connector.getProtocolHandler().setExecutor(threads));
  }

  @Bean
  FilterRegistrationBean<Gate> dromedaryGate(Readiness readiness, ObjectProvider<CallerRegistry> callers, BrowserSettings browsers, @Value(PATH) String path) {
    // not before the first request: the port opens before the database does
    SingletonSupplier<CallerRegistry> registry = SingletonSupplier.of(callers::getObject);
    FilterRegistrationBean<Gate> gate = new FilterRegistrationBean<>(new Gate(readiness, new Browsers(() -> registry.obtain().isOpen(), browsers.allowedHosts())));
    gate.setOrder(Ordered.HIGHEST_PRECEDENCE);
    gate.addUrlPatterns(checked(path) + "/*");
    gate.setAsyncSupported(true);
    return gate;
  }

  /** Beside whatever servlets another application has; where Dromedary is the application, Camel's own serves the doors. */
  @Bean
  @ConditionalOnProperty(BundleLocation.HOSTED)
  ServletRegistrationBean<CamelHttpTransportServlet> dromedaryServlet(@Value(PATH) String path) {
    ServletRegistrationBean<CamelHttpTransportServlet> servlet = new ServletRegistrationBean<>(new CamelHttpTransportServlet(), checked(path) + "/*");
    servlet.setName(HostBundle.SERVLET);
    servlet.setAsyncSupported(true);
    return servlet;
  }

  private static String checked(String path) {
    if (!path.matches("(/[A-Za-z0-9._-]+)*")) {
      throw new ConfigError("dromedary.doors.path is `" + path + "`; it must be empty or like /llm, without a slash at its end");
    }
    return path;
  }

  @Bean
  HttpEntry httpEntry(DromedarySettings settings, BatchSettings batches) {
    return new HttpEntry(new BodyReader(settings.limits().maxBodyBytes(), settings.limits().bodyDeadline()), new UploadReader(batches.maxFileBytes(), batches.uploadDeadline()));
  }

  @Bean
  ServletBinding dromedaryHttpBinding(@Lazy CamelContext context, BundleNames names) {
    return new ServletBinding(new AccountRoute(context, names.direct("account")));
  }

  /** Calls the account route on the exchange whose stream has ended. */
  private static final class AccountRoute implements ServletBinding.AfterStream {
    private final CamelContext context;
    private final String route;
    private volatile Producer account;

    AccountRoute(CamelContext context, String route) {
      this.context = context;
      this.route = route;
    }

    @Override
    public void settle(Exchange exchange) {
      try {
        Producer producer = account;
        if (producer == null) {
          producer = context.getEndpoint(route).createProducer();
          producer.start();
          account = producer;
        }
        producer.process(exchange);
      } catch (RuntimeException e) {
        throw e;
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
      if (exchange.getException() instanceof RuntimeException failed) {
        exchange.setException(null);
        throw failed;
      }
    }
  }
}
