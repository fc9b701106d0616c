package io.dromedary;

import io.dromedary.camel.JmsRequest;
import io.dromedary.queue.Seal;
import jakarta.jms.ConnectionFactory;
import jakarta.jms.JMSException;
import org.apache.activemq.artemis.jms.client.ActiveMQConnectionFactory;
import org.apache.camel.CamelContext;
import org.apache.camel.support.LifecycleStrategySupport;
import org.apache.qpid.jms.JmsConnectionFactory;
import org.messaginghub.pooled.jms.JmsPoolConnectionFactory;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnExpression;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** The JMS entry's beans; its connections are made when a broker is named. */
@Configuration(proxyBeanMethods = false)
@ConditionalOnClass(name = "jakarta.jms.Message")
class JmsWiring {
  @Bean
  JmsRequest jmsRequest(QueueSettings settings, DromedarySettings gateway, Seal seal) {
    return new JmsRequest(settings.jms().project(), !settings.jms().replies().isBlank(), gateway.limits().maxBodyBytes(), seal);
  }

  /** Stopped after the routes that consume from it, not by the order of beans. */
  @Bean(initMethod = "start", destroyMethod = "")
  @ConditionalOnExpression("'${dromedary.queues.jms.url:}' != ''")
  JmsPoolConnectionFactory queueConnections(QueueSettings settings, CamelContext context) {
    JmsPoolConnectionFactory pool = new JmsPoolConnectionFactory();
    pool.setConnectionFactory(StartFailures.told(() -> broker(settings.jms())));
    pool.setMaxConnections(1);
    pool.setMaxSessionsPerConnection(Math.max(50, 4 * settings.jms().consumers()));
    context.addLifecycleStrategy(new LifecycleStrategySupport() {
      @Override
      public void onContextStopped(CamelContext stopped) {
        pool.stop();
      }
    });
    return pool;
  }

  private static ConnectionFactory broker(QueueSettings.Jms jms) {
    if (jms.url().startsWith("amqp") || jms.url().startsWith("failover:(amqp")) {
      JmsConnectionFactory amqp = new JmsConnectionFactory(jms.url());
      amqp.setUsername(jms.user().isEmpty() ? null : jms.user());
      amqp.setPassword(jms.password().isEmpty() ? null : jms.password());
      return amqp;
    }
    try {
      ActiveMQConnectionFactory artemis = new ActiveMQConnectionFactory();
      artemis.setBrokerURL(jms.url());
      artemis.setUser(jms.user().isEmpty() ? null : jms.user());
      artemis.setPassword(jms.password().isEmpty() ? null : jms.password());
      // nothing is deserialised here, whatever a message says
      artemis.setDeserializationDenyList("*");
      return artemis;
    } catch (JMSException e) {
      throw new IllegalArgumentException("dromedary.queues.jms.url must be like tcp://host:61616 (Artemis) or amqp://host:5672, not `" + jms.url().replaceAll("//[^/@]*@", "//***@") + "`", e);
    }
  }
}
