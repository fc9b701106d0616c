package io.dromedary;

import io.dromedary.camel.EndpointModels;
import io.dromedary.camel.RouteReload;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.catalog.Reloadable;
import io.dromedary.provider.ProviderAccounts;
import io.github.resilience4j.circuitbreaker.CircuitBreakerRegistry;
import org.apache.camel.CamelContext;
import org.apache.camel.model.ModelCamelContext;
import org.apache.camel.spring.boot.CamelContextConfiguration;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Lazy;

/** Camel endpoints that are asked as models, while the catalogue lists any. */
@Configuration(proxyBeanMethods = false)
class EndpointWiring {
  @Bean(destroyMethod = "close")
  EndpointModels endpointModels(@Lazy CamelContext context, CircuitBreakerRegistry breakers, Reloadable<ModelCatalog> modelCatalog, ProviderAccounts accounts) {
    accounts.addInProcess(Model.ENDPOINTS, () -> !modelCatalog.get().byProvider(Model.ENDPOINTS).isEmpty());
    return new EndpointModels(context, breakers);
  }

  /** An endpoint that is not there stops the start. */
  @Bean
  CamelContextConfiguration endpointsAreThere(EndpointModels endpoints, Reloadable<ModelCatalog> modelCatalog, ObjectProvider<RouteReload> routes) {
    return new CamelContextConfiguration() {
      @Override
      public void beforeApplicationStart(CamelContext context) {
        endpoints.check(modelCatalog.get(), (ModelCamelContext) context, routes.getIfAvailable());
      }

      @Override
      public void afterApplicationStart(CamelContext context) {
        // What is thrown here would not stop the start.
      }
    };
  }
}
