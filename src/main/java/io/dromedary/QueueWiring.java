package io.dromedary;

import io.dromedary.access.AdminToken;
import io.dromedary.camel.BundleNames;
import io.dromedary.camel.JmsDeadLetters;
import io.dromedary.camel.KafkaBatch;
import io.dromedary.camel.KafkaDeadLetters;
import io.dromedary.camel.NoHeadersIn;
import io.dromedary.camel.QueueAnswer;
import io.dromedary.camel.QueueReply;
import io.dromedary.client.Problems;
import io.dromedary.client.chatcompletions.ErrorFormat;
import io.dromedary.queue.DeadLetters;
import io.dromedary.queue.QueueDesk;
import io.dromedary.queue.Seal;
import io.dromedary.server.Readiness;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.jms.ConnectionFactory;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.ToDoubleFunction;
import org.apache.camel.CamelContext;
import org.apache.camel.builder.TemplatedRouteBuilder;
import org.apache.camel.spring.boot.CamelContextConfiguration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** The entries for messages: a queue that is configured has its routes made of the templates in {@code routes/queues.camel.yaml}; one that is not has none, and costs nothing. */
@Configuration(proxyBeanMethods = false)
@EnableConfigurationProperties(QueueSettings.class)
class QueueWiring {
  private static final Logger LOG = LoggerFactory.getLogger(QueueWiring.class);
  /** Beside the message: headers and the record's own frame. */
  private static final int FRAME = 1_048_576;

  @Bean
  QueueDesk queueDesk(QueueSettings settings, Readiness readiness) {
    return new QueueDesk(Problems::of, new ErrorFormat()::openAi, settings.retryPause(), readiness::isStopping);
  }

  @Bean
  QueueAnswer queueAnswer(QueueDesk desk) {
    return new QueueAnswer(desk);
  }

  @Bean
  QueueReply queueReply(DromedarySettings settings) {
    return new QueueReply(settings.limits().maxBodyBytes());
  }

  @Bean
  Seal queueSeal(AdminToken adminToken) {
    return new Seal(adminToken.value().value().getBytes(StandardCharsets.UTF_8));
  }

  @Bean
  KafkaBatch kafkaBatch(QueueSettings settings, Seal seal) {
    return new KafkaBatch(settings.kafka().project(), seal);
  }

  @Bean
  NoHeadersIn noHeadersIn() {
    return new NoHeadersIn();
  }

  /** In a wrapper, and for routes in Camel's registry: an executor among the beans would keep Spring Boot from making its own in another application. */
  record QueueThreads(ExecutorService threads) implements AutoCloseable {
    @Override
    public void close() {
      threads.shutdown();
    }
  }

  /** Threads for messages under way, made as needed and gone a minute later. */
  @Bean
  QueueThreads queueWorkers(QueueSettings settings) {
    AtomicInteger number = new AtomicInteger();
    ThreadPoolExecutor threads = new ThreadPoolExecutor(settings.threads(), settings.threads(), 60, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), work -> {
      Thread thread = new Thread(work, "queue-" + number.incrementAndGet());
      thread.setDaemon(true);
      return thread;
    });
    threads.allowCoreThreadTimeOut(true);
    return new QueueThreads(threads);
  }

  @Bean
  DeadLetters deadLetters(QueueSettings settings) {
    return new DeadLetters(settings.replay().most(), settings.replay().times());
  }

  @Bean
  CamelContextConfiguration queueRoutes(QueueSettings settings, DromedarySettings gateway, QueueDesk desk, DeadLetters letters, MeterRegistry meters, Readiness readiness, BundleNames names, QueueThreads workers) {
    boolean on = settings.kafka().on() || settings.jms().on();
    if (on) {
      // Camel only warns of what is thrown below: a gateway that does not take from its queues must not seem ready
      readiness.expect("queues");
    }
    return new CamelContextConfiguration() {
      @Override
      public void beforeApplicationStart(CamelContext context) {
        context.getRegistry().bind(names.bean("queueThreads"), workers.threads());
        // The templates are loaded after this.
      }

      @Override
      public void afterApplicationStart(CamelContext context) {
        try {
          if (settings.kafka().on()) {
            count("kafka", desk, meters);
            takeFromKafka(context, names, settings.kafka(), gateway.limits().maxBodyBytes(), letters);
          }
          if (settings.jms().on()) {
            count("jms", desk, meters);
            takeFromJms(context, names, settings.jms(), letters);
          }
          if (!settings.replay().every().isZero()) {
            TemplatedRouteBuilder.builder(context, names.id("replay-by-clock")).routeId(names.id("replay-by-clock")).parameter("period", settings.replay().every().toMillis()).add();
          }
          if (on) {
            readiness.ready("queues");
          }
        } catch (Exception e) {
          throw new IllegalStateException("a queue's routes cannot be started; check dromedary.queues", e);
        }
      }
    };
  }

  private static void takeFromKafka(CamelContext context, BundleNames names, QueueSettings.Kafka kafka, int maxBodyBytes, DeadLetters letters) throws Exception {
    TemplatedRouteBuilder.builder(context, names.id("take-from-kafka")).routeId(names.id("take-from-kafka"))
        .parameter("brokers", kafka.brokers()).parameter("requests", kafka.requests()).parameter("replies", kafka.replies()).parameter("deadLetters", kafka.deadLetters())
        .parameter("group", kafka.group()).parameter("consumers", kafka.consumers()).parameter("batch", kafka.batch()).parameter("maxPollIntervalMs", kafka.maxPollInterval().toMillis())
        .parameter("sessionTimeoutMs", kafka.sessionTimeout().toMillis()).parameter("heartbeatMs", Math.max(100, kafka.sessionTimeout().toMillis() / 10))
        .parameter("longest", maxBodyBytes + FRAME).add();
    letters.add(new KafkaDeadLetters(context, kafka.brokers(), kafka.requests(), kafka.deadLetters(), kafka.group(), maxBodyBytes + FRAME));
    LOG.info("requests are taken from Kafka topic {}, replies go to {}", kafka.requests(), kafka.replies());
  }

  private static void takeFromJms(CamelContext context, BundleNames names, QueueSettings.Jms jms, DeadLetters letters) throws Exception {
    TemplatedRouteBuilder.builder(context, names.id("take-from-jms")).routeId(names.id("take-from-jms"))
        .parameter("requests", jms.requests()).parameter("replies", jms.replies().isBlank() ? jms.deadLetters() : jms.replies()).parameter("deadLetters", jms.deadLetters()).parameter("consumers", jms.consumers()).add();
    ConnectionFactory connections = context.getRegistry().lookupByNameAndType(names.bean("queueConnections"), ConnectionFactory.class);
    letters.add(new JmsDeadLetters(connections, jms.requests(), jms.deadLetters(), !jms.replies().isBlank()));
    LOG.info("requests are taken from JMS queue {}", jms.requests());
  }

  private static void count(String entry, QueueDesk desk, MeterRegistry meters) {
    QueueDesk.Counts counts = desk.counts(entry);
    counter("consumed", "Messages taken in, redelivered ones again", counts, QueueDesk.Counts::consumed, entry, meters);
    counter("answered", "Replies with an answer", counts, QueueDesk.Counts::answered, entry, meters);
    counter("refused", "Replies with an error", counts, QueueDesk.Counts::refused, entry, meters);
    counter("dead", "Messages sent to the dead letters", counts, QueueDesk.Counts::dead, entry, meters);
    counter("tried.again", "Tries of messages beyond the first", counts, QueueDesk.Counts::tried, entry, meters);
    Gauge.builder("dromedary.queue.waiting", counts, QueueDesk.Counts::waiting).tag("entry", entry).description("Messages that wait for a limit or for another try").register(meters);
  }

  private static void counter(String name, String description, QueueDesk.Counts counts, ToDoubleFunction<QueueDesk.Counts> value, String entry, MeterRegistry meters) {
    FunctionCounter.builder("dromedary.queue." + name, counts, value).tag("entry", entry).description(description).register(meters);
  }
}
