package io.dromedary;

import io.dromedary.camel.BundleNames;
import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.BeanFactoryAware;
import org.springframework.beans.factory.annotation.AnnotatedGenericBeanDefinition;
import org.springframework.beans.factory.config.AutowireCapableBeanFactory;
import org.springframework.beans.factory.config.BeanDefinition;
import org.springframework.beans.factory.support.BeanDefinitionBuilder;
import org.springframework.beans.factory.support.BeanDefinitionRegistry;
import org.springframework.beans.factory.support.DefaultListableBeanFactory;
import org.springframework.beans.factory.support.RootBeanDefinition;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.context.EnvironmentAware;
import org.springframework.context.ResourceLoaderAware;
import org.springframework.context.annotation.Condition;
import org.springframework.context.annotation.ConditionContext;
import org.springframework.context.annotation.ConfigurationClassPostProcessor;
import org.springframework.context.annotation.Import;
import org.springframework.context.annotation.ImportBeanDefinitionRegistrar;
import org.springframework.core.env.Environment;
import org.springframework.core.io.ResourceLoader;
import org.springframework.core.type.AnnotatedTypeMetadata;
import org.springframework.core.type.AnnotationMetadata;

/**
 * Our beans in another application: the same ones, under names with a prefix, since the host has a {@code store} or {@code pages} of its own as likely as not. They are defined in a factory aside, where they have the names that the
 * code gives them, and moved over from there.
 */
@AutoConfiguration(afterName = {
    "org.springframework.boot.actuate.autoconfigure.metrics.CompositeMeterRegistryAutoConfiguration",
    "org.springframework.boot.actuate.autoconfigure.metrics.JvmMetricsAutoConfiguration",
})
@ConditionalOnProperty({"dromedary.enabled", BundleLocation.HOSTED})
@Import(HostedBeans.Movers.class)
public class HostedBeans {
  private static final String SPRINGS = "org.springframework.";

  /** The factory aside. */
  private static final class Aside extends DefaultListableBeanFactory {
    Aside(BeanFactory host) {
      super(host);
    }
  }

  /** Is this where our beans are defined: the application's own context where it is Dromedary's, else only the factory aside? */
  static final class AtHome implements Condition {
    @Override
    public boolean matches(ConditionContext context, AnnotatedTypeMetadata metadata) {
      return context.getBeanFactory() instanceof Aside || !context.getEnvironment().getProperty(BundleLocation.HOSTED, Boolean.class, false);
    }
  }

  static final class Movers implements ImportBeanDefinitionRegistrar, EnvironmentAware, ResourceLoaderAware, BeanFactoryAware {
    private Environment environment;
    private ResourceLoader resources;
    private BeanFactory host;

    @Override
    public void registerBeanDefinitions(AnnotationMetadata importing, BeanDefinitionRegistry registry) {
      Aside aside = new Aside(host);
      aside.registerBeanDefinition(DromedaryAutoConfiguration.class.getName(), new AnnotatedGenericBeanDefinition(DromedaryAutoConfiguration.class));
      ConfigurationClassPostProcessor reader = new ConfigurationClassPostProcessor();
      reader.setEnvironment(environment);
      reader.setResourceLoader(resources);
      reader.setBeanClassLoader(getClass().getClassLoader());
      reader.postProcessBeanDefinitionRegistry(aside);
      for (String name : aside.getBeanDefinitionNames()) {
        BeanDefinition definition = aside.getBeanDefinition(name);
        Class<?> type = aside.getType(name, false);
        ConfigurationProperties settings = type == null ? null : type.getAnnotation(ConfigurationProperties.class);
        if (settings != null) {
          // bound by the factory where they are defined, which is not the one where they live
          definition = bound(type, settings.value());
        } else if (type != null && definition.getFactoryMethodName() == null && name.equals(type.getName())) {
          definition = read(type);
        }
        if (!name.startsWith(SPRINGS)) {
          String[] before = definition.getDependsOn();
          if (before != null) {
            for (int i = 0; i < before.length; i++) {
              before[i] = BundleNames.hosted(before[i]);
            }
            definition.setDependsOn(before);
          }
          registry.registerBeanDefinition(BundleNames.hosted(name), definition);
        } else if (!registry.containsBeanDefinition(name)) {
          registry.registerBeanDefinition(name, definition);
        }
      }
    }

    /** A class of definitions that have been read: without its name Spring does not read them once more. */
    private BeanDefinition read(Class<?> type) {
      RootBeanDefinition definition = new RootBeanDefinition();
      definition.setTargetType(type);
      definition.setInstanceSupplier(() -> ((AutowireCapableBeanFactory) host).createBean(type));
      return definition;
    }

    private <T> BeanDefinition bound(Class<T> type, String prefix) {
      return BeanDefinitionBuilder.rootBeanDefinition(type, () -> Binder.get(environment).bindOrCreate(prefix, Bindable.of(type))).getBeanDefinition();
    }

    @Override
    public void setEnvironment(Environment environment) {
      this.environment = environment;
    }

    @Override
    public void setResourceLoader(ResourceLoader resources) {
      this.resources = resources;
    }

    @Override
    public void setBeanFactory(BeanFactory host) {
      this.host = host;
    }
  }
}
