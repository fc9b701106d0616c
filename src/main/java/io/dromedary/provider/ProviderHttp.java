package io.dromedary.provider;

import io.dromedary.chat.ProviderFailure;
import io.dromedary.chat.ProviderFailure.Kind;
import java.io.IOException;
import java.net.URI;
import java.util.concurrent.Semaphore;
import org.apache.hc.client5.http.classic.methods.HttpUriRequestBase;
import org.apache.hc.client5.http.config.ConnectionConfig;
import org.apache.hc.client5.http.config.RequestConfig;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.apache.hc.client5.http.impl.classic.HttpClients;
import org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManagerBuilder;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.ContentType;
import org.apache.hc.core5.http.HttpHost;
import org.apache.hc.core5.http.io.entity.ByteArrayEntity;
import org.apache.hc.core5.util.TimeValue;
import org.apache.hc.core5.util.Timeout;

/**
 * One account's own connections and permits, so that a provider that hangs touches no other (F1). No redirects, no cookies, no retries of its own: there is one place that retries, and it is not here.
 */
final class ProviderHttp implements AutoCloseable {
  private final ProviderAccount account;
  private final HttpHost host;
  private final CloseableHttpClient client;
  private final AccountPace pace;
  private final Semaphore streams;

  ProviderHttp(ProviderAccount account, Pacing pacing) {
    this.account = account;
    this.pace = new AccountPace(account.maxConcurrent(), pacing);
    this.host = HttpHost.create(URI.create(account.baseUrl()));
    this.streams = new Semaphore(account.maxStreams());
    int connections = account.maxConcurrent() + account.maxStreams();
    Timeout connect = Timeout.of(account.connectTimeout());
    // CallWatch ends every read that takes too long. A timeout of the socket's own would cost one more system call for each chunk.
    Timeout read = Timeout.DISABLED;
    this.client = HttpClients.custom()
        .setConnectionManager(PoolingHttpClientConnectionManagerBuilder.create()
            .setMaxConnPerRoute(connections)
            .setMaxConnTotal(connections)
            .setDefaultConnectionConfig(ConnectionConfig.custom().setConnectTimeout(connect).setSocketTimeout(read).setValidateAfterInactivity(TimeValue.ofSeconds(1)).build())
            .build())
        .setDefaultRequestConfig(RequestConfig.custom().setConnectionRequestTimeout(Timeout.of(account.permitWait())).setResponseTimeout(read).build())
        .disableAutomaticRetries().disableRedirectHandling().disableCookieManagement().disableAuthCaching().disableContentCompression().disableConnectionState()
        .evictIdleConnections(TimeValue.ofSeconds(30))
        .setUserAgent("dromedary")
        .build();
  }

  URI uri(String path) {
    return URI.create(account.baseUrl() + path);
  }

  HttpUriRequestBase post(String path, byte[] body) {
    HttpUriRequestBase request = new HttpUriRequestBase("POST", uri(path));
    request.setEntity(new ByteArrayEntity(body, ContentType.APPLICATION_JSON));
    return request;
  }

  HttpUriRequestBase get(String path) {
    return new HttpUriRequestBase("GET", URI.create(account.baseUrl() + path));
  }

  ClassicHttpResponse open(HttpUriRequestBase request) throws IOException {
    return client.executeOpen(host, request, null);
  }

  /** Takes a place among the calls that wait for this account. @throws ProviderFailure {@link Kind#NOT_CALLED} when none comes free in time */
  void enter(long waitNanos) {
    try {
      if (!pace.enter(Math.max(0, Math.min(waitNanos, account.permitWait().toNanos())))) {
        throw ProviderFailure.of(Kind.NOT_CALLED, account.id(), "provider `" + account.id() + "` has " + pace.limit() + " calls waiting already, its limit here");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw ProviderFailure.of(Kind.CANCELLED, account.id(), "the gateway is stopping");
    }
  }

  void leave() {
    pace.leave();
  }

  AccountPace pace() {
    return pace;
  }

  boolean enterStream() {
    return streams.tryAcquire();
  }

  void leaveStream() {
    streams.release();
  }

  int inFlight() {
    return pace.inFlight();
  }

  int openStreams() {
    return account.maxStreams() - streams.availablePermits();
  }

  @Override
  public void close() throws IOException {
    client.close();
  }
}
