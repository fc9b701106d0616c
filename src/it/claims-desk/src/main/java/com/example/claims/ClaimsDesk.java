package com.example.claims;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import javax.sql.DataSource;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.jdbc.datasource.embedded.EmbeddedDatabaseBuilder;
import org.springframework.jdbc.datasource.embedded.EmbeddedDatabaseType;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.web.SecurityFilterChain;

/** Sorts insurance claims. Knows a language model only as {@code direct:chat}. */
@SpringBootApplication
public class ClaimsDesk {
  public static void main(String[] args) {
    SpringApplication.run(ClaimsDesk.class, args);
  }

  @Bean
  ObjectMapper mapper() {
    return new ObjectMapper().setPropertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE);
  }

  @Bean
  DataSource claims() {
    return new EmbeddedDatabaseBuilder().setType(EmbeddedDatabaseType.H2).setName("claims").build();
  }

  /** Dromedary's doors have keys of their own. */
  @Bean
  SecurityFilterChain security(HttpSecurity http) throws Exception {
    return http.csrf(csrf -> csrf.disable()).authorizeHttpRequests(paths -> paths.requestMatchers("/llm/**", "/actuator/health", "/error").permitAll().anyRequest().authenticated()).httpBasic(Customizer.withDefaults()).build();
  }
}
