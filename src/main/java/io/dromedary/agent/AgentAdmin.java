package io.dromedary.agent;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.FieldReader;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.Objects;
import java.util.TreeSet;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** Agents as the admin sees and changes them: the bean of {@code /admin/agents}. Those of the file are changed there. */
public final class AgentAdmin {
  private interface Work {
    void on(Connection connection) throws SQLException;
  }

  private final Agents agents;
  private final DataSource dataSource;
  private final Clock clock;

  public AgentAdmin(Agents agents, DataSource dataSource, Clock clock) {
    this.agents = agents;
    this.dataSource = dataSource;
    this.clock = clock;
  }

  /** {@code GET /admin/agents}. */
  public ObjectNode list() {
    ObjectNode list = Json.object().put("object", "list");
    ArrayNode data = list.putArray("data");
    agents.all().values().forEach(agent -> data.add(shown(agent)));
    return list;
  }

  /** {@code POST /admin/agents} with {@code name}, {@code org} or {@code project} or neither, and what an agent may say in {@code agents.yaml}. @throws Problem 400 naming the field, 409 for a name that is taken */
  public ObjectNode create(Inbound in) {
    Agent agent = read(in, null);
    if (agents.all().containsKey(agent.key())) {
      throw conflict(agent.name(), agents.all().get(agent.key()));
    }
    change(connection -> {
      long now = clock.millis();
      run(connection, "INSERT INTO dromedary_agents (owner, name, definition, created_at_ms, updated_at_ms) VALUES (?, ?, ?, ?, ?)", agent.owner(), agent.name(), Json.text(agent.definition()), now, now);
    });
    return shown(known(agent.key(), agent.name()));
  }

  /** {@code PUT /admin/agents/{name}?org=|project=}: all that is said of it, anew. @throws Problem 400, 404, 409 for one of the file */
  public ObjectNode replace(Inbound in) {
    Agent old = ours(known(Agent.key(owner(in), in.name()), in.name()));
    Agent agent = read(in, old);
    change(connection -> run(connection, "UPDATE dromedary_agents SET definition = ?, updated_at_ms = ? WHERE owner = ? AND name = ?", Json.text(agent.definition()), clock.millis(), agent.owner(), agent.name()));
    return shown(known(agent.key(), agent.name()));
  }

  /** {@code DELETE /admin/agents/{name}?org=|project=}. @throws Problem 404, 409 for one of the file */
  public ObjectNode remove(Inbound in) {
    Agent agent = ours(known(Agent.key(owner(in), in.name()), in.name()));
    change(connection -> run(connection, "DELETE FROM dromedary_agents WHERE owner = ? AND name = ?", agent.owner(), agent.name()));
    return Json.object().put("id", Agent.PREFIX + agent.name()).put("object", "agent").put("deleted", true);
  }

  private static String owner(Inbound in) {
    String project = in.query().get("project");
    String org = in.query().get("org");
    if (project != null && org != null) {
      throw Problem.badField("org", "`org` and `project` cannot stand together");
    }
    return project != null ? "project:" + project : org != null ? "org:" + org : "*";
  }

  private static Agent read(Inbound in, @Nullable Agent old) {
    ObjectNode asked = FieldReader.words(Json.readStrictly(in.body()));
    if (old != null) {
      // it keeps its name and its owner
      asked.put("name", old.name());
      for (String field : new String[] {"org", "project"}) {
        asked.remove(field);
        if (old.owner().startsWith(field + ":")) {
          asked.put(field, old.owner().substring(field.length() + 1));
        }
      }
    }
    AgentReader reader = new AgentReader(false);
    Agent agent = reader.agent(asked, "");
    reader.refuse();
    return Objects.requireNonNull(agent);
  }

  private Agent known(String key, String name) {
    Agent agent = agents.all().get(key);
    if (agent == null) {
      throw Problem.notFound("no agent `" + Problem.clip(name) + "` is known here; whose it is stands in the query: ?project= or ?org=, neither for everybody's");
    }
    return agent;
  }

  private static Agent ours(Agent agent) {
    if (agent.fromFile()) {
      throw conflict(agent.name(), agent);
    }
    return agent;
  }

  private static Problem conflict(String name, Agent there) {
    return new Problem(409, "invalid_request_error", "agent `" + name + "` is " + (there.fromFile() ? "in config/agents.yaml and is changed there" : "there already; PUT /admin/agents/" + name + " changes it")).code("conflict")
        .shouldRetry(false);
  }

  private static ObjectNode shown(Agent agent) {
    ObjectNode shown = Json.object().put("id", Agent.PREFIX + agent.name()).put("object", "agent").put("source", agent.fromFile() ? "file" : "database");
    TreeSet<String> names = new TreeSet<>();
    agent.definition().fieldNames().forEachRemaining(names::add);
    names.forEach(name -> shown.set(name.replace('-', '_'), agent.definition().get(name)));
    return shown;
  }

  /** All nodes hear of it by the version that grows with it. */
  private void change(Work work) {
    try (Connection connection = dataSource.getConnection()) {
      connection.setAutoCommit(false);
      try {
        run(connection, "UPDATE dromedary_access SET version = version + 1 WHERE id = 1");
        work.on(connection);
        connection.commit();
      } catch (SQLException | RuntimeException e) {
        connection.rollback();
        throw e;
      } finally {
        connection.setAutoCommit(true);
      }
    } catch (SQLException e) {
      if (e.getSQLState() != null && e.getSQLState().startsWith("23")) {
        throw new Problem(409, "invalid_request_error", "an agent of that name was made by somebody else just now").code("conflict").shouldRetry(false);
      }
      throw new Problem(503, "service_unavailable_error", "the database cannot be written just now; nothing was changed, try again shortly").code("store_unavailable").retryAfter(Duration.ofSeconds(2));
    }
    agents.refresh();
  }

  private static void run(Connection connection, String sql, Object... values) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      for (int i = 0; i < values.length; i++) {
        statement.setObject(i + 1, values[i]);
      }
      statement.executeUpdate();
    }
  }
}
