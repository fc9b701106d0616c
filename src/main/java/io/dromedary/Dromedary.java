package io.dromedary;

import java.io.ObjectInputFilter;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;

/** The gateway as an application of its own. */
@SpringBootApplication
public class Dromedary {
  public static void main(String[] args) {
    // Nothing here deserialises Java objects, so nothing may (X10).
    ObjectInputFilter.Config.setSerialFilter(info -> ObjectInputFilter.Status.REJECTED);
    SpringApplication application = new SpringApplication(Dromedary.class);
    application.setRegisterShutdownHook(true);
    application.run(args);
  }
}
