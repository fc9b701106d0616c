package io.dromedary.alert;

class AlertsOnH2Test extends AlertsContract {
  @Override
  String freshUrl() {
    return "";
  }
}
