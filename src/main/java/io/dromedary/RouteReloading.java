package io.dromedary;

import io.dromedary.camel.RouteReload;
import io.dromedary.camel.SwitchableDirect;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.apache.camel.CamelContext;
import org.apache.camel.model.ModelCamelContext;
import org.apache.camel.spring.boot.CamelContextConfiguration;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.condition.ConditionalOnExpression;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;

/** Routes that change while the gateway runs: where Dromedary is the application and its routes lie in a directory. */
@Configuration(proxyBeanMethods = false)
@ConditionalOnProperty(name = BundleLocation.HOSTED, havingValue = "false", matchIfMissing = true)
@ConditionalOnExpression("'${dromedary.bundle.routes:}'.matches('file:[^,]*/[*][.]camel[.]yaml') && ${dromedary.config.reload-routes:true}")
class RouteReloading {
  /** By this name Camel finds it for {@code direct:}. */
  @Bean("direct-component")
  SwitchableDirect switchableDirect() {
    return new SwitchableDirect();
  }

  @Bean(destroyMethod = "close")
  RouteReload routeReload(ObjectProvider<ModelCamelContext> context, SwitchableDirect direct, DromedarySettings settings, Environment environment) {
    String pattern = environment.getRequiredProperty("dromedary.bundle.routes");
    Path directory = Path.of(pattern.substring("file:".length(), pattern.lastIndexOf('/'))).normalize();
    Path kamelets = Stream.of(environment.getProperty("camel.component.kamelet.location", "").split(",")).map(String::strip).filter(place -> place.startsWith("file:")).map(place -> Path.of(place.substring("file:".length()))).findFirst().orElse(null);
    return new RouteReload(context::getObject, direct, directory, kamelets, settings.timeouts().request().plus(settings.timeouts().drain()));
  }

  /** A route that another one calls and that is not there stops the start. */
  @Bean
  CamelContextConfiguration routesAreThere(RouteReload routes) {
    return new CamelContextConfiguration() {
      @Override
      public void beforeApplicationStart(CamelContext context) {
        routes.checkTargets();
      }

      @Override
      public void afterApplicationStart(CamelContext context) {
        // What is thrown here would not stop the start.
      }
    };
  }
}
