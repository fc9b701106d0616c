package io.dromedary;

import java.io.ObjectInputFilter;
import java.util.Arrays;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;

/** The gateway as an application of its own. */
@SpringBootApplication(excludeName = {
    // the JMS entry has connections of its own, made when a broker is named
    "org.springframework.boot.autoconfigure.jms.JmsAutoConfiguration",
    "org.springframework.boot.autoconfigure.jms.artemis.ArtemisAutoConfiguration",
})
public class Dromedary {
  public static void main(String[] args) {
    // Nothing here deserialises Java objects, so nothing may (X10).
    ObjectInputFilter.Config.setSerialFilter(info -> ObjectInputFilter.Status.REJECTED);
    if (args.length > 0 && Commands.isOne(args[0])) {
      Commands.Outcome outcome = Commands.run(args[0], Arrays.copyOfRange(args, 1, args.length));
      System.out.print(outcome.text());
      System.out.flush();
      System.exit(outcome.exitCode());
    }
    SpringApplication application = new SpringApplication(Dromedary.class);
    application.setRegisterShutdownHook(true);
    application.run(args);
    StartGarbage.giveBack();
  }
}
