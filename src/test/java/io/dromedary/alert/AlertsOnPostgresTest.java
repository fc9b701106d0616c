package io.dromedary.alert;

import io.dromedary.testing.Postgres;

class AlertsOnPostgresTest extends AlertsContract {
  @Override
  String freshUrl() throws Exception {
    return Postgres.freshUrl();
  }
}
