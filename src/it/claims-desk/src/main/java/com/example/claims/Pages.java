package com.example.claims;

import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

@RestController
class Pages {
  record Page(String openClaims) {}

  @GetMapping("/pages/open")
  Page open() {
    return new Page("none");
  }
}
